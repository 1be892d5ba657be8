/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The instance of a packet: what this CPU's region of the flow table says, or another CPU's, or the
 * pool's slots.
 */
#ifndef BPF_SLUICE_XDP_CHOOSE_H
#define BPF_SLUICE_XDP_CHOOSE_H

#include "bpf/sluice_xdp_packet.h"

/* What a choice says beside the instance in its low 16 bits. */
#define LB_XDP_VIP_SOURCE 0x10000u /* no instance: the source is a VIP */
#define LB_XDP_RECORD 0x20000u
#define LB_XDP_PINNED 0x40000u	  /* may take the oldest flow's place */
#define LB_XDP_CONFIRMED 0x80000u /* known to be established */

uint32_t lb_xdp_find_anywhere(const struct lb_xdp_packet *p);
uint32_t lb_xdp_error(const struct lb_xdp_packet *p);
uint32_t lb_xdp_rehome(const struct lb_xdp_packet *p, bool is_new);
uint32_t lb_xdp_choose_elsewhere(const struct lb_xdp_packet *p);
uint32_t lb_xdp_follow(const struct lb_xdp_packet *p);
uint32_t lb_xdp_forget_elsewhere(const struct lb_xdp_packet *p);
uint32_t lb_xdp_choose(const struct lb_xdp_packet *p);
uint32_t lb_xdp_record(const struct lb_xdp_packet *p, uint32_t choice);

static __always_inline struct lb_table lb_xdp_region(const struct lb_table *own, uint32_t region)
{
	struct lb_table table = *own;

	table.first = region * lb_xdp_buckets;
	return table;
}

/* Whether there are regions beside this CPU's own. */
static __always_inline bool lb_xdp_has_others(const struct lb_xdp_cpu *cpu)
{
	return lb_xdp_regions > 1 || cpu->region == LB_XDP_REGION_NONE;
}

/* A look into every other region costs a cache miss or two each; a flood must not buy many. */
static __always_inline bool lb_xdp_may_peek(struct lb_xdp_cpu *cpu)
{
	if (!lb_xdp_has_others(cpu) || cpu->peek_rate.tokens < lb_xdp_regions)
		return false;
	cpu->peek_rate.tokens -= lb_xdp_regions;
	return true;
}

/* What any CPU's region says of a flow; its own first. */
LB_RARE uint32_t lb_xdp_find_anywhere(const struct lb_xdp_packet *p)
{
	struct lb_xdp_env env;
	uint32_t instance;

	if (!p || !lb_xdp_env_fill(&env, p))
		return LB_INSTANCE_NONE;
	instance = lb_table_peek(&env.table, p->key, p->spread, p->now, &env.gen->timeouts);
	if (instance != LB_INSTANCE_NONE || !lb_xdp_may_peek(env.cpu))
		return instance;
	for (uint32_t region = 0; region < LB_XDP_REGIONS_MAX; region++) {
		struct lb_table other = lb_xdp_region(&env.table, region);

		if (region >= lb_xdp_regions)
			break;
		instance = lb_table_peek(&other, p->key, p->spread, p->now, &env.gen->timeouts);
		if (instance != LB_INSTANCE_NONE)
			break;
	}
	return instance;
}

LB_RARE uint32_t lb_xdp_error(const struct lb_xdp_packet *p)
{
	struct lb_xdp_env env;

	if (!p || !lb_xdp_env_steer(&env, p))
		return LB_INSTANCE_NONE;
	return lb_steer_error(&env.steer, lb_xdp_find_anywhere(p));
}

LB_RARE uint32_t lb_xdp_rehome(const struct lb_xdp_packet *p, bool is_new)
{
	struct lb_xdp_env env;
	struct lb_flow_ref ref;

	if (!p || !lb_xdp_env_steer(&env, p) || !lb_table_find(&env.table, p->key, p->spread, &ref))
		return LB_INSTANCE_NONE;
	return lb_steer_rehome(&env.steer, ref, is_new);
}

static __always_inline uint32_t lb_xdp_choice(struct lb_selection sel)
{
	return sel.instance | (sel.record ? LB_XDP_RECORD : 0) | (sel.pinned ? LB_XDP_PINNED : 0);
}

/*
 * A flow of another CPU's region: RSS has moved it here. A CPU that records nothing
 * leaves it where it is.
 */
LB_RARE uint32_t lb_xdp_choose_elsewhere(const struct lb_xdp_packet *p)
{
	struct lb_xdp_env env;

	if (!p || !lb_xdp_env_steer(&env, p) || !lb_xdp_may_peek(env.cpu))
		return LB_INSTANCE_NONE;
	for (uint32_t region = 0; region < LB_XDP_REGIONS_MAX; region++) {
		struct lb_table other = lb_xdp_region(&env.table, region);
		struct lb_selection sel;
		struct lb_flow_ref ref;

		if (region >= lb_xdp_regions)
			break;
		if (region == env.cpu->region || !lb_table_find(&other, p->key, p->spread, &ref))
			continue;
		if (lb_bucket_expired(ref.bucket, ref.slot, p->now, &env.gen->timeouts))
			continue; /* forgotten, or another CPU knows better */
		if (env.cpu->region == LB_XDP_REGION_NONE)
			return lb_steer_borrow(&env.steer, ref);
		sel = lb_steer_take_over(&env.steer, ref);
		return lb_xdp_choice(sel) | (sel.record ? LB_XDP_CONFIRMED : 0);
	}
	return LB_INSTANCE_NONE;
}

/*
 * This CPU's record has expired, by its age or because the flow was seen elsewhere since: what is
 * said there counts, and for a SYN the record is one of a flow that has ended.
 */
LB_RARE uint32_t lb_xdp_follow(const struct lb_xdp_packet *p)
{
	uint32_t choice = LB_INSTANCE_NONE;
	struct lb_flow_ref ref;
	struct lb_xdp_env env;
	uint16_t *home;
	bool is_syn;

	if (!p)
		return 0;
	is_syn = lb_flow_event(p->meta.tcp_flags) == LB_FLOW_EVENT_SYN;
	if (!is_syn)
		choice = lb_xdp_choose_elsewhere(p);
	if ((!is_syn && choice == LB_INSTANCE_NONE) || !lb_xdp_env_fill(&env, p) ||
	    !lb_table_find(&env.table, p->key, p->spread, &ref))
		return 0;
	home = &ref.bucket->instance[ref.slot];
	if (is_syn)
		lb_bucket_state_set(ref.bucket, ref.slot, LB_FLOW_CLOSED);
	else if (*home != (uint16_t)choice)
		lb_table_move(&env.table, home, (uint16_t)choice);
	return 1;
}

/*
 * A SYN begins another flow with ports that another CPU may still know from one that has ended.
 * Since the pool has changed, its instance may be another: that CPU is to ask here. What is not
 * known to have ended stays: a SYN may be anybody's.
 */
LB_RARE uint32_t lb_xdp_forget_elsewhere(const struct lb_xdp_packet *p)
{
	struct lb_xdp_env env;

	if (!p || !lb_xdp_env_steer(&env, p) || env.steer.pool->n_previous == 0 ||
	    !lb_xdp_may_peek(env.cpu))
		return 0;
	for (uint32_t region = 0; region < LB_XDP_REGIONS_MAX; region++) {
		struct lb_table other = lb_xdp_region(&env.table, region);
		struct lb_flow_ref ref;

		if (region >= lb_xdp_regions)
			break;
		if (region != env.cpu->region && lb_table_find(&other, p->key, p->spread, &ref) &&
		    lb_bucket_state(ref.bucket, ref.slot) >= LB_FLOW_FIN)
			lb_steer_expire(&env.steer, ref);
	}
	return 1;
}

LB_RARE uint32_t lb_xdp_choose(const struct lb_xdp_packet *p)
{
	struct lb_selection sel;
	struct lb_xdp_env env;

	if (!p || !lb_xdp_env_steer(&env, p))
		return LB_INSTANCE_NONE;
	if (lb_service_is_vip_source(&env.gen->services, &p->meta))
		return LB_XDP_VIP_SOURCE;
	sel = lb_steer_miss(&env.steer);
	/* What begins here is not found again: its next packet must draw as its SYN did. */
	if (env.cpu->region == LB_XDP_REGION_NONE)
		sel.instance = lb_select_new(env.steer.pool, lb_steer_hash(&env.steer),
					     env.steer.instances);
	return lb_xdp_choice(sel);
}

LB_RARE uint32_t lb_xdp_record(const struct lb_xdp_packet *p, uint32_t choice)
{
	struct lb_flow_insert flow;
	struct lb_flow_ref ref;
	struct lb_xdp_env env;

	if (!p || !lb_xdp_env_fill(&env, p))
		return 0;
	flow = (struct lb_flow_insert){
		.key = p->key,
		.spread = p->spread,
		.instance = (uint16_t)choice,
		.now = p->now,
		.may_evict = choice & LB_XDP_PINNED,
		.secret = &env.gen->secret,
		.timeouts = &env.gen->timeouts,
	};
	lb_table_insert(&env.table, &flow);
	if ((choice & LB_XDP_CONFIRMED) && lb_table_find(&env.table, p->key, p->spread, &ref)) {
		lb_bucket_touch(ref.bucket, ref.slot, LB_TCP_ACK, p->now);
		lb_bucket_touch(ref.bucket, ref.slot, p->meta.tcp_flags, p->now);
	}
	return 1;
}

/* A flow that is not in this CPU's region. */
static __always_inline uint32_t lb_xdp_miss(const struct lb_xdp_env *env,
					    const struct lb_xdp_packet *p)
{
	uint32_t choice = LB_INSTANCE_NONE;

	env->cpu->stats.flow_misses++;
	if (lb_xdp_has_others(env->cpu)) {
		if (lb_flow_event(p->meta.tcp_flags) == LB_FLOW_EVENT_SYN)
			lb_xdp_forget_elsewhere(p);
		else
			choice = lb_xdp_choose_elsewhere(p);
	}
	if (choice == LB_INSTANCE_NONE)
		choice = lb_xdp_choose(p);
	if (choice & LB_XDP_RECORD)
		lb_xdp_record(p, choice);
	return choice & (LB_XDP_VIP_SOURCE | 0xffff);
}

/* A packet of a flow: the instance that the flow table knows, or a new one. */
static __always_inline uint32_t lb_xdp_flow(const struct lb_xdp_env *env,
					    const struct lb_xdp_packet *p)
{
	struct lb_flow_ref ref;
	uint32_t instance;
	bool is_new;

	if (lb_unlikely(!lb_table_find(&env->table, p->key, p->spread, &ref)))
		return lb_xdp_miss(env, p);
	env->cpu->stats.flow_hits++;
	if (lb_xdp_regions > 1 &&
	    lb_unlikely(lb_bucket_expired(ref.bucket, ref.slot, p->now, &env->gen->timeouts)))
		lb_xdp_follow(p);
	instance = ref.bucket->instance[ref.slot];
	is_new = lb_bucket_touch(ref.bucket, ref.slot, p->meta.tcp_flags, p->now);
	if (lb_likely(!is_new && lb_instance_has(&env->instances, instance, LB_INSTANCE_SERVES)))
		return instance;
	if (lb_xdp_regions > 1 && is_new)
		lb_xdp_forget_elsewhere(p);
	return lb_xdp_rehome(p, is_new);
}

static __always_inline uint32_t lb_xdp_instance(const struct lb_xdp_env *env,
						const struct lb_xdp_packet *p)
{
	if (lb_likely(p->meta.class == LB_CLASS_FLOW))
		return lb_xdp_flow(env, p);
	return lb_xdp_error(p);
}

#endif
