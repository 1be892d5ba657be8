/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/ailment.h"

#include <stdio.h>
#include <string.h>

#include "config/base/clock.h"

static bool heartbeat_is_old(const struct lb_segment *segment, uint64_t now_ns)
{
	const struct lb_node_stats *stats = lb_segment_at(segment, segment->node_stats);
	uint64_t heartbeat_ns = __atomic_load_n(&stats->heartbeat_ns, __ATOMIC_RELAXED);

	return now_ns > heartbeat_ns + AILMENT_HEARTBEAT_OLD_MS * (uint64_t)CLOCK_NS_PER_MS;
}

/* Another process has other workers. */
static bool is_another(const struct ailment *ailment, const struct lb_segment *segment)
{
	return ailment->boot_id != segment->boot_id || ailment->pid != segment->pid;
}

/* Time since the last look, as far as it counts. */
static uint64_t time_passed(struct ailment *ailment, uint64_t now_ns)
{
	const uint64_t most_ns = AILMENT_LOOK_MAX_MS * (uint64_t)CLOCK_NS_PER_MS;
	uint64_t passed_ns = now_ns - ailment->looked_ns;

	ailment->looked_ns = now_ns;
	return passed_ns < most_ns ? passed_ns : most_ns;
}

static void workers_look(struct ailment *ailment, const struct lb_segment *segment, uint32_t n,
			 uint64_t now_ns)
{
	bool another = is_another(ailment, segment);
	uint64_t passed_ns = time_passed(ailment, now_ns);

	ailment->boot_id = segment->boot_id;
	ailment->pid = segment->pid;
	for (uint32_t i = 0; i < n; i++) {
		struct ailment_worker *worker = &ailment->workers[i];
		uint64_t loops = __atomic_load_n(&lb_segment_worker_stats(segment, i)->loops,
						 __ATOMIC_RELAXED);

		worker->still_ns =
			another || loops != worker->loops ? 0 : worker->still_ns + passed_ns;
		worker->loops = loops;
	}
}

const char *ailment_look(struct ailment *ailment, const struct lb_segment *segment, bool by_workers,
			 uint64_t now_ns)
{
	uint32_t n = segment->n_workers < LB_SEGMENT_WORKERS_MAX ? segment->n_workers
								 : LB_SEGMENT_WORKERS_MAX;

	if (by_workers)
		workers_look(ailment, segment, n, now_ns);
	if (heartbeat_is_old(segment, now_ns))
		return "the dataplane does not answer";
	for (uint32_t i = 0; by_workers && i < n; i++) {
		if (ailment->workers[i].still_ns <
		    AILMENT_WORKER_OLD_MS * (uint64_t)CLOCK_NS_PER_MS)
			continue;
		snprintf(ailment->text, sizeof(ailment->text), "worker %u gets no time on CPU %u",
			 i, segment->cpu[i]);
		return ailment->text;
	}
	return NULL;
}
