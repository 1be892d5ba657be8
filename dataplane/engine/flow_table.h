/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's flow table: buckets of one cache line (core/lb_flow.h), two places
 * for each key, exact counts of flows per instance. One writer, the worker;
 * others may read with flow_table_peek().
 */
#ifndef ENGINE_FLOW_TABLE_H
#define ENGINE_FLOW_TABLE_H

#include <rte_prefetch.h>

#include "dataplane/abi/lb_abi.h"

struct flow_table {
	struct lb_bucket *bucket;
	uint32_t n_buckets;
	uint32_t sweep_next;
	uint32_t sweep_done; /* buckets swept since flow_table_tick() */
	struct lb_worker_stats *stats;
	struct lb_instance_stats *instance_stats;
};

/* Where a flow is. */
struct flow_ref {
	struct lb_bucket *bucket;
	uint32_t slot;
};

/** Bytes of memory that a table for @flows concurrent flows needs: about half load. */
size_t flow_table_bytes(uint32_t flows);

/**
 * Lay a table over zeroed memory.
 * @memory: flow_table_bytes(@flows) bytes on a 64-byte boundary, owned by the caller.
 */
void flow_table_init(struct flow_table *table, void *memory, uint32_t flows,
		     struct lb_worker_stats *stats, struct lb_instance_stats *instance_stats);

/** Primary bucket of a key's spread (lb_flow_spread()). */
static inline uint32_t flow_table_primary(const struct flow_table *table, uint64_t spread)
{
	return lb_hash_range((uint32_t)(spread >> 32), table->n_buckets);
}

/*
 * The other bucket. An involution: the sum of both follows from the key, so
 * either gives the other one.
 */
static inline uint32_t flow_table_other(const struct flow_table *table, uint64_t spread,
					uint32_t bucket)
{
	uint32_t sum = lb_hash_range((uint32_t)spread, table->n_buckets);

	return sum >= bucket ? sum - bucket : sum + table->n_buckets - bucket;
}

/**
 * Find a flow.
 * @spread: lb_flow_spread() of @key.
 * Return: false if it is not there.
 */
bool flow_table_find(const struct flow_table *table, uint64_t key, uint64_t spread,
		     struct flow_ref *ref);

struct flow_insert {
	uint64_t key;
	uint64_t spread;   /* lb_flow_spread() of @key */
	uint16_t instance;
	uint16_t now;	   /* tick */
	bool may_evict;	   /* take the longest idle confirmed flow's place if there is no other */
	const struct lb_secret *secret; /* to find the other bucket of flows that are moved aside */
	const struct lb_flow_timeouts *timeouts;
};

/**
 * Record a flow that flow_table_find() did not find; it is unconfirmed.
 * Return: false if there was no room: the flow goes unrecorded, and that is counted.
 */
bool flow_table_insert(struct flow_table *table, const struct flow_insert *flow);

/** Give a flow to another instance; its counts move too. */
void flow_table_move(struct flow_table *table, struct flow_ref ref, uint16_t instance);

/**
 * What another worker's table says of a flow. May miss a flow that is being
 * written; never returns a torn instance.
 * Return: instance, or LB_INSTANCE_NONE. Context: any thread.
 */
uint32_t flow_table_peek(const struct flow_table *table, uint64_t key, uint64_t spread);

#define FLOW_TABLE_SWEEP_TICKS 32 /* ticks that a round over the whole table takes */

struct flow_sweep {
	const struct lb_secret *secret;
	const struct lb_flow_timeouts *timeouts;
	const struct lb_instance *instances;
	uint32_t n_instances;
	uint16_t now;
};

/**
 * Forget expired flows, and flows of instances that no longer serve, in the next
 * few buckets. To be called until it returns 0 in every tick.
 * @max_buckets: at most this many now.
 * Return: buckets looked at; 0 when this tick's share is done.
 */
uint32_t flow_table_sweep(struct flow_table *table, const struct flow_sweep *sweep,
			  uint32_t max_buckets);

/** Start the next tick's share of the sweep. */
static inline void flow_table_tick(struct flow_table *table)
{
	table->sweep_done = 0;
}

#endif
