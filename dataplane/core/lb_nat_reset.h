/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a translated connection that nobody else ends: packets to both sides, so that neither
 * waits for the other.
 *
 * The record has the client's next sequence number, so the instance gets a RST that it accepts
 * (RFC 5961 section 3.2). Of the instance's it has the upper half. A RST with a sequence number
 * inside the client's window, and a segment in front of it, are each answered by an ACK (RFC 5961
 * section 3.2, RFC 9293 section 3.10.7.4), which has the number: the instance, which has no such
 * connection any more, or another one in its place, answers that by the RST that the client accepts.
 */
#ifndef LB_NAT_RESET_H
#define LB_NAT_RESET_H

#include "dataplane/core/lb_csum.h"
#include "dataplane/core/lb_encap.h"
#include "dataplane/core/lb_nat_client.h"
#include "dataplane/core/lb_reply.h"
#include "dataplane/core/lb_translate.h"

#define LB_NAT_RESETS 3 /* segments of one connection, at most */
#define LB_NAT_RESET_LEN (LB_ETH_HEADER_MAX + sizeof(struct lb_ipv6) + sizeof(struct lb_tcp))
#define LB_NAT_RESET_TTL 64

/* One segment without data. */
struct lb_nat_reset {
	uint8_t macs[2 * LB_ETH_ALEN]; /* as in a frame */
	uint32_t tag;		       /* lb_tag() */
	struct lb_ends ends;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
};

/* Whether neither side of a connection has ended it. */
LB_INLINE bool lb_nat_is_live(const struct lb_nat_record *record)
{
	return record->state >= LB_NAT_ESTABLISHED && record->state <= LB_NAT_FIN_INSTANCE;
}

/* Return: whether the instance can be reached. */
LB_INLINE bool lb_nat_reset_instance(const struct lb_nat *nat, struct lb_nat_ref ref,
				     const struct lb_nat_way *way, struct lb_nat_reset *reset)
{
	const struct lb_meta untagged = { .l3_offset = sizeof(struct lb_eth) };
	const struct lb_nat_flow flow = { .client = lb_addr_load(ref.record->client),
					  .client_port = ref.record->client_port,
					  .source = way->service->source };

	if (!(way->instance->flags & LB_INSTANCE_RESOLVED))
		return false;
	*reset = (struct lb_nat_reset){ .seq = ref.record->seq, .flags = LB_TCP_RST };
	lb_copy(reset->macs, way->instance->header, sizeof(reset->macs));
	reset->tag = lb_tag(way->instance->vlan, &untagged);
	reset->ends.family = lb_outer_family(way->instance);
	reset->ends.sport = lb_nat_source(nat, &flow, ref, reset->ends.src);
	reset->ends.dport = way->service->instance_port;
	lb_addr_store(reset->ends.dst, lb_addr_instance(way->instance));
	return true;
}

/* @port_mac: lb_mac_load(). Return: whether the client's router is known. */
LB_INLINE bool lb_nat_reset_client(const struct lb_nat *nat, struct lb_nat_ref ref,
				   const struct lb_service *service, uint64_t port_mac,
				   struct lb_nat_reset *reset)
{
	const uint64_t hop = lb_nat_area(nat, ref.worker)->hop[ref.record->hop];
	const struct lb_meta untagged = { .l3_offset = sizeof(struct lb_eth) };

	*reset = (struct lb_nat_reset){
		.seq = ((uint32_t)ref.record->acked + 1) << 16,
		.flags = LB_TCP_RST,
		.tag = lb_tag((lb_be16)(hop >> 48), &untagged),
		.ends = { .sport = service->port,
			  .dport = ref.record->client_port,
			  .family = service->family },
	};
	lb_copy(reset->macs, &hop, LB_ETH_ALEN);
	lb_copy(reset->macs + LB_ETH_ALEN, &port_mac, LB_ETH_ALEN);
	lb_copy(reset->ends.src, service->addr, sizeof(reset->ends.src));
	lb_addr_store(reset->ends.dst, lb_addr_load(ref.record->client));
	return hop != 0;
}

/**
 * The segments that end a connection.
 * @to: LB_NAT_RESETS of them. Return: how many.
 */
LB_INLINE uint32_t lb_nat_resets(const struct lb_nat *nat, struct lb_nat_ref ref,
				 const struct lb_instances *instances, uint64_t port_mac,
				 struct lb_nat_reset *to)
{
	const struct lb_nat_record *record = ref.record;
	const struct lb_nat_way way = {
		.instance = lb_instance_at(instances, record->instance),
		.service = lb_nat_service(nat, record->service),
	};
	uint32_t n = 0;

	if (!way.service)
		return 0;
	if (way.instance && lb_instance_is_there(way.instance))
		n += lb_nat_reset_instance(nat, ref, &way, &to[n]);
	if (!lb_nat_reset_client(nat, ref, way.service, port_mac, &to[n]))
		return n;
	to[n + 1] = to[n];
	to[n + 1].seq = ((uint32_t)record->acked << 16) - 1;
	to[n + 1].ack = record->seq;
	to[n + 1].flags = LB_TCP_ACK;
	return n + 2;
}

/** Write a segment. @frame: LB_NAT_RESET_LEN bytes. Return: bytes of it. */
LB_INLINE uint32_t lb_nat_reset_write(uint8_t *frame, const struct lb_nat_reset *reset)
{
	const uint32_t ip_len = lb_ip_header_len(reset->ends.family);
	const uint32_t l2_len = lb_tag_l2_len(reset->tag);
	const uint32_t len = l2_len + ip_len + (uint32_t)sizeof(struct lb_tcp);
	const uint8_t *end = frame + len;
	uint8_t *ip = frame + l2_len;
	struct lb_tcp *tcp = (struct lb_tcp *)(ip + ip_len);
	const struct lb_before before = { .ttl = LB_NAT_RESET_TTL + 1 };
	const struct lb_ends *ends = &reset->ends;
	uint64_t sum;

	lb_copy(frame, reset->macs, sizeof(reset->macs));
	lb_store32(frame + 2 * LB_ETH_ALEN, reset->tag); /* without one, overwritten below */
	*tcp = (struct lb_tcp){
		.sport = ends->sport,
		.dport = ends->dport,
		.seq = lb_cpu_to_be32(reset->seq),
		.ack = lb_cpu_to_be32(reset->ack),
		.doff = sizeof(*tcp) / 4 << 4,
		.flags = reset->flags,
	};
	sum = lb_ends_sum(ends->src, ends->dst, ends->family, 0, 0) + lb_cpu_to_be16(sizeof(*tcp)) +
	      lb_cpu_to_be16(LB_IPPROTO_TCP) +
	      lb_csum_bytes((const uint8_t *)tcp, sizeof(*tcp), end);
	tcp->csum = (uint16_t)~lb_csum_fold(sum);
	if (ends->family == 4) {
		lb_store16(ip - 2, LB_BE16(LB_ETHERTYPE_IPV4));
		lb_write_ip4(ip, end, &before, ends, sizeof(*tcp));
	} else {
		lb_store16(ip - 2, LB_BE16(LB_ETHERTYPE_IPV6));
		lb_write_ip6(ip, end, &before, ends, sizeof(*tcp));
	}
	return len;
}

#endif
