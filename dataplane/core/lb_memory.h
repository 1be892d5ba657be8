/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the packet core reaches tables: plain memory. A dataplane whose tables lie
 * elsewhere (in BPF maps) brings structs and functions of the same names, says
 * so with LB_MEMORY_OWN, and runs the same decisions on them. There a function
 * may find nothing and return NULL; here none does.
 */
#ifndef LB_MEMORY_H
#define LB_MEMORY_H

#include "dataplane/core/lb_flow.h"
#include "dataplane/core/lb_instance.h"
#include "dataplane/core/lb_journal.h"
#include "dataplane/core/lb_stats.h"

#ifndef LB_MEMORY_OWN

/* A flow table: its buckets, and the counters that follow what is in it. */
struct lb_table {
	struct lb_bucket *bucket;
	uint32_t n_buckets;
	struct lb_worker_stats *stats;
	struct lb_instance_stats *instance_stats; /* [LB_INSTANCES_MAX] */
	/* Of a table that outlives its writer, or NULL: */
	struct lb_journal *journal;
	const uint32_t *lock; /* as long as it is … */
	uint32_t held;	      /* … so, the writer may write */
};

/* The instances of a generation. */
struct lb_instances {
	const struct lb_instance *instance;
	uint32_t n;
};

/* The two generations of a pool's slot table; an absent one has no slots. */
struct lb_pool_view {
	const uint16_t *current;
	const uint16_t *previous;
	uint32_t n_current;
	uint32_t n_previous;
};

LB_INLINE struct lb_bucket *lb_table_bucket(const struct lb_table *table, uint32_t index)
{
	return &table->bucket[index];
}

LB_INLINE struct lb_instance_stats *lb_table_counts(const struct lb_table *table, uint32_t instance)
{
	return &table->instance_stats[instance];
}

LB_INLINE struct lb_journal *lb_table_journal(const struct lb_table *table)
{
	return table->journal;
}

LB_INLINE uint32_t lb_table_index(const struct lb_table *table, const struct lb_bucket *bucket)
{
	return (uint32_t)(bucket - table->bucket);
}

/** Whether somebody else writes by now: its writer was stopped, in the middle of it perhaps, and waited for no longer. */
LB_INLINE bool lb_table_is_lost(const struct lb_table *table)
{
	return table->lock && lb_load_acquire(table->lock) != table->held;
}

/** An instance, or NULL if there is none of that index. */
LB_INLINE const struct lb_instance *lb_instance_at(const struct lb_instances *instances,
						   uint32_t index)
{
	return index < instances->n ? &instances->instance[index] : NULL;
}

/** What a slot of the current table says; @slot is below n_current. */
LB_INLINE uint32_t lb_pool_current(const struct lb_pool_view *pool, uint32_t slot)
{
	return pool->current[slot];
}

LB_INLINE uint32_t lb_pool_previous(const struct lb_pool_view *pool, uint32_t slot)
{
	return pool->previous[slot];
}

#endif

LB_INLINE bool lb_instance_has(const struct lb_instances *instances, uint32_t index,
			       enum lb_instance_flag flag)
{
	const struct lb_instance *instance = lb_instance_at(instances, index);

	return instance && (instance->flags & flag);
}

#endif
