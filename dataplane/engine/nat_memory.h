/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's records of translated connections (core/lb_nat_find.h): their sweep and their survival. */
#ifndef ENGINE_NAT_MEMORY_H
#define ENGINE_NAT_MEMORY_H

#include "dataplane/core/lb_nat_find.h"
#include "dataplane/core/lb_stats.h"
#include "dataplane/engine/flow_table.h"

#define NAT_SWEEP_TICKS 96 /* ticks of a round over all records */

LB_STATIC_ASSERT(NAT_SWEEP_TICKS <= 4 * FLOW_TABLE_SWEEP_TICKS, "LB_CHECK_TICKS_MAX has the room");

struct nat_sweep {
	uint32_t next; /* record */
	uint32_t done; /* since the last tick */
};

/**
 * Free expired records of a few more. To be called until it returns 0 in every tick, then with
 * sweep->done = 0.
 * @max: records now, at most. Return: records looked at. Context: the worker.
 */
uint32_t nat_sweep(struct nat_sweep *sweep, const struct lb_nat *nat, struct lb_worker_stats *stats,
		   uint16_t now, uint32_t max);

/**
 * Go through a worker's records that a predecessor has left: free what has expired since, and
 * count the rest.
 * @keep: ended and now are read. Context: any thread.
 */
void nat_keep(struct lb_nat_memory *memory, uint32_t n_records,
	      const struct lb_nat_timeouts *timeouts, const struct flow_keep *keep,
	      struct lb_worker_stats *stats);

#endif
