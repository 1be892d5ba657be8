/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet of a translated connection: from its client to the instance, lb_nat_forward(), and back,
 * lb_nat_reply().
 */
#ifndef LB_NAT_PACKET_H
#define LB_NAT_PACKET_H

#include "dataplane/core/lb_nat_client.h"
#include "dataplane/core/lb_nat_icmp.h"
#include "dataplane/core/lb_send.h"
#include "dataplane/core/lb_translate.h"

/** The TCP header of a packet that was parsed as one. */
LB_INLINE const struct lb_tcp *lb_nat_tcp(const uint8_t *frame, const struct lb_meta *meta)
{
	return (const struct lb_tcp *)(frame + meta->l4_offset);
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
	record->seq = lb_be32_to_cpu(tcp->seq) + lb_nat_seq_len(tcp->flags, payload);
	record->acked = (uint16_t)(lb_be32_to_cpu(tcp->ack) >> 16);
	record->seen = now;
	LB_WRITTEN();
	record->state = LB_NAT_OPENING;
}

/** The router that a client's packet comes from, as lb_nat_memory.hop has it. */
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
	struct lb_nat_memory *memory = nat->memory[ref.worker];
	struct lb_nat_record *record = ref.record;

	if (lb_unlikely(memory->hop[record->hop] != router))
		record->hop = lb_nat_hop(memory, router, ref.worker == nat->worker, record->hop);
	if (lb_unlikely(lb_flow_event(tcp->flags) == LB_FLOW_EVENT_SYN &&
			(lb_nat_may_begin(record, tcp) ||
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
				   const struct lb_packet *p, const struct lb_tcp *tcp)
{
	const struct lb_nat_pair pair = { flow->client, instance, flow->client_port,
					  p->instance_port };
	struct lb_nat_way way;

	if (flow->source != LB_NAT_SOURCE_CLIENT)
		return true;
	way = lb_nat_way_of(nat, &env->instances, &pair, flow->hash, nat->worker, p->now);
	if (!way.ref.record && nat->n_workers > 1 && lb_may_peek(env, true))
		for (uint32_t i = 0; i < nat->n_workers && !way.ref.record; i++)
			way = lb_nat_way_of(nat, &env->instances, &pair, flow->hash, i, p->now);
	if (!way.ref.record)
		return true;
	if (!lb_packet_is_syn(p) || !lb_nat_may_begin(way.ref.record, tcp))
		return false;
	lb_nat_retire(way.ref.record, p->now);
	return true;
}

/*
 * A connection without a record here. That of another worker, which had the client's packets
 * before, remains where its port is. A packet of no connection gets a record for a moment, so that
 * the instance's RST reaches the client.
 */
LB_INLINE struct lb_nat_ref lb_nat_miss(const struct lb_nat *nat, struct lb_env *env,
					const struct lb_nat_flow *flow, struct lb_addr instance,
					const struct lb_packet *p, const struct lb_tcp *tcp)
{
	struct lb_nat_ref ref = { NULL, 0, 0 };
	enum lb_nat_was was = LB_NAT_WAS_FREE;

	if (!lb_packet_is_syn(p) && nat->n_workers > 1 && lb_may_peek(env, false))
		for (uint32_t i = 0; i < nat->n_workers && !ref.record; i++)
			if (i != nat->worker)
				ref = lb_nat_flow_find(nat, i, flow, instance);
	if (ref.record)
		return ref;
	if (!lb_nat_pair_is_free(nat, env, flow, instance, p, tcp))
		return ref;
	ref = lb_nat_flow_claim(nat, flow, instance, p->now, &was);
	if (!ref.record)
		return ref;
	lb_nat_count_claim(env->table.stats, was);
	lb_nat_begin(ref.record, tcp, lb_nat_payload(&p->meta, tcp), p->now);
	return ref;
}

/* ---- Frames ---- */

/* What is in front of the IP header. */
struct lb_nat_head {
	const uint8_t *macs; /* destination and source, as in a frame */
	uint32_t tag;	     /* lb_tag() */
};

/* @family: of the packet. */
LB_INLINE bool lb_nat_write_head(struct lb_buffer buffer, const struct lb_nat_head *head,
				 uint8_t family)
{
	uint8_t *frame = lb_buffer_start(buffer), *type = frame + 2 * LB_ETH_ALEN;

	if (!lb_fits(frame, LB_ETH_HEADER_MAX, lb_buffer_end(buffer)))
		return false;
	lb_copy(frame, head->macs, 2 * LB_ETH_ALEN);
	if (lb_unlikely(head->tag)) {
		lb_store32(type, head->tag);
		type += sizeof(head->tag);
	}
	lb_store16(type, family == 4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6));
	return true;
}

/* Room at the front, and no padding, if the headers change their length. */
LB_INLINE bool lb_nat_stretch(struct lb_buffer buffer, const struct lb_packet *p, int growth)
{
	uint32_t padding = p->frame_len - p->meta.l3_offset - p->meta.l3_len;

	if (!growth)
		return true;
	if (padding && !lb_buffer_trim(buffer, padding))
		return false;
	return growth > 0 ? lb_buffer_push(buffer, (uint32_t)growth)
			  : lb_buffer_pull(buffer, (uint32_t)-growth);
}

/* Bytes of the largest packet that leaves as one of @mtu bytes; IPv6 senders go as low as 1280. */
LB_INLINE uint32_t lb_nat_room(const struct lb_meta *meta, int growth, uint32_t mtu,
			       uint32_t port_mtu)
{
	uint32_t room = (uint32_t)((int)(mtu < port_mtu ? mtu : port_mtu) - growth);
	uint32_t most = (uint32_t)((int)port_mtu - growth);

	if (meta->family == 6 && room < LB_IPV6_MTU_MIN)
		room = most < LB_IPV6_MTU_MIN ? most : LB_IPV6_MTU_MIN;
	return room;
}

/*
 * Translate, and address the frame.
 * @mtu: bytes of the largest packet on the way that the new one goes.
 */
LB_INLINE lb_result lb_nat_write(struct lb_buffer buffer, const struct lb_env *env,
				 const struct lb_packet *p, const struct lb_ends *ends,
				 uint32_t mtu, const struct lb_nat_head *head)
{
	const int growth = lb_translate_growth(&p->meta, ends);
	const uint32_t l2_len = lb_tag_l2_len(head->tag);
	const uint32_t room = lb_nat_room(&p->meta, growth, mtu, env->mtu);
	struct lb_before before;

	if (!lb_translate_read(lb_buffer_start(buffer), lb_buffer_end(buffer), &p->meta, &before))
		return lb_result_drop(LB_DROP_IP_TTL);
	if (lb_unlikely(p->meta.l3_len > room))
		return lb_send_error(buffer, env, p, room);
	if (!lb_nat_stretch(buffer, p, growth + (int)l2_len - (int)p->meta.l3_offset) ||
	    !lb_translate(lb_buffer_start(buffer) + l2_len, lb_buffer_end(buffer), &p->meta,
			  &before, ends) ||
	    !lb_nat_write_head(buffer, head, ends->family))
		return lb_result_drop(LB_DROP_HEADROOM);
	return LB_VERDICT_FORWARD;
}

/* An ICMP error about a packet of the other family. @quoted: the ends of that. */
LB_INLINE lb_result lb_nat_write_across(struct lb_buffer buffer, const struct lb_packet *p,
					const struct lb_ends *quoted,
					const struct lb_nat_head *head)
{
	const uint32_t l2_len = lb_tag_l2_len(head->tag);
	struct lb_icmp_before before;
	int growth;

	if (!lb_translate_read(lb_buffer_start(buffer), lb_buffer_end(buffer), &p->meta,
			       &before.outer))
		return lb_result_drop(LB_DROP_IP_TTL);
	if (!lb_icmp_read(lb_buffer_start(buffer), lb_buffer_end(buffer), &p->meta, &before))
		return lb_result_drop(LB_DROP_ICMP_MALFORMED);
	if (!before.icmp.type)
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	growth = lb_icmp_growth(&p->meta, &before, quoted->family);
	if (!lb_nat_stretch(buffer, p, growth + (int)l2_len - (int)p->meta.l3_offset) ||
	    !lb_icmp_across(lb_buffer_start(buffer) + l2_len, lb_buffer_end(buffer), &p->meta,
			    &before, quoted) ||
	    !lb_nat_write_head(buffer, head, quoted->family))
		return lb_result_drop(LB_DROP_HEADROOM);
	return LB_VERDICT_FORWARD;
}

/* The same for an ICMP error. @dst: of the packet, @ends: of the one that it quotes. */
LB_INLINE lb_result lb_nat_write_error(struct lb_buffer buffer, const struct lb_packet *p,
				       const uint8_t *dst, const struct lb_ends *ends,
				       const struct lb_nat_head *head)
{
	const int growth = (int)lb_tag_l2_len(head->tag) - (int)p->meta.l3_offset;
	struct lb_before before;

	if (ends->family != p->meta.family)
		return lb_nat_write_across(buffer, p, ends, head);
	if (!lb_translate_read(lb_buffer_start(buffer), lb_buffer_end(buffer), &p->meta, &before))
		return lb_result_drop(LB_DROP_IP_TTL);
	if (!lb_translate_error(lb_buffer_start(buffer), lb_buffer_end(buffer), &p->meta, dst,
				ends))
		return lb_result_drop(LB_DROP_ICMP_MALFORMED);
	if (!lb_nat_stretch(buffer, p, growth) || !lb_nat_write_head(buffer, head, p->meta.family))
		return lb_result_drop(LB_DROP_HEADROOM);
	return LB_VERDICT_FORWARD;
}

/* ---- To an instance ---- */

/* An ICMP error of the client's side, about a packet to the client: any worker may get it. */
LB_INLINE lb_result lb_nat_forward_error(struct lb_buffer buffer, const struct lb_env *env,
					 const struct lb_packet *p,
					 const struct lb_instance *instance,
					 const struct lb_nat_flow *flow)
{
	const struct lb_nat *nat = lb_env_nat(env);
	const struct lb_addr to = lb_addr_instance(instance);
	const struct lb_nat_head head = { instance->header, lb_tag_out(instance, &p->meta) };
	struct lb_nat_ref ref = lb_nat_flow_find(nat, nat->worker, flow, to);
	struct lb_ends quoted = { .sport = p->instance_port, .family = lb_outer_family(instance) };

	if (!ref.record && nat->n_workers > 1 && lb_may_peek(env, false))
		for (uint32_t i = 0; i < nat->n_workers && !ref.record; i++)
			if (i != nat->worker)
				ref = lb_nat_flow_find(nat, i, flow, to);
	if (!ref.record || p->meta.proto != LB_IPPROTO_TCP)
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	lb_addr_store(quoted.src, to);
	quoted.dport = lb_nat_source(nat, flow, ref, quoted.dst);
	return lb_nat_write_error(buffer, p, quoted.src, &quoted, &head);
}

/**
 * A client's packet to its instance.
 * @env: of the packet. @p: complete. @instance: of the packet's flow, reachable.
 * Return: its verdict.
 */
LB_INLINE lb_result lb_nat_forward(struct lb_buffer buffer, struct lb_env *env,
				   const struct lb_packet *p, const struct lb_instance *instance)
{
	const struct lb_nat *nat = lb_env_nat(env);
	const struct lb_tcp *tcp = lb_nat_tcp(lb_buffer_start(buffer), &p->meta);
	const struct lb_addr to = lb_addr_instance(instance);
	const struct lb_nat_pair pair = { lb_addr_client(&p->meta), to, p->meta.client_port,
					  p->instance_port };
	const struct lb_nat_flow flow = {
		.client = pair.client,
		.client_port = p->meta.client_port,
		.service = p->service,
		.instance = (uint16_t)lb_instance_index(&env->instances, instance),
		.hash = nat ? lb_nat_flow_hash(nat, p->source, p->spread, &pair) : 0,
		.source = p->source,
	};
	const struct lb_nat_head head = { instance->header, lb_tag_out(instance, &p->meta) };
	struct lb_ends ends = { .dport = p->instance_port, .family = lb_outer_family(instance) };
	struct lb_nat_ref ref;

	if (!nat || (p->source == LB_NAT_SOURCE_CLIENT && ends.family != p->meta.family))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	if (p->meta.class != LB_CLASS_FLOW)
		return lb_nat_forward_error(buffer, env, p, instance, &flow);
	ref = lb_nat_flow_find(nat, nat->worker, &flow, to);
	if (lb_unlikely(!ref.record && (tcp->flags & LB_TCP_RST)))
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	if (lb_unlikely(!ref.record))
		ref = lb_nat_miss(nat, env, &flow, to, p, tcp);
	if (lb_unlikely(!ref.record))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	lb_nat_client_step(nat, ref, tcp, lb_nat_payload(&p->meta, tcp),
			   lb_nat_router(lb_buffer_start(buffer), &p->meta, env->services), p->now);
	ends.sport = lb_nat_source(nat, &flow, ref, ends.src);
	lb_addr_store(ends.dst, to);
	return lb_nat_write(buffer, env, p, &ends, instance->mtu, &head);
}

/* ---- To a client ---- */

/* A packet of TCP, or an error about one. What a client never sends, SYN+ACK, is an answer. */
LB_INLINE bool lb_nat_may_reply(const struct lb_meta *meta)
{
	if (meta->proto != LB_IPPROTO_TCP)
		return false;
	return meta->class <= LB_CLASS_ICMP_ERROR ||
	       (meta->class == LB_CLASS_BAD && meta->reason == LB_DROP_TCP_FLAGS &&
		(meta->tcp_flags & (LB_TCP_SYN | LB_TCP_ACK | LB_TCP_RST | LB_TCP_FIN)) ==
			(LB_TCP_SYN | LB_TCP_ACK));
}

/** The connection of a packet from an instance. @address: index of the NAT address that it is sent to. */
LB_INLINE struct lb_nat_way lb_nat_way_back(const struct lb_nat *nat,
					    const struct lb_instances *instances,
					    const struct lb_meta *meta, uint32_t address)
{
	const struct lb_addr from = lb_addr_client(meta);
	uint32_t space = lb_nat_space(nat, lb_addr_vip(meta), from);
	struct lb_nat_way way = { .ref = lb_nat_at(nat, space, meta->vip_port) };
	struct lb_nat_record *record = way.ref.record;

	way.ref.record = NULL;
	if (!record || record->state == LB_NAT_FREE || record->address != address)
		return way;
	way.instance = lb_instance_at(instances, record->instance);
	way.service = lb_service_by_id(nat->services, nat->by_id, record->service);
	if (way.instance && way.service && lb_instance_is_there(way.instance) &&
	    way.service->source == LB_NAT_SOURCE_NODE &&
	    lb_addr_equal(lb_addr_instance(way.instance), from) &&
	    way.service->instance_port == meta->client_port)
		way.ref.record = record;
	return way;
}

/*
 * What is in front of a packet to a client: the router that the client's packets come from.
 * @macs: room for the addresses.
 */
LB_INLINE struct lb_nat_head lb_nat_head_back(const struct lb_nat *nat, const struct lb_meta *meta,
					      const struct lb_nat_way *way, uint8_t *macs)
{
	const uint64_t hop = nat->memory[way->ref.worker]->hop[way->ref.record->hop];

	lb_copy(macs, &hop, LB_ETH_ALEN);
	lb_copy(macs + LB_ETH_ALEN, way->instance->header + LB_ETH_ALEN, LB_ETH_ALEN);
	return (struct lb_nat_head){ macs, lb_tag((lb_be16)(hop >> 48), meta) };
}

/* The packet's connection is known. */
LB_INLINE lb_result lb_nat_return(struct lb_buffer buffer, const struct lb_env *env,
				  const struct lb_packet *p, const struct lb_nat_way *way)
{
	const struct lb_nat *nat = lb_env_nat(env);
	const struct lb_tcp *tcp = lb_nat_tcp(lb_buffer_start(buffer), &p->meta);
	struct lb_nat_record *record = way->ref.record;
	struct lb_instance_stats *counts = lb_table_counts(&env->table, record->instance);
	struct lb_ends ends = {
		.sport = way->service->port,
		.dport = record->client_port,
		.family = way->service->family,
	};
	uint8_t macs[2 * LB_ETH_ALEN];
	const struct lb_nat_head head = lb_nat_head_back(nat, &p->meta, way, macs);
	lb_result result;

	lb_nat_step(record, LB_NAT_INSTANCE, tcp, lb_nat_payload(&p->meta, tcp), p->now);
	lb_copy(ends.src, way->service->addr, 16);
	lb_addr_store(ends.dst, lb_addr_load(record->client));
	result = lb_nat_write(buffer, env, p, &ends, env->mtu, &head);
	if (result != LB_VERDICT_FORWARD)
		return result;
	env->table.stats->nat_reply_pkts++;
	env->table.stats->nat_foreign_pkts += way->ref.worker != nat->worker;
	if (counts)
		counts->reply_pkts++;
	return LB_VERDICT_FORWARD;
}

/* An ICMP error of the instance's side, about a packet to the instance. */
LB_INLINE lb_result lb_nat_return_error(struct lb_buffer buffer, const struct lb_env *env,
					const struct lb_packet *p, const struct lb_nat_way *way)
{
	const struct lb_nat_record *record = way->ref.record;
	struct lb_ends quoted = {
		.sport = record->client_port,
		.dport = way->service->port,
		.family = way->service->family,
	};
	uint8_t macs[2 * LB_ETH_ALEN];
	const struct lb_nat_head head = lb_nat_head_back(lb_env_nat(env), &p->meta, way, macs);

	lb_addr_store(quoted.src, lb_addr_load(record->client));
	lb_copy(quoted.dst, way->service->addr, 16);
	return lb_nat_write_error(buffer, p, quoted.src, &quoted, &head);
}

/**
 * A packet of no service: from an instance to a NAT address, or to a client?
 * Return: LB_VERDICT_KERNEL if it is not, else its verdict.
 */
LB_INLINE lb_result lb_nat_reply(struct lb_buffer buffer, const struct lb_env *env,
				 const struct lb_packet *p)
{
	const struct lb_nat *nat = lb_env_nat(env);
	struct lb_nat_way way;
	enum lb_drop refusal;
	uint32_t address;

	if (!nat || !lb_nat_may_reply(&p->meta))
		return LB_VERDICT_KERNEL;
	address = lb_nat_address(nat->index, nat->params, lb_addr_vip(&p->meta));
	if (address != LB_NAT_ADDRESS_NONE)
		way = lb_nat_way_back(nat, &env->instances, &p->meta, address);
	else
		way = lb_nat_way_to_client(nat, &env->instances, &p->meta, p->now);
	if (way.ref.record) {
		refusal = lb_network_refuses(env->services, &p->meta, 0);
		if (lb_unlikely(refusal != LB_DROP_COUNT))
			return lb_result_drop(refusal);
		return p->meta.class == LB_CLASS_ICMP_ERROR
			       ? lb_nat_return_error(buffer, env, p, &way)
			       : lb_nat_return(buffer, env, p, &way);
	}
	if (address == LB_NAT_ADDRESS_NONE || (nat->params->flags[address] & LB_NAT_ADDRESS_OWN))
		return LB_VERDICT_KERNEL;
	return lb_result_drop(LB_DROP_NAT_UNKNOWN);
}

#endif
