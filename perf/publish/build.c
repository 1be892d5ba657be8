/* SPDX-License-Identifier: BSD-3-Clause */
/* CPU time of building a pool's table; no dataplane is involved. */
#include <stdio.h>
#include <stdlib.h>

#include "config/base/clock.h"
#include "controlplane/model/maglev.h"
#include "dataplane/abi/lb_abi.h"
#include "perf/publish/publish.h"

#define ROUNDS 31
#define INSTANCES_MAX 1000
#define WEIGHTS 20 /* different ones, where they are not equal */

/* Different names each time, so that no two builds are alike. */
static uint64_t build_once_ns(struct publish_build *build, uint32_t round)
{
	static struct maglev_member members[INSTANCES_MAX];
	static uint16_t slots[LB_POOL_SLOTS_MAX];
	uint64_t since_ns;

	for (uint32_t i = 0; i < build->instances; i++)
		members[i] = (struct maglev_member){
			.key = lb_hash_mix((uint64_t)round << 32 | i),
			.weight = build->equal ? 100 : 10 + i % WEIGHTS * 7,
			.value = (uint16_t)i,
		};
	since_ns = clock_thread_ns();
	if (maglev_build(members, build->instances, slots, build->slots))
		return 0;
	return clock_thread_ns() - since_ns;
}

static int compare(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static void build_measure(struct publish_build *build)
{
	const uint32_t tenth = ROUNDS / 10, half = ROUNDS / 2;
	uint64_t ns[ROUNDS];

	for (uint32_t round = 0; round < ROUNDS; round++)
		ns[round] = build_once_ns(build, round);
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);
	build->low_us = (double)ns[tenth] / 1000;
	build->median_us = (double)ns[half] / 1000;
	build->high_us = (double)ns[ROUNDS - 1 - tenth] / 1000;
}

void build_run(struct publish_build builds[PUBLISH_BUILDS])
{
	static const uint32_t instances[] = { 10, 100, INSTANCES_MAX };
	static const uint32_t slots[] = { LB_POOL_SLOTS_DEFAULT, LB_POOL_SLOTS_MAX };

	for (uint32_t i = 0; i < PUBLISH_BUILDS; i++) {
		builds[i].instances = instances[i % 3];
		builds[i].equal = i / 3 % 2 == 0;
		builds[i].slots = slots[i / 6];
		build_measure(&builds[i]);
	}
}
