/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet of a translated connection: from its client to the instance, lb_nat_forward(), and back,
 * lb_nat_reply().
 */
#ifndef LB_NAT_PACKET_H
#define LB_NAT_PACKET_H

#include "dataplane/core/lb_nat_icmp.h"
#include "dataplane/core/lb_nat_place.h"
#include "dataplane/core/lb_proxy.h"
#include "dataplane/core/lb_send.h"
#include "dataplane/core/lb_translate.h"

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
 * @too_big: lb_send_rare.too_big.
 */
LB_INLINE lb_result lb_nat_write(struct lb_buffer buffer, const struct lb_env *env,
				 const struct lb_packet *p, const struct lb_ends *ends,
				 uint32_t mtu, const struct lb_nat_head *head, lb_too_big too_big)
{
	const int growth = lb_translate_growth(&p->meta, ends);
	const uint32_t l2_len = lb_tag_l2_len(head->tag);
	const uint32_t room = lb_nat_room(&p->meta, growth, mtu, env->mtu);
	struct lb_before before;

	if (!lb_translate_read(lb_buffer_start(buffer), lb_buffer_end(buffer), &p->meta, &before))
		return lb_result_drop(LB_DROP_IP_TTL);
	if (lb_unlikely(p->meta.l3_len > room))
		return too_big(buffer, p, room);
	LB_OPAQUE(p); /* clang would keep its fields on the stack */
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

	if (ends->family != p->meta.family && !LB_NAT_HAS_ERRORS_ACROSS)
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
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

/* The source that an instance sees: its address and, as the result, its port. */
LB_INLINE lb_be16 lb_nat_place_source(const struct lb_nat *nat, const struct lb_packet *p,
				      uint64_t place, uint8_t *src)
{
	if (LB_NAT_HAS_CLIENTS && p->source == LB_NAT_SOURCE_CLIENT) {
		lb_addr_store(src, lb_addr_client(&p->meta));
		return p->meta.client_port;
	}
	lb_addr_store(src, lb_nat_place_address(nat, place));
	return lb_nat_port(nat, lb_nat_place_worker(place), (uint32_t)place & LB_NAT_PLACE_AT);
}

/**
 * Write a client's packet to its instance.
 * @instance: index; reachable. @place: from lb_nat_place(), found. Return: its verdict.
 */
LB_INLINE lb_result lb_nat_forward_write(struct lb_buffer buffer, struct lb_env *env,
					 const struct lb_packet *p, uint32_t instance,
					 uint64_t place, lb_too_big too_big)
{
	const struct lb_instance *to = lb_instance_at(&env->instances, instance);
	struct lb_ends ends = { .dport = p->instance_port };
	struct lb_nat_head head;

	if (!to || !lb_env_open_nat(env))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	head = (struct lb_nat_head){ to->header, lb_tag_out(to, &p->meta) };
	ends.family = lb_outer_family(to);
	ends.sport = lb_nat_place_source(lb_env_nat(env), p, place, ends.src);
	lb_addr_store(ends.dst, lb_addr_instance(to));
	return lb_nat_write(buffer, env, p, &ends, to->mtu, &head, too_big);
}

/** The same for an ICMP error of the client's side, about a packet from the instance. */
LB_INLINE lb_result lb_nat_forward_error(struct lb_buffer buffer, struct lb_env *env,
					 const struct lb_packet *p, uint32_t instance,
					 uint64_t place)
{
	const struct lb_instance *to = lb_instance_at(&env->instances, instance);
	struct lb_ends quoted = { .sport = p->instance_port };
	struct lb_nat_head head;

	if (!to || !lb_env_open_nat(env))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	head = (struct lb_nat_head){ to->header, lb_tag_out(to, &p->meta) };
	quoted.family = lb_outer_family(to);
	quoted.dport = lb_nat_place_source(lb_env_nat(env), p, place, quoted.dst);
	lb_addr_store(quoted.src, lb_addr_instance(to));
	return lb_nat_write_error(buffer, p, quoted.src, &quoted, &head);
}

/*
 * A client's packet to an instance that gets a PROXY header.
 * @place: as lb_nat_place() has it, found.
 */
LB_INLINE lb_result lb_nat_forward_proxy(struct lb_buffer buffer, struct lb_env *env,
					 const struct lb_packet *p, uint32_t instance,
					 uint64_t place, lb_too_big too_big)
{
	const uint8_t *frame = lb_buffer_start(buffer);
	const struct lb_instance *to = lb_instance_at(&env->instances, instance);
	const struct lb_tcp *tcp = lb_nat_tcp(frame, &p->meta);
	struct lb_ends ends = { .family = 0 };
	struct lb_packet written = *p;
	struct lb_proxy_edit edit;
	struct lb_nat_ref ref;
	uint32_t room;

	if (!to || !lb_env_open_nat(env))
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	if (!lb_fits(tcp, sizeof(*tcp), lb_buffer_end(buffer)))
		return lb_result_drop(LB_DROP_L4_TRUNCATED);
	ref = lb_nat_place_ref(lb_env_nat(env), p, place, lb_addr_instance(to));
	if (!ref.record)
		return lb_result_drop(LB_DROP_NAT_EXHAUSTED);
	edit = lb_proxy_client(lb_env_nat(env), ref, p, frame,
			       lb_nat_router(frame, &p->meta, env->services),
			       lb_nat_place_was(place) != LB_NAT_WAS_LIVE);
	if (lb_unlikely(lb_proxy_is_early(ref.record, tcp->flags)))
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	ends.family = lb_outer_family(to);
	room = lb_nat_room(&p->meta, lb_translate_growth(&p->meta, &ends) + (int)edit.put, to->mtu,
			   env->mtu);
	if (lb_unlikely(p->meta.l3_len - edit.cut > room))
		return too_big(buffer, p, room);
	if (lb_proxy_is_edited(&edit, tcp) && !lb_proxy_apply(buffer, &written, &edit))
		return lb_result_drop(LB_DROP_HEADROOM);
	return lb_nat_forward_write(buffer, env, &written, instance, place, too_big);
}

/**
 * A client's packet to its instance.
 * @env: of the packet. @p: complete. @instance: index of that of the packet's flow, reachable.
 * Return: its verdict.
 */
LB_INLINE lb_result lb_nat_forward(struct lb_buffer buffer, struct lb_env *env,
				   const struct lb_packet *p, uint32_t instance, lb_too_big too_big)
{
	const struct lb_tcp *tcp = lb_nat_tcp(lb_buffer_start(buffer), &p->meta);
	uint64_t place = lb_nat_place(p, instance, tcp->seq);
	lb_result result;

	if (lb_unlikely(!(place & LB_NAT_PLACE_FOUND)))
		return place == lb_result_drop(LB_DROP_NAT_UNKNOWN) &&
				       lb_nat_has_proxy(p->source) && p->meta.class == LB_CLASS_FLOW
			       ? lb_proxy_refuse(buffer, env, p)
			       : (lb_result)place;
	if (lb_unlikely(p->meta.class != LB_CLASS_FLOW))
		return lb_nat_forward_error(buffer, env, p, instance, place);
	if (lb_unlikely(lb_nat_has_proxy(p->source)))
		return lb_nat_forward_proxy(buffer, env, p, instance, place, too_big);
	result = lb_nat_client(buffer, env, p, instance, place);
	if (lb_unlikely(result != LB_VERDICT_FORWARD))
		return result;
	return lb_nat_forward_write(buffer, env, p, instance, place, too_big);
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

/* The kernel would put pieces of an answer together, and reset the connection. */
LB_INLINE bool lb_nat_is_piece(const struct lb_meta *meta)
{
	return meta->class == LB_CLASS_BAD && meta->reason == LB_DROP_IP_FRAGMENT &&
	       meta->proto == LB_IPPROTO_TCP;
}

/**
 * The connection of a packet from an instance, if a record is that.
 * @ref: by the packet's destination; perhaps no record. @address: index of the NAT address that it
 *	is sent to. @from, @port: its source.
 */
LB_INLINE struct lb_nat_way lb_nat_way_by_record(const struct lb_nat *nat,
						 const struct lb_instances *instances,
						 struct lb_nat_ref ref, uint32_t address,
						 struct lb_addr from, lb_be16 port)
{
	struct lb_nat_way way = { .ref = { NULL, ref.worker, ref.at } };

	if (!ref.record || ref.record->state == LB_NAT_FREE || ref.record->address != address)
		return way;
	way.instance = lb_instance_at(instances, ref.record->instance);
	way.service = lb_nat_service(nat, ref.record->service);
	if (way.instance && way.service && lb_instance_is_there(way.instance) &&
	    way.service->source != LB_NAT_SOURCE_CLIENT &&
	    lb_addr_equal(lb_addr_instance(way.instance), from) &&
	    way.service->instance_port == port)
		way.ref.record = ref.record;
	return way;
}

/** The connection of a packet from an instance. @address: index of the NAT address that it is sent to. */
LB_INLINE struct lb_nat_way lb_nat_way_back(const struct lb_nat *nat,
					    const struct lb_instances *instances,
					    const struct lb_meta *meta, uint32_t address)
{
	const struct lb_addr from = lb_addr_client(meta);
	uint32_t space = lb_nat_space(nat, lb_addr_vip(meta), from);

	return lb_nat_way_by_record(nat, instances, lb_nat_at(nat, space, meta->vip_port), address,
				    from, meta->client_port);
}

/*
 * What is in front of a packet to a client: the router that the client's packets come from.
 * @macs: room for the addresses.
 */
LB_INLINE struct lb_nat_head lb_nat_head_back(const struct lb_nat *nat, const struct lb_meta *meta,
					      const struct lb_nat_way *way, uint8_t *macs)
{
	const struct lb_nat_area *area = lb_nat_area(nat, way->ref.worker);
	const uint64_t hop = area ? area->hop[way->ref.record->hop] : 0;

	lb_copy(macs, &hop, LB_ETH_ALEN);
	lb_copy(macs + LB_ETH_ALEN, way->instance->header + LB_ETH_ALEN, LB_ETH_ALEN);
	return (struct lb_nat_head){ macs, lb_tag((lb_be16)(hop >> 48), meta) };
}

/* The packet's connection is known. */
LB_INLINE lb_result lb_nat_return(struct lb_buffer buffer, const struct lb_env *env,
				  const struct lb_packet *p, const struct lb_nat_way *way,
				  lb_too_big too_big)
{
	const struct lb_nat *nat = lb_env_nat(env);
	struct lb_tcp *tcp = (struct lb_tcp *)(lb_buffer_start(buffer) + lb_l4_offset(&p->meta));
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

	if (!lb_fits(tcp, sizeof(*tcp), lb_buffer_end(buffer)))
		return lb_result_drop(LB_DROP_L4_TRUNCATED);
	if (lb_unlikely(lb_nat_has_proxy(way->service->source)))
		lb_proxy_return(record, tcp, lb_buffer_end(buffer), way->service->family);
	/* Without a SYN it does not answer the client's. */
	if (!lb_nat_has_proxy(way->service->source) || !lb_proxy_is_early(record, tcp->flags))
		lb_nat_step(record, LB_NAT_INSTANCE, tcp, lb_nat_payload(&p->meta, tcp), p->now);
	lb_copy(ends.src, way->service->addr, 16);
	lb_addr_store(ends.dst, lb_addr_load(record->client));
	result = lb_nat_write(buffer, env, p, &ends, env->mtu, &head, too_big);
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

	if (lb_nat_has_proxy(way->service->source))
		lb_proxy_error(record, lb_buffer_start(buffer), lb_buffer_end(buffer), &p->meta,
			       lb_proxy_len(way->service->family));
	lb_addr_store(quoted.src, lb_addr_load(record->client));
	lb_copy(quoted.dst, way->service->addr, 16);
	return lb_nat_write_error(buffer, p, quoted.src, &quoted, &head);
}

/**
 * A packet of no service: from an instance to a NAT address, or to a client?
 * Return: LB_VERDICT_KERNEL if it is not, else its verdict.
 */
LB_INLINE lb_result lb_nat_reply(struct lb_buffer buffer, struct lb_env *env,
				 const struct lb_packet *p, lb_too_big too_big)
{
	const bool is_piece = lb_nat_is_piece(&p->meta);
	struct lb_nat_way way = { { NULL, 0, 0 }, NULL, NULL };
	const struct lb_nat *nat;
	enum lb_drop refusal;
	uint32_t address;

	if ((!is_piece && !lb_nat_may_reply(&p->meta)) || !lb_env_open_nat(env))
		return LB_VERDICT_KERNEL;
	nat = lb_env_nat(env);
	address = lb_nat_address(nat->index, nat->params, lb_addr_vip(&p->meta));
	if (is_piece)
		return address == LB_NAT_ADDRESS_NONE ? LB_VERDICT_KERNEL
						      : lb_result_drop(LB_DROP_IP_FRAGMENT);
	if (address != LB_NAT_ADDRESS_NONE)
		way = lb_nat_way_back(nat, &env->instances, &p->meta, address);
	else if (LB_NAT_HAS_CLIENTS)
		way = lb_nat_way_to_client(nat, &env->instances, &p->meta, p->now);
	if (way.ref.record) {
		refusal = lb_network_refuses(env->services, &p->meta, 0);
		if (lb_unlikely(refusal != LB_DROP_COUNT))
			return lb_result_drop(refusal);
		return p->meta.class == LB_CLASS_ICMP_ERROR
			       ? lb_nat_return_error(buffer, env, p, &way)
			       : lb_nat_return(buffer, env, p, &way, too_big);
	}
	if (address == LB_NAT_ADDRESS_NONE || (nat->params->flags[address] & LB_NAT_ADDRESS_OWN))
		return LB_VERDICT_KERNEL;
	return lb_result_drop(LB_DROP_NAT_UNKNOWN);
}

#endif
