/* SPDX-License-Identifier: BSD-3-Clause */
/* The record of a client's packet: it is looked for, begun, and updated. */
#ifndef LB_NAT_PLACE_H
#define LB_NAT_PLACE_H

#include "dataplane/core/lb_nat_client.h"
#include "dataplane/core/lb_send.h"
#include "dataplane/core/lb_translate.h"

/** The TCP header of a packet that was parsed as one. */
LB_INLINE const struct lb_tcp *lb_nat_tcp(const uint8_t *frame, const struct lb_meta *meta)
{
	return (const struct lb_tcp *)(frame + lb_l4_offset(meta));
}

/** Bytes behind the TCP header. */
LB_INLINE uint32_t lb_nat_payload(const struct lb_meta *meta, const struct lb_tcp *tcp)
{
	return meta->l3_len - lb_l3_header_len(meta) - (uint32_t)(tcp->doff >> 4) * 4;
}

/* ---- Records of clients' packets ---- */

LB_INLINE void lb_nat_count_claim(struct lb_worker_stats *stats, enum lb_nat_was was)
{
	stats->nat_inserts++;
	stats->nat_flows += was == LB_NAT_WAS_FREE;
	stats->nat_expired += was == LB_NAT_WAS_EXPIRED;
	stats->nat_evicted += was == LB_NAT_WAS_HALF_OPEN;
}

/* A connection begins, with its SYN or in the middle. */
LB_INLINE void lb_nat_begin(struct lb_nat_record *record, const struct lb_tcp *tcp,
			    uint32_t payload, uint16_t now)
{
	uint32_t word = lb_load_acquire(&record->word);

	record->seq = lb_be32_to_cpu(tcp->seq) + lb_nat_seq_len(tcp->flags, payload);
	record->acked = (uint16_t)(lb_be32_to_cpu(tcp->ack) >> 16);
	record->seen = now;
	LB_WRITTEN();
	lb_nat_state_set(record, word, LB_NAT_OPENING);
}

/** The router that a client's packet comes from, as lb_nat_area.hop has it. */
LB_INLINE uint64_t lb_nat_router(const uint8_t *frame, const struct lb_meta *meta,
				 const struct lb_service_table *services)
{
	lb_be16 vlan = LB_VLAN_KEEP;

	if (lb_unlikely(services->n_networks))
		vlan = meta->tci & LB_VLAN_ID ? meta->tci & LB_VLAN_ID : LB_VLAN_NONE;
	return lb_mac_load(frame + LB_ETH_ALEN) | (uint64_t)vlan << 48;
}

/* Update a connection's record for a packet of its client. @router: lb_nat_router(). */
LB_INLINE void lb_nat_client_step(const struct lb_nat *nat, struct lb_nat_ref ref,
				  const struct lb_tcp *tcp, uint32_t payload, uint64_t router,
				  uint16_t now)
{
	struct lb_nat_area *area = lb_nat_area(nat, ref.worker);
	struct lb_nat_record *record = ref.record;

	if (lb_unlikely(area && area->hop[record->hop] != router))
		record->hop = lb_nat_hop(area, router, record->hop);
	if (lb_unlikely(lb_flow_event(tcp->flags) == LB_FLOW_EVENT_SYN &&
			(lb_nat_may_begin(record, tcp->seq) ||
			 lb_nat_is_free(record, now, &nat->params->timeouts))))
		lb_nat_begin(record, tcp, payload, now);
	else
		lb_nat_step(record, LB_NAT_CLIENT, tcp, payload, now);
}

/*
 * Whether a connection can have a record: with its client's own address and port, a connection of
 * another service is the same one for the instance. What is over makes room.
 */
LB_INLINE bool lb_nat_pair_is_free(const struct lb_nat *nat, struct lb_env *env,
				   const struct lb_nat_flow *flow, struct lb_addr instance,
				   const struct lb_packet *p, lb_be32 seq)
{
	const struct lb_nat_pair pair = { flow->client, instance, flow->client_port,
					  p->instance_port };
	struct lb_nat_way way;

	if (!lb_nat_is_client(flow))
		return true;
	way = lb_nat_way_of(nat, &env->instances, &pair, flow->hash, nat->worker, p->now);
	if (!way.ref.record && nat->n_workers > 1 && lb_may_peek(env, true))
		for (uint32_t i = 0; i < nat->n_workers && !way.ref.record; i++)
			way = lb_nat_way_of(nat, &env->instances, &pair, flow->hash, i, p->now);
	if (!way.ref.record)
		return true;
	if (!lb_packet_is_syn(p) || !lb_nat_may_begin(way.ref.record, seq))
		return false;
	lb_nat_retire(way.ref.record, p->now);
	return true;
}

/*
 * Where a connection's record is, in one word, since functions in BPF return one: its index in a
 * worker's share, the index of its NAT address, what was in its place if it is new, the worker.
 * Without LB_NAT_PLACE_FOUND it is an lb_result.
 */
#define LB_NAT_PLACE_AT 0xffffffffu
#define LB_NAT_PLACE_ADDRESS_SHIFT 32
#define LB_NAT_PLACE_WAS_SHIFT 40
#define LB_NAT_PLACE_WORKER_SHIFT 48 /* 15 bits */
#define LB_NAT_PLACE_FOUND ((uint64_t)1 << 63)

LB_RARE uint64_t lb_nat_look(const struct lb_packet *p, const struct lb_nat_flow *flow,
			     uint32_t worker, uint32_t nth);
LB_RARE uint64_t lb_nat_take(const struct lb_packet *p, const struct lb_nat_flow *flow,
			     uint32_t nth);
LB_RARE uint64_t lb_nat_place(const struct lb_packet *p, uint32_t instance, lb_be32 seq);

LB_INLINE uint64_t lb_nat_place_make(struct lb_nat_ref ref, enum lb_nat_was was)
{
	if (!ref.record)
		return 0;
	return LB_NAT_PLACE_FOUND | (ref.at & LB_NAT_PLACE_AT) |
	       (uint64_t)was << LB_NAT_PLACE_WAS_SHIFT |
	       (uint64_t)ref.record->address << LB_NAT_PLACE_ADDRESS_SHIFT |
	       (uint64_t)ref.worker << LB_NAT_PLACE_WORKER_SHIFT;
}

LB_INLINE uint32_t lb_nat_place_worker(uint64_t place)
{
	return (uint32_t)(place >> LB_NAT_PLACE_WORKER_SHIFT) & 0x7fff;
}

LB_INLINE enum lb_nat_was lb_nat_place_was(uint64_t place)
{
	return (enum lb_nat_was)(place >> LB_NAT_PLACE_WAS_SHIFT & 0xff);
}

LB_INLINE struct lb_addr lb_nat_place_address(const struct lb_nat *nat, uint64_t place)
{
	uint32_t index = (uint32_t)(place >> LB_NAT_PLACE_ADDRESS_SHIFT);

	return lb_addr_load(nat->params->address[index % LB_NAT_ADDRESSES_MAX]);
}

/* In one of the places in a worker's memory: lb_nat_flow_places(). Return: its place, or 0. */
LB_RARE uint64_t lb_nat_look(const struct lb_packet *p, const struct lb_nat_flow *flow,
			     uint32_t worker, uint32_t nth)
{
	const struct lb_instance *instance;
	struct lb_env env;

	if (!p || !flow || !lb_env_open(&env, &p->where) || !lb_env_open_nat(&env))
		return 0;
	instance = lb_instance_at(&env.instances, flow->instance);
	if (!instance)
		return 0;
	return lb_nat_place_make(lb_nat_flow_find_nth(lb_env_nat(&env), worker, flow,
						      lb_addr_instance(instance), nth),
				 LB_NAT_WAS_LIVE);
}

/* A new record in one of the places in this worker's memory. Return: its place, or 0. */
LB_RARE uint64_t lb_nat_take(const struct lb_packet *p, const struct lb_nat_flow *flow,
			     uint32_t nth)
{
	enum lb_nat_was was = LB_NAT_WAS_FREE;
	const struct lb_instance *instance;
	struct lb_nat_ref ref;
	struct lb_env env;

	if (!p || !flow || !lb_env_open(&env, &p->where) || !lb_env_open_nat(&env))
		return 0;
	instance = lb_instance_at(&env.instances, flow->instance);
	if (!instance)
		return 0;
	ref = lb_nat_flow_claim(lb_env_nat(&env), flow, lb_addr_instance(instance), nth, p->now,
				&was);
	if (ref.record)
		lb_nat_count_claim(env.table.stats, was);
	return lb_nat_place_make(ref, was);
}

/* In all of a worker's memory. @n: lb_nat_flow_places(). Return: its place, or 0. */
LB_INLINE uint64_t lb_nat_look_all(const struct lb_packet *p, const struct lb_nat_flow *flow,
				   uint32_t worker, uint32_t n)
{
	uint64_t place = 0;

	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX && i < n && !place; i++)
		place = lb_nat_look(p, flow, worker, i);
	return place;
}

/*
 * In those of other workers, one of which had the client's packets before. If they may not be asked
 * now, the packet is to be dropped: a new port would end a connection that one of them has. A SYN
 * asks where a client's packets move between workers all the time: with a record of its last
 * connection in one memory and one of this connection in another, packets would take either.
 * Return: its place, an lb_result, or 0.
 */
LB_INLINE uint64_t lb_nat_look_elsewhere(const struct lb_env *env, const struct lb_packet *p,
					 const struct lb_nat_flow *flow, uint32_t n)
{
	const uint32_t own = lb_env_nat(env)->worker, n_workers = lb_env_nat(env)->n_workers;
	uint64_t place = 0;

	if (n_workers <= 1 || (flow->is_syn && !lb_nat_clients_move(lb_env_nat(env))))
		return 0;
	if (!lb_may_peek(env, flow->is_syn))
		return flow->is_syn ? 0 : lb_result_drop(LB_DROP_NAT_UNKNOWN);
	for (uint32_t i = 0; i < LB_PEERS_MAX && i < n_workers && !place; i++)
		if (i != own)
			place = lb_nat_look_all(p, flow, i, n);
	return place;
}

LB_INLINE uint64_t lb_nat_take_any(const struct lb_packet *p, const struct lb_nat_flow *flow,
				   uint32_t n)
{
	uint64_t place = 0;

	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX && i < n && !place; i++)
		place = lb_nat_take(p, flow, i);
	return place;
}

/* @to: the instance. */
LB_INLINE struct lb_nat_flow lb_nat_flow(const struct lb_nat *nat, const struct lb_packet *p,
					 uint32_t instance, struct lb_addr to, lb_be32 seq)
{
	struct lb_nat_flow flow = {
		.client = lb_addr_client(&p->meta),
		.client_port = p->meta.client_port,
		.service = p->service,
		.instance = (uint16_t)instance,
		.source = p->source,
		.is_syn = lb_packet_is_syn(p),
		.seq = seq,
	};
	const struct lb_nat_pair pair = { flow.client, to, flow.client_port, p->instance_port };

	flow.hash = lb_nat_is_client(&flow) ? lb_nat_pair_hash(nat->secret, &pair)
					    : lb_nat_hash(p->spread);
	return flow;
}

/** Whether instances get a PROXY header. @source: of the service. */
LB_INLINE bool lb_nat_has_proxy(uint8_t source)
{
	return LB_NAT_HAS_PROXY && source == LB_NAT_SOURCE_PROXY;
}

/**
 * The record of a client's packet, or of the one that a client's ICMP error is about. That of
 * another worker, which had the client's packets before, remains where its port is. A packet of no
 * connection gets one for a moment, so that the instance's RST reaches the client.
 * @instance: index. @seq: sequence number of a SYN.
 * Return: its place, or an lb_result.
 */
LB_RARE uint64_t lb_nat_place(const struct lb_packet *p, uint32_t instance, lb_be32 seq)
{
	const struct lb_instance *to;
	struct lb_nat_flow flow;
	struct lb_env env;
	uint64_t place;
	bool is_error;
	uint32_t n;

	if (!p || !lb_env_open(&env, &p->where) || !lb_env_open_nat(&env))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	to = lb_instance_at(&env.instances, instance);
	if (!to)
		return lb_result_drop(LB_DROP_NO_INSTANCE);
	flow = lb_nat_flow(lb_env_nat(&env), p, instance, lb_addr_instance(to), seq);
	if (flow.source == LB_NAT_SOURCE_CLIENT &&
	    (!LB_NAT_HAS_CLIENTS || lb_outer_family(to) != p->meta.family))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	is_error = p->meta.class != LB_CLASS_FLOW;
	if (is_error && p->meta.proto != LB_IPPROTO_TCP)
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	n = lb_nat_flow_places(lb_env_nat(&env), &flow, lb_addr_instance(to));
	place = lb_nat_look_all(p, &flow, lb_env_nat(&env)->worker, n);
	if (lb_unlikely(!place))
		place = lb_nat_look_elsewhere(&env, p, &flow, n);
	if (lb_likely(place))
		return place;
	if (is_error || (p->meta.tcp_flags & LB_TCP_RST) ||
	    (lb_nat_has_proxy(flow.source) && !flow.is_syn))
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	if (lb_nat_is_client(&flow) &&
	    !lb_nat_pair_is_free(lb_env_nat(&env), &env, &flow, lb_addr_instance(to), p, seq))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	place = lb_nat_take_any(p, &flow, n);
	return place ? place : lb_result_drop(LB_DROP_NAT_EXHAUSTED);
}

/* The record of a place. @to: the instance. */
LB_INLINE struct lb_nat_ref lb_nat_place_ref(const struct lb_nat *nat, const struct lb_packet *p,
					     uint64_t place, struct lb_addr to)
{
	const uint32_t worker = lb_nat_place_worker(place);
	const uint32_t at = (uint32_t)place & LB_NAT_PLACE_AT;
	struct lb_nat_share all;

	if (!LB_NAT_HAS_CLIENTS || p->source != LB_NAT_SOURCE_CLIENT)
		return lb_nat_ref(nat, worker,
				  lb_nat_space(nat, lb_nat_place_address(nat, place), to), at);
	all = lb_nat_all(nat, worker);
	return (struct lb_nat_ref){ lb_nat_share_at(&all, at), worker, at };
}

/**
 * Update the record of a client's packet.
 * @place: from lb_nat_place(), found. Return: LB_VERDICT_FORWARD or a drop.
 */
LB_INLINE lb_result lb_nat_client(struct lb_buffer buffer, struct lb_env *env,
				  const struct lb_packet *p, uint32_t instance, uint64_t place)
{
	const uint8_t *frame = lb_buffer_start(buffer), *end = lb_buffer_end(buffer);
	const struct lb_instance *to = lb_instance_at(&env->instances, instance);
	const struct lb_tcp *tcp = lb_nat_tcp(frame, &p->meta);
	struct lb_nat_ref ref;

	if (!to || !lb_env_open_nat(env))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	if (!lb_fits(tcp, sizeof(*tcp), end) || !lb_fits(frame, sizeof(struct lb_eth), end))
		return lb_result_drop(LB_DROP_L4_TRUNCATED);
	ref = lb_nat_place_ref(lb_env_nat(env), p, place, lb_addr_instance(to));
	if (!ref.record)
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	if (lb_nat_place_was(place) != LB_NAT_WAS_LIVE)
		lb_nat_begin(ref.record, tcp, lb_nat_payload(&p->meta, tcp), p->now);
	lb_nat_client_step(lb_env_nat(env), ref, tcp, lb_nat_payload(&p->meta, tcp),
			   lb_nat_router(frame, &p->meta, env->services), p->now);
	return LB_VERDICT_FORWARD;
}

#endif
