/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables in plain memory: see core/lb_memory.h. */
#ifndef LB_TABLES_H
#define LB_TABLES_H

#include "dataplane/core/lb_flow.h"
#include "dataplane/core/lb_instance.h"
#include "dataplane/core/lb_journal.h"
#include "dataplane/core/lb_nat.h"
#include "dataplane/core/lb_rate.h"
#include "dataplane/core/lb_service.h"
#include "dataplane/core/lb_stats.h"

/* A flow table: its buckets, and the counters of the flows in it. */
struct lb_table {
	struct lb_bucket *bucket;
	uint32_t n_buckets;
	struct lb_worker_stats *stats;
	struct lb_instance_stats *instance_stats; /* [LB_INSTANCES_MAX] */
	/* For a table that outlives its writer; else NULL: */
	struct lb_journal *journal;
	const uint32_t *lock; /* the writer may write as long as this is ... */
	uint32_t held;	      /* ... equal to this */
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

/**
 * Whether the table has another writer by now: this one was stopped, perhaps in the middle of a
 * change, and its lock was taken.
 */
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

LB_INLINE uint32_t lb_instance_index(const struct lb_instances *instances,
				     const struct lb_instance *instance)
{
	return (uint32_t)(instance - instances->instance);
}

/** Instance in a slot of the current table. @slot: below n_current. */
LB_INLINE uint32_t lb_pool_current(const struct lb_pool_view *pool, uint32_t slot)
{
	return pool->current[slot];
}

LB_INLINE uint32_t lb_pool_previous(const struct lb_pool_view *pool, uint32_t slot)
{
	return pool->previous[slot];
}

/* What decides on a worker's packets: its generation of tables, and what the worker has. */
struct lb_env {
	struct lb_table table;
	struct lb_instances instances;
	const struct lb_service_table *services;
	const struct lb_secret *secret;
	const struct lb_flow_timeouts *timeouts;
	const struct lb_pool_view *pools;
	struct lb_rate *peek_rate;   /* of lookups in peers' tables */
	struct lb_rate *kernel_rate; /* of packets to the kernel */
	struct lb_rate *icmp_rate;   /* of ICMP errors made here */
	uint32_t peek_burst;
	uint32_t kernel_burst;
	uint32_t n_peers;
	uint32_t mtu;		       /* bytes of an IP packet that may be sent */
	bool is_shared;		       /* the port has other users, too */
	struct lb_table *const *peers; /* tables whose flows may arrive here, and its own */
	const struct lb_table *own;    /* as it is in peers */
	const struct lb_nat *nat;      /* NULL: nothing is translated */
};

/* How a packet names what decides on it. */
struct lb_where {
	const struct lb_env *env;
};

/** Whether the table has another writer now, and may only be read. Never: workers wait for it. */
LB_INLINE bool lb_where_is_locked(const struct lb_where *where)
{
	(void)where;
	return false;
}

/** Return: false if there is nothing to decide with. */
LB_INLINE bool lb_env_open(struct lb_env *env, const struct lb_where *where)
{
	*env = *where->env;
	return true;
}

/* Words of core/lb_access.h. */
struct lb_access {
	const uint64_t *word;
	uint32_t n;
};

/** Open those of the packet's generation. Return: false if there are none. */
LB_INLINE bool lb_access_open(struct lb_access *access, const struct lb_where *where)
{
	const struct lb_service_table *table = where->env->services;

	access->word = (const uint64_t *)(const void *)&table->slot[(size_t)table->mask + 1];
	access->n = table->access_words;
	return access->n != 0;
}

/** A word; 0 if there is none at @index. */
LB_INLINE uint64_t lb_access_word(const struct lb_access *access, uint32_t index)
{
	return index < access->n ? access->word[index] : 0;
}

/** Return: whether packets are translated; by lb_env_nat(), then. */
LB_INLINE bool lb_env_open_nat(struct lb_env *env)
{
	return env->nat != NULL;
}

LB_INLINE const struct lb_nat *lb_env_nat(const struct lb_env *env)
{
	return env->nat;
}

LB_INLINE struct lb_pool_view lb_env_pool(const struct lb_env *env, uint32_t pool)
{
	return env->pools[pool];
}

/** Whether the worker records flows. */
LB_INLINE bool lb_env_has_table(const struct lb_env *env)
{
	(void)env;
	return true;
}

LB_INLINE bool lb_env_has_peers(const struct lb_env *env)
{
	return env->n_peers > 1;
}

#define LB_PEERS_MAX UINT32_MAX

/** A peer's table. @peer: below n_peers. Return: false if it is the worker's own. */
LB_INLINE bool lb_env_peer(const struct lb_env *env, uint32_t peer, struct lb_table *table)
{
	if (env->peers[peer] == env->own)
		return false;
	*table = *env->peers[peer];
	return true;
}

/** A slot of the service table. @index: not above its mask. */
LB_INLINE const struct lb_service *lb_service_at(const struct lb_service_table *table,
						 uint32_t index)
{
	return &table->slot[index];
}

#endif
