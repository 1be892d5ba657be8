/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's flow table (core/lb_table.h) in memory of its own, and its sweep. */
#ifndef ENGINE_FLOW_TABLE_H
#define ENGINE_FLOW_TABLE_H

#include "dataplane/abi/lb_abi.h"
#include "dataplane/core/lb_table.h"

struct flow_table {
	struct lb_table table;
	uint32_t sweep_next;
	uint32_t sweep_done; /* buckets swept since flow_table_tick() */
};

/** Buckets of a table of @flows concurrent flows: about half load. */
uint32_t flow_table_buckets(uint32_t flows);

/** Bytes of these. */
size_t flow_table_bytes(uint32_t flows);

/**
 * Initialize a table in zeroed memory.
 * @memory: flow_table_bytes(@flows) bytes on a 64-byte boundary, owned by the caller.
 */
void flow_table_init(struct flow_table *table, void *memory, uint32_t flows,
		     struct lb_worker_stats *stats, struct lb_instance_stats *instance_stats);

/** Use an existing table, with its flows. @memory: @n_buckets of them. */
void flow_table_adopt(struct flow_table *table, void *memory, uint32_t n_buckets,
		      struct lb_worker_stats *stats, struct lb_instance_stats *instance_stats);

/* A count of a table's flows, by instance. */
struct flow_recount {
	uint32_t next; /* bucket */
	uint32_t flows[LB_INSTANCES_MAX];
};

/**
 * Count the flows of the next few buckets; after the last one, set the table's counts to what it
 * holds, less what its other writer has counted. To be called with a zeroed @recount until it
 * returns true, while nothing else changes the table.
 * @others: [LB_INSTANCES_MAX], the other writer's.
 * Context: the worker.
 */
bool flow_table_recount(struct flow_table *flows, const struct lb_instance_stats *others,
			struct flow_recount *recount, uint32_t max_buckets);

/* What is to be kept of a predecessor's flows. */
struct flow_keep {
	const struct lb_secret *secret;
	const struct lb_flow_timeouts *timeouts;
	uint32_t timeout_max;	       /* of these, in ticks */
	uint64_t ended;		       /* tick of the predecessor's last sign of life */
	uint64_t now;		       /* tick */
	struct lb_table *const *peers; /* tables of all workers */
	uint32_t n_peers;
};

/** Set what follows from the predecessor's tables; the caller sets the rest. */
void flow_keep_init(struct flow_keep *keep, const struct lb_secret *secret,
		    const struct lb_flow_timeouts *timeouts);

/**
 * Go through a table that a predecessor has left: remove what has expired since, repair what a kill
 * has torn (a slot half written or half freed, a flow that is there twice, one that was on its way
 * to another worker), and count the rest.
 * Context: any thread; other workers may go through theirs at the same time.
 */
void flow_table_keep(struct flow_table *flows, const struct flow_keep *keep);

#define FLOW_TABLE_SWEEP_TICKS 32 /* ticks of a round over the whole table */

struct flow_sweep {
	const struct lb_secret *secret;
	const struct lb_flow_timeouts *timeouts;
	const struct lb_instance *instances;
	uint32_t n_instances;
	uint16_t now;
};

/**
 * Remove expired flows, and flows of instances that no longer serve, from the next few buckets. To
 * be called until it returns 0 in every tick.
 * @max_buckets: at most this many now.
 * Return: buckets swept; 0 when this tick's share is done.
 */
uint32_t flow_table_sweep(struct flow_table *flows, const struct flow_sweep *sweep,
			  uint32_t max_buckets);

/** Whether a part of this tick's share is still to be done. */
static inline bool flow_table_sweep_is_due(const struct flow_table *flows)
{
	return flows->sweep_done <= flows->table.n_buckets / FLOW_TABLE_SWEEP_TICKS;
}

/** Start the next tick's share of the sweep. */
static inline void flow_table_tick(struct flow_table *flows)
{
	flows->sweep_done = 0;
}

#endif
