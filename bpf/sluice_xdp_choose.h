/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The instance of a packet: from this CPU's region of the flow table, from another CPU's region, or
 * from the pool's slots.
 */
#ifndef BPF_SLUICE_XDP_CHOOSE_H
#define BPF_SLUICE_XDP_CHOOSE_H

#include "bpf/sluice_xdp_packet.h"

/* Flags of a choice, which has the instance in its low 16 bits. */
#define LB_XDP_VIP_SOURCE 0x10000u /* no instance: the source is a VIP */
#define LB_XDP_RECORD 0x20000u
#define LB_XDP_PINNED 0x40000u	    /* may evict the oldest flow */
#define LB_XDP_ESTABLISHED 0x80000u /* the flow is known to be established */
#define LB_XDP_SYN_SHIFT 16	    /* of LB_FLOW_SYN, clear of the other bits */

uint32_t lb_xdp_syn(struct xdp_md *ctx, const struct lb_xdp_packet *p);
uint32_t lb_xdp_find_anywhere(const struct lb_xdp_packet *p);
uint32_t lb_xdp_error(const struct lb_xdp_packet *p);
uint32_t lb_xdp_elsewhere(const struct lb_xdp_packet *p);
uint32_t lb_xdp_rehome(const struct lb_xdp_packet *p, uint32_t elsewhere);
uint32_t lb_xdp_again(const struct lb_xdp_packet *p);
uint32_t lb_xdp_begin(const struct lb_xdp_packet *p, uint32_t elsewhere);
uint32_t lb_xdp_choose(const struct lb_xdp_packet *p);
uint32_t lb_xdp_record(const struct lb_xdp_packet *p, uint32_t choice);

static __always_inline bool lb_xdp_is_syn(const struct lb_xdp_packet *p)
{
	return lb_flow_event(p->meta.tcp_flags) == LB_FLOW_EVENT_SYN;
}

/* The SYN bits of a packet: LB_FLOW_SYN of a home. */
LB_RARE uint32_t lb_xdp_syn(struct xdp_md *ctx, const struct lb_xdp_packet *p)
{
	const uint8_t *data = (const void *)(long)ctx->data;
	const struct lb_tcp *tcp;

	if (!p)
		return 0;
	tcp = (const void *)(data + (p->meta.l4_offset & 0x3ff /* for the verifier */));
	if (!lb_fits(tcp, sizeof(*tcp), (const void *)(long)ctx->data_end))
		return 0;
	return lb_flow_syn(tcp->seq);
}

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

/*
 * A lookup in every other region costs a cache miss or two each: limited, so that a flood can't
 * cause many. SYNs may use only half of the limit: packets of flows that have moved need it more.
 */
static __always_inline bool lb_xdp_may_peek(struct lb_xdp_cpu *cpu, bool for_syn)
{
	uint32_t reserve = for_syn ? LB_XDP_PEEKS_PER_SECOND / LB_TICKS_PER_SECOND / 2 : 0;

	if (!lb_xdp_has_others(cpu) || cpu->peek_rate.tokens < lb_xdp_regions + reserve)
		return false;
	cpu->peek_rate.tokens -= lb_xdp_regions;
	return true;
}

/* The instance of a flow in any CPU's region, starting with its own. */
LB_RARE uint32_t lb_xdp_find_anywhere(const struct lb_xdp_packet *p)
{
	struct lb_xdp_env env;
	uint32_t instance;

	if (!p || !lb_xdp_env_fill(&env, p))
		return LB_INSTANCE_NONE;
	instance = lb_table_peek(&env.table, p->key, p->spread, p->now, &env.gen->timeouts);
	if (instance != LB_INSTANCE_NONE || !lb_xdp_may_peek(env.cpu, false))
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
	struct lb_steer steer;

	if (!p || !lb_xdp_env_steer(&env, &steer, p))
		return LB_INSTANCE_NONE;
	return lb_steer_error(&steer, lb_xdp_find_anywhere(p));
}

static __always_inline uint32_t lb_xdp_choice(struct lb_selection sel)
{
	return sel.instance | (sel.record ? LB_XDP_RECORD : 0) | (sel.pinned ? LB_XDP_PINNED : 0) |
	       (sel.established ? LB_XDP_ESTABLISHED : 0) | (uint32_t)sel.syn << LB_XDP_SYN_SHIFT;
}

static __always_inline struct lb_selection lb_xdp_chosen(uint32_t choice)
{
	return (struct lb_selection){
		.instance = choice & 0xffff,
		.syn = choice >> LB_XDP_SYN_SHIFT & LB_FLOW_SYN,
		.pinned = choice & LB_XDP_PINNED,
		.record = choice & LB_XDP_RECORD,
		.established = choice & LB_XDP_ESTABLISHED,
	};
}

/*
 * A flow of another CPU's region: RSS has moved it here. A CPU without a region leaves it recorded
 * there. Return: a choice.
 */
LB_RARE uint32_t lb_xdp_elsewhere(const struct lb_xdp_packet *p)
{
	struct lb_xdp_env env;
	struct lb_steer steer;

	if (!p || !lb_xdp_env_steer(&env, &steer, p) || !lb_xdp_may_peek(env.cpu, lb_xdp_is_syn(p)))
		return LB_INSTANCE_NONE;
	for (uint32_t region = 0; region < LB_XDP_REGIONS_MAX; region++) {
		struct lb_table other = lb_xdp_region(&env.table, region);
		struct lb_selection sel = { .instance = LB_INSTANCE_NONE };
		struct lb_flow_ref ref;

		if (region >= lb_xdp_regions)
			break;
		if (region == env.cpu->region || !lb_table_find(&other, p->key, p->spread, &ref))
			continue;
		if (env.cpu->region == LB_XDP_REGION_NONE)
			sel.instance = lb_steer_borrow(&steer, ref);
		else
			sel = lb_steer_elsewhere(&steer, ref);
		if (sel.instance != LB_INSTANCE_NONE)
			return lb_xdp_choice(sel);
	}
	return LB_INSTANCE_NONE;
}

/*
 * A recorded flow whose instance no longer serves, or that has moved. @elsewhere:
 * lb_xdp_elsewhere().
 */
LB_RARE uint32_t lb_xdp_rehome(const struct lb_xdp_packet *p, uint32_t elsewhere)
{
	struct lb_selection sel = lb_xdp_chosen(elsewhere);
	struct lb_xdp_env env;
	struct lb_steer steer;
	struct lb_flow_ref ref;

	if (!p || !lb_xdp_env_steer(&env, &steer, p) ||
	    !lb_table_find(&env.table, p->key, p->spread, &ref))
		return LB_INSTANCE_NONE;
	if (sel.instance == LB_INSTANCE_NONE)
		return lb_steer_rehome(&steer, ref);
	lb_steer_return(&steer, ref, sel);
	return sel.instance;
}

/*
 * A SYN on the ports of a recorded flow. Return: its instance if it is a SYN of that flow, else
 * LB_INSTANCE_NONE.
 */
LB_RARE uint32_t lb_xdp_again(const struct lb_xdp_packet *p)
{
	struct lb_xdp_env env;
	struct lb_steer steer;
	struct lb_flow_ref ref;

	if (!p || !lb_xdp_env_steer(&env, &steer, p) ||
	    !lb_table_find(&env.table, p->key, p->spread, &ref) || lb_steer_begins(&steer, ref))
		return LB_INSTANCE_NONE;
	lb_steer_again(&steer, ref);
	return lb_bucket_instance(ref.bucket, ref.slot);
}

/* Any other SYN on the ports of a recorded flow. @elsewhere: lb_xdp_elsewhere(). */
LB_RARE uint32_t lb_xdp_begin(const struct lb_xdp_packet *p, uint32_t elsewhere)
{
	struct lb_selection sel = lb_xdp_chosen(elsewhere);
	struct lb_xdp_env env;
	struct lb_steer steer;
	struct lb_flow_ref ref;

	if (!p || !lb_xdp_env_steer(&env, &steer, p) ||
	    !lb_table_find(&env.table, p->key, p->spread, &ref))
		return LB_INSTANCE_NONE;
	if (sel.instance == LB_INSTANCE_NONE)
		return lb_steer_begin(&steer, ref);
	lb_steer_return(&steer, ref, sel);
	return sel.instance;
}

LB_RARE uint32_t lb_xdp_choose(const struct lb_xdp_packet *p)
{
	struct lb_selection sel;
	struct lb_xdp_env env;
	struct lb_steer steer;

	if (!p || !lb_xdp_env_steer(&env, &steer, p))
		return LB_INSTANCE_NONE;
	if (lb_service_is_vip_source(&env.gen->services, &p->meta))
		return LB_XDP_VIP_SOURCE;
	sel = lb_steer_miss(&steer);
	/* A flow that begins here is not recorded: its next packet must select as its SYN did. */
	if (env.cpu->region == LB_XDP_REGION_NONE)
		sel.instance = lb_select_new(&steer.pool, lb_steer_hash(&steer), steer.instances);
	return lb_xdp_choice(sel);
}

LB_RARE uint32_t lb_xdp_record(const struct lb_xdp_packet *p, uint32_t choice)
{
	struct lb_xdp_env env;
	struct lb_steer steer;

	if (!p || !lb_xdp_env_steer(&env, &steer, p))
		return 0;
	lb_steer_record(&steer, lb_xdp_chosen(choice));
	return 1;
}

/* A flow that is not in this CPU's region. */
static __always_inline uint32_t lb_xdp_miss(const struct lb_xdp_env *env,
					    const struct lb_xdp_packet *p)
{
	uint32_t choice = LB_INSTANCE_NONE;

	env->cpu->stats.flow_misses++;
	if (lb_xdp_has_others(env->cpu))
		choice = lb_xdp_elsewhere(p);
	if (choice == LB_INSTANCE_NONE)
		choice = lb_xdp_choose(p);
	if (choice & LB_XDP_RECORD)
		lb_xdp_record(p, choice);
	return choice & (LB_XDP_VIP_SOURCE | 0xffff);
}

/* A packet of a flow: the instance that the flow table knows, or a new one. */
static __always_inline uint32_t lb_xdp_flow(struct xdp_md *ctx, const struct lb_xdp_env *env,
					    struct lb_xdp_packet *p)
{
	struct lb_flow_ref ref;
	uint32_t instance;
	bool is_syn = lb_xdp_is_syn(p);

	if (lb_unlikely(is_syn))
		p->syn = (uint16_t)lb_xdp_syn(ctx, p);
	if (lb_unlikely(!lb_table_find(&env->table, p->key, p->spread, &ref)))
		return lb_xdp_miss(env, p);
	env->cpu->stats.flow_hits++;
	if (lb_unlikely(is_syn)) {
		instance = lb_xdp_again(p);
		if (instance != LB_INSTANCE_NONE)
			return instance;
		return lb_xdp_begin(p, lb_xdp_elsewhere(p));
	}
	instance = ref.bucket->home[ref.slot] & LB_FLOW_INDEX;
	lb_bucket_touch(ref.bucket, ref.slot, p->meta.tcp_flags, p->now);
	if (lb_likely(lb_instance_has(&env->instances, instance, LB_INSTANCE_SERVES)))
		return instance;
	return lb_xdp_rehome(p, lb_xdp_elsewhere(p));
}

static __always_inline uint32_t lb_xdp_instance(struct xdp_md *ctx, const struct lb_xdp_env *env,
						struct lb_xdp_packet *p)
{
	if (lb_likely(p->meta.class == LB_CLASS_FLOW))
		return lb_xdp_flow(ctx, env, p);
	return lb_xdp_error(p);
}

#endif
