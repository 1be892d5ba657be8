/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Tables in BPF maps: see dataplane/core/lb_memory.h. */
#ifndef BPF_MAPS_LB_TABLES_H
#define BPF_MAPS_LB_TABLES_H

#include "bpf/sluice_xdp_maps.h"
#include "lb_records.h"

struct lb_table {
	struct lb_worker_stats *stats;
	uint32_t first; /* bucket in the flows map */
	uint32_t n_buckets;
	uint32_t counts; /* first one in the counts map */
};

/* No journal: this program cannot be killed, and its lock is never taken from it. */
LB_INLINE struct lb_journal *lb_table_journal(const struct lb_table *table)
{
	(void)table;
	return NULL;
}

LB_INLINE uint32_t lb_table_index(const struct lb_table *table, const struct lb_bucket *bucket)
{
	(void)table;
	(void)bucket;
	return 0;
}

LB_INLINE bool lb_table_is_lost(const struct lb_table *table)
{
	(void)table;
	return false;
}

struct lb_instances {
	uint32_t first;
	uint32_t n;
};

LB_INLINE struct lb_bucket *lb_table_bucket(const struct lb_table *table, uint32_t index)
{
	return lb_xdp_at(&xdp_flows, table->first + index);
}

LB_INLINE struct lb_instance_stats *lb_table_counts(const struct lb_table *table, uint32_t instance)
{
	return lb_xdp_at(&xdp_counts, table->counts + instance % LB_XDP_INSTANCES_MAX);
}

LB_INLINE const struct lb_instance *lb_instance_at(const struct lb_instances *instances,
						   uint32_t index)
{
	if (index >= instances->n)
		return NULL;
	return lb_xdp_at(&xdp_instances, instances->first + index);
}

/* The two tables of a pool: first lines in the slots map, and slots. */
struct lb_pool_view {
	uint32_t current;
	uint32_t previous;
	uint32_t n_current;
	uint32_t n_previous;
};

LB_INLINE uint32_t lb_xdp_slot(uint32_t first_line, uint32_t slot)
{
	const struct lb_xdp_line *line;

	line = lb_xdp_at(&xdp_slots, first_line + slot / LB_XDP_LINE_SLOTS);
	return line ? line->slot[slot % LB_XDP_LINE_SLOTS] : LB_INSTANCE_NONE;
}

LB_INLINE uint32_t lb_pool_current(const struct lb_pool_view *pool, uint32_t slot)
{
	return lb_xdp_slot(pool->current, slot);
}

LB_INLINE uint32_t lb_pool_previous(const struct lb_pool_view *pool, uint32_t slot)
{
	return lb_xdp_slot(pool->previous, slot);
}

/* How a packet names the memory of its CPU and its generation. */
struct lb_where {
	uint32_t generation; /* 0 or 1 */
	uint32_t cpu_id;     /* or that of the queue: the row of counters and rates */
	uint32_t locked; /* the number, plus one, of a region that another one writes now, or 0 */
};

/* The packet may read its region, but not write it. */
LB_INLINE bool lb_where_is_locked(const struct lb_where *where)
{
	return where->locked != 0;
}

struct lb_env {
	struct lb_xdp_cpu *cpu;
	const struct lb_xdp_generation *gen;
	struct lb_table table;
	struct lb_instances instances;
	const struct lb_service_table *services;
	const struct lb_secret *secret;
	const struct lb_flow_timeouts *timeouts;
	struct lb_rate *peek_rate;
	struct lb_rate *kernel_rate;
	struct lb_rate *icmp_rate;
	struct lb_nat nat; /* lb_env_open_nat() */
	uint32_t generation;
	uint32_t region;
	uint32_t spare_region; /* for one that has none */
	uint32_t peek_burst;
	uint32_t kernel_burst;
	uint32_t n_peers;
	uint32_t mtu;
	bool is_shared;
};

LB_INLINE const struct lb_xdp_generation *lb_xdp_generation_at(uint32_t generation)
{
	return &lb_xdp_control.generation[generation & 1];
}

/* A CPU without a region neither finds nor records flows: all its indices are too high. */
LB_INLINE bool lb_env_open(struct lb_env *env, const struct lb_where *where)
{
	struct lb_xdp_cpu *cpu = lb_xdp_at(&xdp_cpus, where->cpu_id);

	if (!cpu)
		return false;
	env->cpu = cpu;
	env->gen = lb_xdp_generation_at(where->generation);
	env->generation = where->generation & 1;
	env->region = where->locked ? where->locked - 1 : cpu->region;
	env->spare_region = where->cpu_id % lb_xdp_regions;
	env->instances = (struct lb_instances){ env->gen->instances, env->gen->n_instances };
	env->table = (struct lb_table){
		.stats = &cpu->stats,
		.first = env->region * lb_xdp_buckets,
		.n_buckets = lb_xdp_buckets,
		.counts = where->cpu_id * LB_XDP_INSTANCES_MAX,
	};
	env->services = &env->gen->services;
	env->secret = &env->gen->secret;
	env->timeouts = &env->gen->timeouts;
	env->peek_rate = &cpu->peek_rate;
	env->kernel_rate = &cpu->kernel_rate;
	env->icmp_rate = &cpu->icmp_rate;
	env->peek_burst = LB_XDP_PEEKS_PER_SECOND / LB_TICKS_PER_SECOND;
	env->kernel_burst = env->gen->kernel_rate.burst;
	env->n_peers = lb_xdp_regions;
	env->mtu = env->gen->mtu;
	env->is_shared = lb_xdp_shared;
	return true;
}

struct lb_access {
	void *words; /* a map */
};

LB_INLINE bool lb_access_open(struct lb_access *access, const struct lb_where *where)
{
	const struct lb_service_table *table = &lb_xdp_generation_at(where->generation)->services;
	uint32_t half = table->first != 0;

	access->words = NULL;
	if (table->access_words)
		access->words = lb_xdp_at(&xdp_access, half);
	return access->words != NULL;
}

LB_INLINE uint64_t lb_access_word(const struct lb_access *access, uint32_t index)
{
	const uint64_t *word = lb_xdp_at(access->words, index);

	return word ? *word : 0;
}

LB_INLINE bool lb_env_open_nat(struct lb_env *env)
{
	const struct lb_xdp_nat *nat;

	if (!lb_xdp_nat_spaces)
		return false;
	nat = lb_xdp_at(&xdp_nat, env->generation);
	if (!nat || !nat->share)
		return false;
	env->nat = (struct lb_nat){
		.params = &nat->params,
		.index = &nat->index,
		.secret = &env->gen->secret,
		.n_workers = lb_xdp_regions,
		.worker = env->region == LB_XDP_REGION_NONE ? env->spare_region : env->region,
		.n_spaces = lb_xdp_nat_spaces,
		.room = lb_xdp_nat_room,
		.share = nat->share,
		.services = env->gen->services.first,
		.inverse = nat->inverse,
	};
	return true;
}

LB_INLINE const struct lb_nat *lb_env_nat(const struct lb_env *env)
{
	return &env->nat;
}

LB_INLINE struct lb_pool_view lb_env_pool(const struct lb_env *env, uint32_t index)
{
	const struct lb_xdp_pool *pool = &env->gen->pool[index % LB_XDP_POOLS_MAX];

	return (struct lb_pool_view){ pool->current, pool->previous, pool->n_current,
				      pool->n_previous };
}

LB_INLINE bool lb_env_has_table(const struct lb_env *env)
{
	return env->region != LB_XDP_REGION_NONE;
}

LB_INLINE bool lb_env_has_peers(const struct lb_env *env)
{
	return lb_xdp_regions > 1 || !lb_env_has_table(env);
}

#define LB_PEERS_MAX LB_XDP_REGIONS_MAX

LB_INLINE bool lb_env_peer(const struct lb_env *env, uint32_t peer, struct lb_table *table)
{
	if (peer == env->region)
		return false;
	*table = env->table;
	table->first = peer * lb_xdp_buckets;
	return true;
}

LB_INLINE const struct lb_service *lb_service_at(const struct lb_service_table *table,
						 uint32_t index)
{
	return lb_xdp_at(&xdp_services, table->first + index);
}

#endif
