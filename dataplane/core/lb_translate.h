/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network address and port translation of one TCP packet, within a family or across families. A
 * translated packet has passed a router: its TTL is one less.
 *
 * The transport header and what follows stay where they are; a packet that changes its family gets
 * another IP header in front of them (RFC 7915, without options and extension headers). All
 * checksums are updated from what has changed (RFC 1624): a packet that came in damaged leaves
 * damaged.
 */
#ifndef LB_TRANSLATE_H
#define LB_TRANSLATE_H

#include "dataplane/core/lb_csum.h"
#include "dataplane/core/lb_parse.h"

/* The ends of a packet after its translation. */
struct lb_ends {
	uint8_t src[16]; /* IPv4: the first four bytes */
	uint8_t dst[16];
	lb_be16 sport;
	lb_be16 dport;
	uint8_t family; /* 4 or 6 */
};

/* What is read of a packet before its headers are overwritten, or its front is moved. */
struct lb_before {
	uint32_t sum; /* of the addresses and ports, inverted: below 2^24 */
	uint8_t tos;  /* or traffic class */
	uint8_t ttl;  /* or hop limit, as received */
};

/* Of a constant 1 less in the first byte of a 16-bit word. */
#define LB_CSUM_LESS_ONE 0xfffeu

/** Where the transport header is, as lb_parse() has found it; the mask is for the verifier of BPF. */
LB_INLINE uint32_t lb_l4_offset(const struct lb_meta *meta)
{
	return meta->l4_offset & 0x3ff;
}

/** Bytes of the IP header in front of the transport header, options and extensions included. */
LB_INLINE uint32_t lb_l3_header_len(const struct lb_meta *meta)
{
	return (uint32_t)meta->l4_offset - meta->l3_offset;
}

LB_INLINE uint32_t lb_ip_header_len(uint8_t family)
{
	return family == 4 ? sizeof(struct lb_ipv4) : sizeof(struct lb_ipv6);
}

/** Bytes by which the IP packet becomes longer at its front; shorter, if negative. */
LB_INLINE int lb_translate_growth(const struct lb_meta *meta, const struct lb_ends *ends)
{
	if (ends->family == meta->family)
		return 0;
	return (int)lb_ip_header_len(ends->family) - (int)lb_l3_header_len(meta);
}

/** Bytes of the IP packet after its translation. */
LB_INLINE uint32_t lb_translate_len(const struct lb_meta *meta, const struct lb_ends *ends)
{
	return (uint32_t)((int)meta->l3_len + lb_translate_growth(meta, ends));
}

/* Sum of two addresses and two ports: below 2^19. */
LB_INLINE uint32_t lb_ends_sum(const uint8_t *src, const uint8_t *dst, uint8_t family,
			       lb_be16 sport, lb_be16 dport)
{
	uint64_t sum;

	if (family == 4)
		sum = (uint64_t)lb_load32(src) + lb_load32(dst);
	else
		sum = lb_csum_addr6_sum(src) + lb_csum_addr6_sum(dst);
	return (uint32_t)lb_csum_fold(sum) + sport + dport;
}

/* A checksum after a change. @change: the new words and the inverted old ones, below 2^24. */
LB_INLINE uint16_t lb_csum_change(uint16_t csum, uint32_t change)
{
	return (uint16_t)~lb_csum_fold_short((uint16_t)~csum + change);
}

/**
 * Read what lb_translate() needs.
 * @meta: of a packet that is an LB_CLASS_FLOW of TCP.
 * Return: false if the headers are not in the frame's first segment, or the packet must not be
 * routed any further: its TTL is 1.
 */
LB_INLINE bool lb_translate_read(const uint8_t *frame, const uint8_t *end,
				 const struct lb_meta *meta, struct lb_before *before)
{
	const uint8_t *ip = frame + meta->l3_offset;
	const struct lb_ipv6 *ip6 = (const struct lb_ipv6 *)ip;
	const struct lb_ipv4 *ip4 = (const struct lb_ipv4 *)ip;

	if (meta->family == 4) {
		if (!lb_fits(ip4, sizeof(*ip4), end))
			return false;
		before->tos = ip4->tos;
		before->ttl = ip4->ttl;
		before->sum = lb_ends_sum((const uint8_t *)&ip4->src, (const uint8_t *)&ip4->dst, 4,
					  meta->client_port, meta->vip_port);
	} else {
		if (!lb_fits(ip6, sizeof(*ip6), end))
			return false;
		before->tos = (uint8_t)(lb_be16_to_cpu(lb_load16(ip)) >> 4);
		before->ttl = ip6->hop_limit;
		before->sum = lb_ends_sum(ip6->src, ip6->dst, 6, meta->client_port, meta->vip_port);
	}
	before->sum = (uint16_t)~lb_csum_fold_short(before->sum);
	return before->ttl > 1;
}

/* By how much the sum over an IPv4 packet's addresses changes: 16 bits. */
LB_INLINE uint32_t lb_ip4_change(const struct lb_ipv4 *ip4, lb_be32 src, lb_be32 dst)
{
	return lb_csum_fold((uint64_t)(uint32_t)~ip4->src + (uint32_t)~ip4->dst + src + dst);
}

/* @change: lb_ip4_change(). */
LB_INLINE void lb_ip4_write(struct lb_ipv4 *ip4, uint32_t change, lb_be32 src, lb_be32 dst)
{
	ip4->csum = lb_csum_change(ip4->csum, change + LB_CSUM_LESS_ONE);
	ip4->ttl--;
	ip4->src = src;
	ip4->dst = dst;
}

LB_INLINE void lb_ip6_write(struct lb_ipv6 *ip6, const uint8_t *src, const uint8_t *dst)
{
	ip6->hop_limit--;
	lb_copy(ip6->src, src, 16);
	lb_copy(ip6->dst, dst, 16);
}

/* @change: of the sum over addresses and ports, below 2^24. */
LB_INLINE void lb_tcp_write(struct lb_tcp *tcp, uint32_t change, lb_be16 sport, lb_be16 dport)
{
	tcp->csum = lb_csum_change(tcp->csum, change);
	tcp->sport = sport;
	tcp->dport = dport;
}

/* In place: the header keeps its options or extensions. */
LB_INLINE bool lb_translate_ip4(uint8_t *ip, const uint8_t *end, const struct lb_ends *ends)
{
	const lb_be32 src = lb_load32(ends->src), dst = lb_load32(ends->dst);
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)ip;

	if (!lb_fits(ip4, sizeof(*ip4), end))
		return false;
	lb_ip4_write(ip4, lb_ip4_change(ip4, src, dst), src, dst);
	return true;
}

LB_INLINE bool lb_translate_ip6(uint8_t *ip, const uint8_t *end, const struct lb_ends *ends)
{
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)ip;

	if (!lb_fits(ip6, sizeof(*ip6), end))
		return false;
	lb_ip6_write(ip6, ends->src, ends->dst);
	return true;
}

/*
 * RFC 7915 section 5.1. DF: an IPv6 sender expects nobody to fragment, and without fragments the
 * identification has no meaning (RFC 6864).
 */
LB_INLINE bool lb_write_ip4(uint8_t *ip, const uint8_t *end, const struct lb_before *before,
			    const struct lb_ends *ends, uint32_t l4_len)
{
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)ip;

	if (!lb_fits(ip4, sizeof(*ip4), end))
		return false;
	*ip4 = (struct lb_ipv4){
		.version_ihl = 0x45,
		.tos = before->tos,
		.total_len = lb_cpu_to_be16((uint16_t)(sizeof(*ip4) + l4_len)),
		.frag = LB_BE16(LB_IPV4_DF),
		.ttl = (uint8_t)(before->ttl - 1),
		.proto = LB_IPPROTO_TCP,
		.src = lb_load32(ends->src),
		.dst = lb_load32(ends->dst),
	};
	ip4->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip4));
	return true;
}

/* RFC 7915 section 4.1. */
LB_INLINE bool lb_write_ip6(uint8_t *ip, const uint8_t *end, const struct lb_before *before,
			    const struct lb_ends *ends, uint32_t l4_len)
{
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)ip;

	if (!lb_fits(ip6, sizeof(*ip6), end))
		return false;
	ip6->ver_tc_flow = lb_cpu_to_be32(6u << 28 | (uint32_t)before->tos << 20);
	ip6->payload_len = lb_cpu_to_be16((uint16_t)l4_len);
	ip6->next = LB_IPPROTO_TCP;
	ip6->hop_limit = (uint8_t)(before->ttl - 1);
	lb_copy(ip6->src, ends->src, 16);
	lb_copy(ip6->dst, ends->dst, 16);
	return true;
}

/* The pseudo-headers of both families have the same sum but for the addresses. */
LB_INLINE bool lb_translate_tcp(uint8_t *l4, const uint8_t *end, const struct lb_before *before,
				const struct lb_ends *ends)
{
	struct lb_tcp *tcp = (struct lb_tcp *)l4;
	uint32_t after = lb_ends_sum(ends->src, ends->dst, ends->family, ends->sport, ends->dport);

	if (!lb_fits(tcp, sizeof(*tcp), end))
		return false;
	lb_tcp_write(tcp, before->sum + after, ends->sport, ends->dport);
	return true;
}

/**
 * Translate a packet. What is in front of its IP header is not written.
 * @ip: where the new IP header starts: lb_translate_growth() bytes in front of the old one, or
 *	behind it.
 * @end: of the frame's first segment; nothing is written there.
 * @meta: of the packet as received.
 * @before: from lb_translate_read().
 * Return: false if the headers did not fit; the packet is then neither the old nor the new one.
 */
LB_INLINE bool lb_translate(uint8_t *ip, const uint8_t *end, const struct lb_meta *meta,
			    const struct lb_before *before, const struct lb_ends *ends)
{
	uint32_t l4_len = meta->l3_len - lb_l3_header_len(meta);
	uint8_t *l4 = ip + lb_ip_header_len(ends->family);
	bool is_written;

	if (ends->family == meta->family) {
		l4 = ip + (lb_l3_header_len(meta) & 0x3ff);
		is_written = ends->family == 4 ? lb_translate_ip4(ip, end, ends)
					       : lb_translate_ip6(ip, end, ends);
	} else {
		is_written = ends->family == 4 ? lb_write_ip4(ip, end, before, ends, l4_len)
					       : lb_write_ip6(ip, end, before, ends, l4_len);
	}
	return is_written && lb_translate_tcp(l4, end, before, ends);
}

/* By how much the sum over the ports changes: below 2^18. */
LB_INLINE uint32_t lb_ports_change(const struct lb_tcp *tcp, lb_be16 sport, lb_be16 dport)
{
	return (uint32_t)(uint16_t)~tcp->sport + (uint16_t)~tcp->dport + sport + dport;
}

/**
 * lb_translate() within IPv4, of a packet that is complete and whose TTL is above 1. From values and
 * not from memory, in which the compiler would keep struct lb_ends.
 */
LB_INLINE void lb_translate4(struct lb_ipv4 *ip4, struct lb_tcp *tcp, lb_be32 src, lb_be32 dst,
			     lb_be16 sport, lb_be16 dport)
{
	const uint32_t change = lb_ip4_change(ip4, src, dst);

	lb_tcp_write(tcp, change + lb_ports_change(tcp, sport, dport), sport, dport);
	lb_ip4_write(ip4, change, src, dst);
}

/** The same within IPv6. */
LB_INLINE void lb_translate6(struct lb_ipv6 *ip6, struct lb_tcp *tcp, const uint8_t *src,
			     const uint8_t *dst, lb_be16 sport, lb_be16 dport)
{
	const uint64_t before = lb_csum_addr6_sum(ip6->src) + lb_csum_addr6_sum(ip6->dst);
	const uint64_t after = lb_csum_addr6_sum(src) + lb_csum_addr6_sum(dst);
	const uint32_t change = (uint32_t)(uint16_t)~lb_csum_fold(before) + lb_csum_fold(after);

	lb_tcp_write(tcp, change + lb_ports_change(tcp, sport, dport), sport, dport);
	lb_ip6_write(ip6, src, dst);
}

#endif
