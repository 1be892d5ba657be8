/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* One packet, and its access to the memory of its CPU and its generation. */
#ifndef BPF_SLUICE_XDP_PACKET_H
#define BPF_SLUICE_XDP_PACKET_H

#include "bpf/sluice_xdp_maps.h"
#include "dataplane/core/lb_service_find.h"

#include "dataplane/core/lb_steer.h"

#define LB_RARE __attribute__((noinline))

/* One packet in plain numbers. */
struct lb_xdp_packet {
	struct lb_meta meta;
	uint64_t key;
	uint64_t spread;
	uint32_t salt;
	uint32_t pool;
	uint32_t generation; /* 0 or 1 */
	uint32_t cpu_id;     /* or that of the queue */
	uint32_t frame_len;  /* all buffers */
	uint16_t now;
	uint16_t syn;	 /* LB_FLOW_SYN of a SYN; read only where it is needed: rarely */
	uint8_t forward; /* enum lb_forward */
};

/* The memory of a packet's CPU and generation. */
struct lb_xdp_env {
	struct lb_xdp_cpu *cpu;
	const struct lb_xdp_generation *gen;
	struct lb_table table;
	struct lb_instances instances;
};

static __always_inline struct lb_pool_view lb_xdp_pool_at(const struct lb_xdp_generation *gen,
							  uint32_t index)
{
	const struct lb_xdp_pool *pool = &gen->pool[index % LB_XDP_POOLS_MAX];

	return (struct lb_pool_view){ pool->current, pool->previous, pool->n_current,
				      pool->n_previous };
}

static __always_inline const struct lb_xdp_generation *lb_xdp_generation_at(uint32_t generation)
{
	return &lb_xdp_control.generation[generation & 1];
}

/* A CPU without a region neither finds nor records flows: all its indices are too high. */
static __always_inline bool lb_xdp_env_fill(struct lb_xdp_env *env, const struct lb_xdp_packet *p)
{
	struct lb_xdp_cpu *cpu = lb_xdp_at(&xdp_cpus, p->cpu_id);

	if (!cpu)
		return false;
	env->cpu = cpu;
	env->gen = lb_xdp_generation_at(p->generation);
	env->instances = (struct lb_instances){ env->gen->instances, env->gen->n_instances };
	env->table = (struct lb_table){
		.stats = &env->cpu->stats,
		.first = env->cpu->region * lb_xdp_buckets,
		.n_buckets = lb_xdp_buckets,
		.counts = p->cpu_id * LB_XDP_INSTANCES_MAX,
	};
	return true;
}

/*
 * @steer: separate from @env, which would otherwise be kept on the stack as a whole, for the
 * pointers to its own fields.
 */
static __always_inline bool lb_xdp_env_steer(struct lb_xdp_env *env, struct lb_steer *steer,
					     const struct lb_xdp_packet *p)
{
	if (!lb_xdp_env_fill(env, p))
		return false;
	*steer = (struct lb_steer){
		.table = &env->table,
		.pool = lb_xdp_pool_at(env->gen, p->pool),
		.instances = &env->instances,
		.secret = &env->gen->secret,
		.timeouts = &env->gen->timeouts,
		.meta = &p->meta,
		.key = p->key,
		.spread = p->spread,
		.salt = p->salt,
		.now = p->now,
		.syn = p->syn,
	};
	return true;
}

#endif
