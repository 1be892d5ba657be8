/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fast path of the parser, for nearly all packets: TCP to the port's own address, without IP
 * options or extension headers, fragments or a VLAN tag, and valid. A dataplane may try it first;
 * all other packets are left to lb_parse(), which gives the same result for these
 * (tests/fuzz/fuzz_packet.c compares them).
 */
#ifndef LB_PARSE_PLAIN_H
#define LB_PARSE_PLAIN_H

#include "dataplane/core/lb_parse.h"

/* The headers of such a packet. */
struct lb_tcp4 {
	struct lb_eth eth;
	struct lb_ipv4 ip;
	struct lb_tcp tcp;
} LB_PACKED;

#define LB_TCP4_L4_OFFSET LB_OFFSETOF(struct lb_tcp4, tcp)

LB_INLINE void lb_tcp_meta(struct lb_meta *meta, uint8_t family, uint16_t l4_offset,
			   uint32_t l3_len, const struct lb_tcp *tcp)
{
	meta->class = LB_CLASS_FLOW;
	meta->reason = 0;
	meta->family = family;
	meta->proto = LB_IPPROTO_TCP;
	meta->tcp_flags = tcp->flags;
	meta->l3_offset = sizeof(struct lb_eth);
	meta->tci = 0;
	meta->l4_offset = l4_offset;
	meta->l3_len = l3_len;
	meta->client_port = tcp->sport;
	meta->vip_port = tcp->dport;
}

/*
 * Whether ethertype, version, header length, fragment bits and protocol are those of a plain
 * packet.
 */
LB_INLINE bool lb_tcp4_is_plain(const uint8_t *frame)
{
	const uint32_t type_version = 0x00450008, type_version_mask = 0x00ffffff;
	const uint32_t frag_proto = LB_IPPROTO_TCP << 24, frag_proto_mask = 0xff00ff3f;

	return (lb_load32(frame + 12) & type_version_mask) == type_version &&
	       (lb_load32(frame + 20) & frag_proto_mask) == frag_proto;
}

/* lb_csum_ipv4_sum() in larger words; a carry counts as 1, as everywhere in this sum. */
LB_INLINE uint64_t lb_tcp4_csum_sum(const struct lb_ipv4 *ip)
{
	const uint8_t *p = (const uint8_t *)ip;
	uint64_t first = lb_load64(p), addresses = lb_load32(p + 16);
	uint64_t sum = first + lb_load64(p + 8);

	sum += sum < first;
	sum += addresses;
	return sum + (sum < addresses);
}

/* RFC 1122 section 3.2.1, and the rules of RFC 9293 for lengths, ports and flags. */
LB_INLINE bool lb_tcp4_is_right(const struct lb_ipv4 *ip, const struct lb_tcp *tcp, uint32_t l3_len,
				uint32_t room)
{
	return lb_csum_sum_is_right(lb_tcp4_csum_sum(ip)) && ip->ttl != 0 && l3_len <= room &&
	       tcp->doff >= 0x50 && sizeof(*ip) + (tcp->doff >> 4) * 4 <= l3_len &&
	       !lb_source4_is_bad(ip->src) && ip->src != ip->dst && tcp->sport && tcp->dport &&
	       !lb_tcp_flags_are_bad(tcp->flags);
}

/**
 * Whether a frame is a plain one over IPv4.
 * Return: length of its IP packet in bytes; 0 if it is not plain.
 * Context: worker; pure.
 */
LB_INLINE uint32_t lb_parse_tcp4(const struct lb_frame *frame, uint64_t mac)
{
	const struct lb_tcp4 *headers = (const struct lb_tcp4 *)frame->data;
	uint32_t l3_len;

	if (lb_unlikely(!lb_fits(headers, sizeof(*headers), frame->end) ||
			(lb_load64(frame->data) & LB_MAC_MASK) != mac ||
			!lb_tcp4_is_plain(frame->data)))
		return 0;
	l3_len = lb_be16_to_cpu(headers->ip.total_len);
	if (lb_unlikely(!lb_tcp4_is_right(&headers->ip, &headers->tcp, l3_len,
					  frame->len - (uint32_t)sizeof(struct lb_eth))))
		return 0;
	return l3_len;
}

/** The result of lb_parse() for such a frame. */
LB_INLINE void lb_tcp4_meta(const uint8_t *frame, struct lb_meta *meta)
{
	const struct lb_tcp4 *headers = (const struct lb_tcp4 *)frame;

	lb_tcp_meta(meta, 4, LB_TCP4_L4_OFFSET, lb_be16_to_cpu(headers->ip.total_len),
		    &headers->tcp);
	meta->client4 = headers->ip.src;
	meta->vip4 = headers->ip.dst;
}

struct lb_tcp6 {
	struct lb_eth eth;
	struct lb_ipv6 ip;
	struct lb_tcp tcp;
} LB_PACKED;

#define LB_TCP6_L4_OFFSET LB_OFFSETOF(struct lb_tcp6, tcp)

LB_INLINE bool lb_tcp6_is_right(const struct lb_ipv6 *ip, const struct lb_tcp *tcp, uint32_t l3_len,
				uint32_t room)
{
	return *(const uint8_t *)ip >> 4 == 6 && ip->next == LB_IPPROTO_TCP && ip->hop_limit != 0 &&
	       l3_len <= room && tcp->doff >= 0x50 &&
	       sizeof(*ip) + (tcp->doff >> 4) * 4 <= l3_len && !lb_source6_is_bad(ip->src) &&
	       !lb_addr6_equal(ip->src, ip->dst) && tcp->sport && tcp->dport &&
	       !lb_tcp_flags_are_bad(tcp->flags);
}

LB_INLINE uint32_t lb_ipv6_len(const struct lb_ipv6 *ip)
{
	return lb_be16_to_cpu(ip->payload_len) + (uint32_t)sizeof(*ip);
}

/** lb_parse_tcp4() for IPv6. */
LB_INLINE uint32_t lb_parse_tcp6(const struct lb_frame *frame, uint64_t mac)
{
	const struct lb_tcp6 *headers = (const struct lb_tcp6 *)frame->data;
	uint32_t l3_len;

	if (lb_unlikely(!lb_fits(headers, sizeof(*headers), frame->end) ||
			(lb_load64(frame->data) & LB_MAC_MASK) != mac ||
			headers->eth.type != LB_BE16(LB_ETHERTYPE_IPV6)))
		return 0;
	l3_len = lb_ipv6_len(&headers->ip);
	if (lb_unlikely(!lb_tcp6_is_right(&headers->ip, &headers->tcp, l3_len,
					  frame->len - (uint32_t)sizeof(struct lb_eth))))
		return 0;
	return l3_len;
}

/** lb_tcp4_meta() for IPv6. */
LB_INLINE void lb_tcp6_meta(const uint8_t *frame, struct lb_meta *meta)
{
	const struct lb_tcp6 *headers = (const struct lb_tcp6 *)frame;

	lb_tcp_meta(meta, 6, LB_TCP6_L4_OFFSET, lb_ipv6_len(&headers->ip), &headers->tcp);
	lb_copy(meta->client6, headers->ip.src, 16);
	lb_copy(meta->vip6, headers->ip.dst, 16);
}

#endif
