/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to a packet of a service: lb_decide_instance(), and to one of none:
 * lb_decide_other(). The XDP program runs them on each packet. The DPDK pipeline finds recorded flows
 * a burst at a time, and runs them on what is left: SYNs of recorded flows, flows that are not in
 * the table or whose instance is gone, ICMP errors, packets for the kernel.
 *
 * Functions marked LB_RARE get nothing but a packet's plain numbers, and open its tables again: in
 * BPF the verifier checks each of them once, by itself, and the common path stays short in the
 * instruction cache.
 */
#ifndef LB_DECIDE_H
#define LB_DECIDE_H

#include "dataplane/core/lb_access.h"
#include "dataplane/core/lb_service_find.h"
#include "dataplane/core/lb_steer.h"

/* One packet in plain numbers. */
struct lb_packet {
	struct lb_meta meta;
	struct lb_where where; /* its tables (lb_tables.h) */
	uint64_t key;
	uint64_t spread;
	uint32_t salt;
	uint32_t pool;
	uint32_t frame_len; /* bytes, of all segments */
	uint16_t now;
	uint16_t syn;	 /* LB_FLOW_SYN of a SYN */
	uint8_t forward; /* enum lb_forward */
	uint8_t source;	 /* enum lb_nat_source */
	bool affinity;	 /* the client's address alone chooses the instance */
	bool access;	 /* only some clients may begin flows */
	lb_be16 instance_port;
	uint16_t service; /* its id */
};

/*
 * A choice: an instance in the low 16 bits, and these flags. In one word, since functions in BPF
 * return one.
 */
#define LB_CHOICE_INSTANCE 0xffffu
#define LB_CHOICE_VIP_SOURCE 0x10000u /* no instance: the source is a VIP */
#define LB_CHOICE_RECORD 0x20000u
#define LB_CHOICE_PINNED 0x40000u      /* may evict the oldest flow */
#define LB_CHOICE_ESTABLISHED 0x80000u /* the flow is known to be established */
#define LB_CHOICE_REFUSED 0x100000u    /* no instance, and none is to be looked for */
#define LB_CHOICE_DENIED 0x200000u     /* no instance: the client may not begin a flow */
#define LB_CHOICE_RESULT (LB_CHOICE_DENIED | LB_CHOICE_VIP_SOURCE | LB_CHOICE_INSTANCE)
#define LB_CHOICE_SYN_SHIFT 16 /* of LB_FLOW_SYN, clear of the other bits */

LB_RARE uint32_t lb_find_anywhere(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_error(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_elsewhere(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_rehome(const struct lb_packet *p, uint32_t elsewhere);
LB_RARE uint32_t lb_decide_again(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_begin(const struct lb_packet *p, uint32_t elsewhere);
LB_RARE uint32_t lb_decide_access(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_choose(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_record(const struct lb_packet *p, uint32_t choice);
LB_RARE uint32_t lb_decide_read(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_unrecorded(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_locked(const struct lb_packet *p);
LB_RARE uint32_t lb_decide_other(const struct lb_packet *p);

LB_INLINE uint32_t lb_choice(struct lb_selection sel)
{
	return sel.instance | (sel.record ? LB_CHOICE_RECORD : 0) |
	       (sel.pinned ? LB_CHOICE_PINNED : 0) | (sel.established ? LB_CHOICE_ESTABLISHED : 0) |
	       (uint32_t)sel.syn << LB_CHOICE_SYN_SHIFT;
}

LB_INLINE struct lb_selection lb_choice_selection(uint32_t choice)
{
	return (struct lb_selection){
		.instance = choice & LB_CHOICE_INSTANCE,
		.syn = choice >> LB_CHOICE_SYN_SHIFT & LB_FLOW_SYN,
		.pinned = choice & LB_CHOICE_PINNED,
		.record = choice & LB_CHOICE_RECORD,
		.established = choice & LB_CHOICE_ESTABLISHED,
	};
}

/* Why a choice is of no instance. */
LB_INLINE lb_result lb_choice_drop(uint32_t choice)
{
	if (choice & LB_CHOICE_DENIED)
		return lb_result_drop(LB_DROP_CLIENT_DENIED);
	return lb_result_drop(choice & LB_CHOICE_VIP_SOURCE ? LB_DROP_IP_SOURCE
							    : LB_DROP_NO_INSTANCE);
}

/** The verdict on a packet whose instance is chosen. */
LB_INLINE lb_result lb_choice_result(uint32_t choice)
{
	if (lb_likely((choice & LB_CHOICE_INSTANCE) != LB_INSTANCE_NONE))
		return LB_VERDICT_FORWARD;
	return lb_choice_drop(choice);
}

/*
 * @steer: separate from @env, which would otherwise be kept on the stack as a whole, for the
 * pointers to its own fields.
 */
LB_INLINE bool lb_packet_open(struct lb_env *env, struct lb_steer *steer, const struct lb_packet *p)
{
	if (!lb_env_open(env, &p->where))
		return false;
	*steer = (struct lb_steer){
		.table = &env->table,
		.pool = lb_env_pool(env, p->pool),
		.instances = &env->instances,
		.secret = env->secret,
		.timeouts = env->timeouts,
		.meta = &p->meta,
		.key = p->key,
		.spread = p->spread,
		.salt = p->salt,
		.affinity = p->affinity,
		.now = p->now,
		.syn = p->syn,
	};
	return true;
}

LB_INLINE bool lb_packet_is_syn(const struct lb_packet *p)
{
	return lb_flow_event(p->meta.tcp_flags) == LB_FLOW_EVENT_SYN;
}

/* ---- Clients ---- */

/* The rule for the packet's client (core/lb_access.h). */
LB_RARE uint32_t lb_decide_access(const struct lb_packet *p)
{
	struct lb_access access;

	if (!p || !lb_access_open(&access, &p->where))
		return LB_ACCESS_DENIED;
	return lb_access_rule(&access, p->service, &p->meta);
}

/**
 * Whether the packet's client may not begin a flow. To be asked for a SYN, and for a packet of a flow
 * that no worker has recorded; other packets pass, whatever the lists say by now.
 */
LB_INLINE bool lb_packet_is_denied(const struct lb_packet *p)
{
	return lb_unlikely(p->access) && (lb_decide_access(p) & LB_ACCESS_DENIED);
}

/* ---- Flows of other workers ---- */

/*
 * A lookup in peers' tables costs a cache miss or two each: limited, so that a flood can't cause
 * many. SYNs may use only half of the limit: packets of flows that have moved need it more.
 */
LB_INLINE bool lb_may_peek(const struct lb_env *env, bool for_syn)
{
	struct lb_rate *rate = env->peek_rate;
	uint32_t reserve = for_syn ? env->peek_burst / 2 : 0;

	if (!lb_env_has_peers(env) || rate->tokens < env->n_peers + reserve)
		return false;
	rate->tokens -= env->n_peers;
	return true;
}

/* The instance of a flow in any worker's table, starting with its own. */
LB_RARE uint32_t lb_find_anywhere(const struct lb_packet *p)
{
	struct lb_env env;
	uint32_t instance;

	if (!p || !lb_env_open(&env, &p->where))
		return LB_INSTANCE_NONE;
	instance = lb_table_peek(&env.table, p->key, p->spread, p->now, env.timeouts);
	if (instance != LB_INSTANCE_NONE || !lb_may_peek(&env, false))
		return instance;
	for (uint32_t peer = 0; peer < LB_PEERS_MAX && peer < env.n_peers; peer++) {
		struct lb_table other;

		if (!lb_env_peer(&env, peer, &other))
			continue;
		instance = lb_table_peek(&other, p->key, p->spread, p->now, env.timeouts);
		if (instance != LB_INSTANCE_NONE)
			break;
	}
	return instance;
}

/*
 * A flow that another worker has recorded: the NIC, or its configuration, now spreads flows
 * differently. A worker that can't record it leaves it recorded there. Return: a choice.
 */
LB_RARE uint32_t lb_decide_elsewhere(const struct lb_packet *p)
{
	struct lb_env env;
	struct lb_steer steer;

	if (!p || !lb_packet_open(&env, &steer, p) || !lb_may_peek(&env, lb_packet_is_syn(p)))
		return LB_INSTANCE_NONE;
	for (uint32_t peer = 0; peer < LB_PEERS_MAX && peer < env.n_peers; peer++) {
		struct lb_selection sel = { .instance = LB_INSTANCE_NONE };
		struct lb_flow_ref ref;
		struct lb_table other;

		if (!lb_env_peer(&env, peer, &other) ||
		    !lb_table_find(&other, p->key, p->spread, &ref))
			continue;
		if (lb_env_has_table(&env) && !lb_where_is_locked(&p->where))
			sel = lb_steer_elsewhere(&steer, ref);
		else
			sel.instance = lb_steer_borrow(&steer, ref);
		if (sel.instance != LB_INSTANCE_NONE)
			return lb_choice(sel);
	}
	return LB_INSTANCE_NONE;
}

/* ---- ICMP errors ---- */

/* The quoted flow may be another worker's: the NIC spreads errors by the router's address. */
LB_RARE uint32_t lb_decide_error(const struct lb_packet *p)
{
	struct lb_env env;
	struct lb_steer steer;

	if (!p || !lb_packet_open(&env, &steer, p))
		return LB_INSTANCE_NONE;
	return lb_steer_error(&steer, lb_find_anywhere(p));
}

/* ---- Recorded flows ---- */

/*
 * A recorded flow whose instance no longer serves, or that has moved. @elsewhere:
 * lb_decide_elsewhere().
 */
LB_RARE uint32_t lb_decide_rehome(const struct lb_packet *p, uint32_t elsewhere)
{
	struct lb_selection sel = lb_choice_selection(elsewhere);
	struct lb_env env;
	struct lb_steer steer;
	struct lb_flow_ref ref;

	if (!p || !lb_packet_open(&env, &steer, p) ||
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
LB_RARE uint32_t lb_decide_again(const struct lb_packet *p)
{
	struct lb_env env;
	struct lb_steer steer;
	struct lb_flow_ref ref;

	if (!p || !lb_packet_open(&env, &steer, p) ||
	    !lb_table_find(&env.table, p->key, p->spread, &ref) || lb_steer_begins(&steer, ref))
		return LB_INSTANCE_NONE;
	lb_steer_again(&steer, ref);
	return lb_bucket_instance(ref.bucket, ref.slot);
}

/* Any other SYN on the ports of a recorded flow. @elsewhere: lb_decide_elsewhere(). */
LB_RARE uint32_t lb_decide_begin(const struct lb_packet *p, uint32_t elsewhere)
{
	struct lb_selection sel = lb_choice_selection(elsewhere);
	struct lb_env env;
	struct lb_steer steer;
	struct lb_flow_ref ref;

	if (!p || !lb_packet_open(&env, &steer, p) ||
	    !lb_table_find(&env.table, p->key, p->spread, &ref))
		return LB_INSTANCE_NONE;
	if (sel.instance == LB_INSTANCE_NONE)
		return lb_steer_begin(&steer, ref);
	lb_steer_return(&steer, ref, sel);
	return sel.instance;
}

/** A SYN on the ports of a recorded flow. Return: a choice. */
LB_INLINE uint32_t lb_decide_syn(const struct lb_packet *p)
{
	uint32_t instance;

	if (lb_packet_is_denied(p))
		return LB_CHOICE_DENIED | LB_INSTANCE_NONE;
	instance = lb_decide_again(p);
	if (instance != LB_INSTANCE_NONE)
		return instance;
	return lb_decide_begin(p, lb_decide_elsewhere(p));
}

/* ---- Flows that are not recorded ---- */

LB_RARE uint32_t lb_decide_choose(const struct lb_packet *p)
{
	struct lb_selection sel;
	struct lb_env env;
	struct lb_steer steer;

	if (!p || !lb_packet_open(&env, &steer, p))
		return LB_INSTANCE_NONE;
	if (lb_service_is_vip_source(env.services, &p->meta))
		return LB_CHOICE_VIP_SOURCE | LB_INSTANCE_NONE;
	sel = lb_steer_miss(&steer);
	/* A flow that begins here is not recorded: its next packet must select as its SYN did. */
	if (!lb_env_has_table(&env))
		sel.instance = lb_select_new(&steer.pool, lb_steer_hash(&steer), steer.instances);
	return lb_choice(sel);
}

LB_RARE uint32_t lb_decide_record(const struct lb_packet *p, uint32_t choice)
{
	struct lb_env env;
	struct lb_steer steer;

	if (!p || !lb_packet_open(&env, &steer, p))
		return 0;
	lb_steer_record(&steer, lb_choice_selection(choice));
	return 1;
}

/** A packet of a flow that is not in this worker's table. Return: a choice. */
LB_INLINE uint32_t lb_decide_miss(const struct lb_env *env, const struct lb_packet *p)
{
	uint32_t choice = LB_INSTANCE_NONE;
	bool denied = lb_packet_is_denied(p);

	if (lb_env_has_peers(env) && !(denied && lb_packet_is_syn(p)))
		choice = lb_decide_elsewhere(p);
	if (choice == LB_INSTANCE_NONE)
		choice = denied ? LB_CHOICE_DENIED | LB_INSTANCE_NONE : lb_decide_choose(p);
	if (choice & LB_CHOICE_RECORD)
		lb_decide_record(p, choice);
	return choice & LB_CHOICE_RESULT;
}

/* ---- Flows in a table that is locked ---- */

/*
 * Another one writes the table (lb_where_is_locked()). Packets of one connection may find it locked
 * or not, so what is decided here is what its other packets get: those that find the same record,
 * or the same lack of one.
 */

/* By the record, which stays as it is. Return: a choice. */
LB_RARE uint32_t lb_decide_read(const struct lb_packet *p)
{
	struct lb_env env;
	struct lb_steer steer;
	struct lb_flow_ref ref;
	uint32_t instance;

	if (!p || !lb_packet_open(&env, &steer, p))
		return LB_INSTANCE_NONE;
	if (!lb_table_find(&env.table, p->key, p->spread, &ref)) {
		env.table.stats->flow_misses++;
		return LB_INSTANCE_NONE;
	}
	env.table.stats->flow_hits++;
	instance = lb_load_acquire(&ref.bucket->home[ref.slot]) & LB_FLOW_INDEX;
	if (lb_load_acquire(&ref.bucket->key[ref.slot]) != p->key ||
	    !lb_instance_has(&env.instances, instance, LB_INSTANCE_SERVES))
		return LB_INSTANCE_NONE;
	if (!lb_steer_may_follow(&steer, ref, instance))
		return LB_CHOICE_REFUSED | LB_INSTANCE_NONE;
	ref.bucket->seen[ref.slot] = p->now;
	return instance;
}

/*
 * By the pool's slots. A SYN goes where the flow's other packets will, unless that instance accepts
 * no flows: then it is dropped, and the client sends it again. Return: a choice.
 */
LB_RARE uint32_t lb_decide_unrecorded(const struct lb_packet *p)
{
	struct lb_instance_stats *counts;
	uint32_t instance;
	struct lb_env env;
	struct lb_steer steer;

	if (!p || !lb_packet_open(&env, &steer, p))
		return LB_INSTANCE_NONE;
	if (lb_service_is_vip_source(env.services, &p->meta))
		return LB_CHOICE_VIP_SOURCE | LB_INSTANCE_NONE;
	instance = lb_steer_unrecorded(&steer);
	if (instance == LB_INSTANCE_NONE || lb_flow_event(p->meta.tcp_flags) >= LB_FLOW_EVENT_FIN)
		return instance;
	env.table.stats->flow_table_full++;
	counts = lb_table_counts(&env.table, instance);
	if (lb_packet_is_syn(p) && counts)
		counts->new_flows++;
	return instance;
}

LB_RARE uint32_t lb_decide_locked(const struct lb_packet *p)
{
	uint32_t choice;
	bool is_syn;

	if (!p)
		return LB_INSTANCE_NONE;
	is_syn = lb_packet_is_syn(p);
	if (is_syn && lb_packet_is_denied(p))
		return LB_CHOICE_DENIED | LB_INSTANCE_NONE;
	choice = lb_decide_read(p);
	if (choice == LB_INSTANCE_NONE)
		choice = lb_decide_elsewhere(p);
	if (choice == LB_INSTANCE_NONE && !is_syn && lb_packet_is_denied(p))
		return LB_CHOICE_DENIED | LB_INSTANCE_NONE;
	if (choice == LB_INSTANCE_NONE)
		choice = lb_decide_unrecorded(p);
	return choice & LB_CHOICE_RESULT;
}

/* ---- The decision ---- */

/** A packet of a flow: the instance that the flow table knows, or a new one. Return: a choice. */
LB_INLINE uint32_t lb_decide_flow(const struct lb_env *env, const struct lb_packet *p)
{
	struct lb_flow_ref ref;
	uint32_t instance;

	if (lb_unlikely(lb_where_is_locked(&p->where)))
		return lb_decide_locked(p);
	if (lb_unlikely(!lb_table_find(&env->table, p->key, p->spread, &ref))) {
		env->table.stats->flow_misses++;
		return lb_decide_miss(env, p);
	}
	env->table.stats->flow_hits++;
	if (lb_unlikely(lb_packet_is_syn(p)))
		return lb_decide_syn(p);
	instance = ref.bucket->home[ref.slot] & LB_FLOW_INDEX;
	lb_bucket_touch(ref.bucket, ref.slot, p->meta.tcp_flags, p->now);
	if (lb_likely(lb_instance_has(&env->instances, instance, LB_INSTANCE_SERVES)))
		return instance;
	return lb_decide_rehome(p, lb_decide_elsewhere(p));
}

/** A packet of a service, a flow's or an ICMP error about one. @p: complete. Return: a choice. */
LB_INLINE uint32_t lb_decide_instance(const struct lb_env *env, const struct lb_packet *p)
{
	if (lb_likely(p->meta.class == LB_CLASS_FLOW))
		return lb_decide_flow(env, p);
	return lb_decide_error(p);
}

/* Frames that are dropped on a port of Sluice's own, but are for others on a shared port. */
LB_INLINE bool lb_packet_is_others(const struct lb_env *env, const struct lb_meta *meta)
{
	return env->is_shared &&
	       (meta->reason == LB_DROP_L2_OTHER_HOST || meta->reason == LB_DROP_L2_VLAN_DEPTH);
}

/*
 * On a trunk: whether a packet of no service is dropped for its network. Frames without a tag that
 * are for no VIP are link protocols, or nobody's; on a shared port other networks are others'.
 */
LB_INLINE enum lb_drop lb_packet_is_astray(const struct lb_env *env, const struct lb_meta *meta,
					   const struct lb_service *vip)
{
	if (vip)
		return lb_network_refuses(env->services, meta, vip->networks);
	if (env->is_shared || !(meta->tci & LB_VLAN_ID))
		return LB_DROP_COUNT;
	return lb_network_refuses(env->services, meta, 0);
}

/**
 * A packet of no service. Those to the kernel are rate-limited, and those to VIPs, which anyone on
 * the internet can send, may use only half of the rate: ARP and the answers to health checks need
 * the rest. On a shared port only packets to VIPs are limited: the others are not Sluice's.
 * @p: parsed; its flow is not needed. Return: an lb_result.
 */
LB_RARE uint32_t lb_decide_other(const struct lb_packet *p)
{
	const struct lb_service *vip;
	enum lb_drop astray;
	struct lb_env env;
	bool for_vip;

	if (!p || !lb_env_open(&env, &p->where))
		return LB_VERDICT_KERNEL;
	if (p->meta.class == LB_CLASS_DROP)
		return lb_packet_is_others(&env, &p->meta)
			       ? (lb_result)LB_VERDICT_KERNEL
			       : lb_result_drop((enum lb_drop)p->meta.reason);
	vip = lb_service_vip(env.services, &p->meta);
	for_vip = vip != NULL;
	astray = lb_packet_is_astray(&env, &p->meta, vip);
	if (lb_unlikely(astray != LB_DROP_COUNT))
		return lb_result_drop(astray);
	if (p->meta.class == LB_CLASS_BAD && for_vip)
		return lb_result_drop((enum lb_drop)p->meta.reason);
	if (env.is_shared && !for_vip)
		return LB_VERDICT_KERNEL;
	if (!lb_rate_take(env.kernel_rate, for_vip ? env.kernel_burst / 2 : 0))
		return lb_result_drop(LB_DROP_KERNEL_RATE);
	return LB_VERDICT_KERNEL;
}

#endif
