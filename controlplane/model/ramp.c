/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/ramp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint64_t ramp_ticks(uint64_t ms, uint32_t duration_ms)
{
	return duration_ms < RAMP_STEPS ? 0 : ms / (duration_ms / RAMP_STEPS);
}

uint8_t ramp_step(uint64_t start_ms, uint64_t now_ms, uint32_t duration_ms)
{
	uint64_t start = ramp_ticks(start_ms, duration_ms), now = ramp_ticks(now_ms, duration_ms);

	if (duration_ms < RAMP_STEPS)
		return 0;
	return now <= start ? 1 : now - start < RAMP_STEPS - 1 ? (uint8_t)(now - start + 1) : 0;
}

uint64_t ramp_start(uint8_t step, uint64_t now_ms, uint32_t duration_ms)
{
	uint64_t passed_ms = step > 0 ? (step - 1ull) * (duration_ms / RAMP_STEPS) : duration_ms;

	return now_ms > passed_ms ? now_ms - passed_ms : 0;
}

static bool ramp_is_slow(const struct maglev_member *member, const uint8_t *steps)
{
	return steps[member->value] > 0 && steps[member->value] < RAMP_STEPS;
}

/* Which of a member's slots come at which step is a matter of chance, and the same on all nodes. */
uint8_t ramp_step_of_slot(uint64_t key, uint32_t slot)
{
	return (uint8_t)(1 + lb_hash_mix((key | 1) ^ (slot + 1) * LB_HASH_MUL1) % RAMP_STEPS);
}

/* The members at their full share. Return: how many. */
static uint32_t ramp_rest(const struct maglev_member *members, uint32_t n, const uint8_t *steps,
			  struct maglev_member *rest)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!ramp_is_slow(&members[i], steps))
			rest[count++] = members[i];
	return count;
}

/* By value of a member. */
struct ramp_member {
	uint64_t key; /* 0: it has all of its slots */
	uint32_t slots;
};

static void ramp_mix(const struct ramp_member *ramps, const uint8_t *steps, const uint16_t *with,
		     uint16_t *slots, uint32_t n_slots)
{
	for (uint32_t slot = 0; slot < n_slots; slot++) {
		uint16_t value = with[slot];

		if (ramps[value].key && ramp_step_of_slot(ramps[value].key, slot) <= steps[value])
			slots[slot] = value;
	}
}

/* @with: the table with all members at full share; @slots: the one of the rest. */
static int ramp_merge(struct maglev_member *members, uint32_t n, const uint8_t *steps,
		      const uint16_t *with, uint16_t *slots, uint32_t n_slots)
{
	struct ramp_member *ramps = calloc(UINT16_MAX + 1, sizeof(*ramps));

	if (!ramps)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (ramp_is_slow(&members[i], steps))
			ramps[members[i].value].key = members[i].key | 1;
	ramp_mix(ramps, steps, with, slots, n_slots);
	for (uint32_t slot = 0; slot < n_slots; slot++)
		ramps[slots[slot]].slots++;
	for (uint32_t i = 0; i < n; i++)
		members[i].slots = ramps[members[i].value].slots;
	free(ramps);
	return 0;
}

int ramp_build(struct maglev_member *members, uint32_t n, const uint8_t *steps, uint16_t *slots,
	       uint32_t n_slots)
{
	struct maglev_member *rest = calloc(n + 1, sizeof(*rest));
	uint16_t *with = malloc(n_slots * sizeof(*with));
	uint32_t n_rest;
	int err = -ENOMEM;

	if (!rest || !with)
		goto out;
	n_rest = ramp_rest(members, n, steps, rest);
	if (n_rest == 0 || n_rest == n) {
		err = maglev_build(members, n, slots, n_slots);
		goto out;
	}
	err = maglev_build(members, n, with, n_slots);
	if (!err)
		err = maglev_build(rest, n_rest, slots, n_slots);
	if (!err)
		err = ramp_merge(members, n, steps, with, slots, n_slots);
out:
	free(rest);
	free(with);
	return err;
}
