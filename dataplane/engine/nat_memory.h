/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's records of translated connections (core/lb_nat_find.h): their survival. */
#ifndef ENGINE_NAT_MEMORY_H
#define ENGINE_NAT_MEMORY_H

#include "dataplane/core/lb_nat_find.h"
#include "dataplane/core/lb_stats.h"
#include "dataplane/engine/flow_table.h"

/**
 * Go through a worker's records that a predecessor has left: free what has expired since, and
 * count the rest.
 * @keep: ended and now are read. Context: any thread.
 */
void nat_keep(const struct lb_nat_memory *memory, uint32_t n_records,
	      const struct lb_nat_timeouts *timeouts, const struct flow_keep *keep,
	      struct lb_worker_stats *stats);

#endif
