/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors about packets of connections that are translated across families: RFC 7915 sections
 * 4.2, 4.3, 5.2 and 5.3. The error leaves as one of the other family, from the address that the
 * quoted packet was sent to, since a router of one family has no address in the other one.
 *
 * What is quoted behind its IP header stays where it is; all headers in front of that are written
 * anew. The checksum is updated from what has changed: a damaged error leaves damaged.
 */
#ifndef LB_NAT_ICMP_H
#define LB_NAT_ICMP_H

#include "dataplane/core/lb_nat_error.h"
#include "dataplane/core/lb_reply.h"

#define LB_ICMP4_UNREACH_HOST 1
#define LB_ICMP4_UNREACH_PROTOCOL 2
#define LB_ICMP4_UNREACH_PORT 3
#define LB_ICMP4_UNREACH_NETWORK_PROHIBITED 9
#define LB_ICMP4_UNREACH_HOST_PROHIBITED 10
#define LB_ICMP4_UNREACH_PROHIBITED 13
#define LB_ICMP4_UNREACH_PRECEDENCE_VIOLATION 14
#define LB_ICMP4_UNREACH_PRECEDENCE 15
#define LB_ICMP6_UNREACH_ROUTE 0
#define LB_ICMP6_UNREACH_PROHIBITED 1
#define LB_ICMP6_UNREACH_SCOPE 2
#define LB_ICMP6_UNREACH_ADDRESS 3
#define LB_ICMP6_UNREACH_PORT 4
#define LB_ICMP6_PARAM_NEXT_HEADER 1

/* Where an IPv6 header has its next header: what an unknown protocol points to. */
#define LB_ICMP6_PARAM_AT_NEXT 6u
/* How much longer a packet is over IPv6. */
#define LB_ICMP_MTU_CHANGE 20u

/* ---- Messages ---- */

LB_INLINE struct lb_icmp lb_icmp_unreach6(uint8_t code)
{
	switch (code) {
	case LB_ICMP4_UNREACH_PROTOCOL:
		return (struct lb_icmp){ .type = LB_ICMP6_PARAM_PROBLEM,
					 .code = LB_ICMP6_PARAM_NEXT_HEADER,
					 .rest = lb_cpu_to_be32(LB_ICMP6_PARAM_AT_NEXT) };
	case LB_ICMP4_UNREACH_PORT:
		return (struct lb_icmp){ .type = LB_ICMP6_UNREACH, .code = LB_ICMP6_UNREACH_PORT };
	case LB_ICMP4_UNREACH_NETWORK_PROHIBITED:
	case LB_ICMP4_UNREACH_HOST_PROHIBITED:
	case LB_ICMP4_UNREACH_PROHIBITED:
	case LB_ICMP4_UNREACH_PRECEDENCE:
		return (struct lb_icmp){ .type = LB_ICMP6_UNREACH,
					 .code = LB_ICMP6_UNREACH_PROHIBITED };
	case LB_ICMP4_UNREACH_PRECEDENCE_VIOLATION:
		return (struct lb_icmp){ .type = 0 };
	default:
		return (struct lb_icmp){ .type = LB_ICMP6_UNREACH, .code = LB_ICMP6_UNREACH_ROUTE };
	}
}

/** An IPv4 error's counterpart; type 0: it has none. A router of before RFC 1191 tells no MTU. */
LB_INLINE struct lb_icmp lb_icmp_to6(const struct lb_icmp *icmp)
{
	uint32_t mtu = (lb_be32_to_cpu(icmp->rest) & 0xffff) + LB_ICMP_MTU_CHANGE;

	if (icmp->type == LB_ICMP4_TIME_EXCEEDED)
		return (struct lb_icmp){ .type = LB_ICMP6_TIME_EXCEEDED, .code = icmp->code };
	if (icmp->type != LB_ICMP4_UNREACH)
		return (struct lb_icmp){ .type = 0 };
	if (icmp->code != LB_ICMP4_UNREACH_FRAG_NEEDED)
		return lb_icmp_unreach6(icmp->code);
	if (mtu < LB_IPV6_MTU_MIN)
		mtu = LB_IPV6_MTU_MIN;
	return (struct lb_icmp){ .type = LB_ICMP6_PACKET_TOO_BIG, .rest = lb_cpu_to_be32(mtu) };
}

LB_INLINE struct lb_icmp lb_icmp_unreach4(uint8_t code)
{
	switch (code) {
	case LB_ICMP6_UNREACH_PROHIBITED:
		return (struct lb_icmp){ .type = LB_ICMP4_UNREACH,
					 .code = LB_ICMP4_UNREACH_HOST_PROHIBITED };
	case LB_ICMP6_UNREACH_PORT:
		return (struct lb_icmp){ .type = LB_ICMP4_UNREACH, .code = LB_ICMP4_UNREACH_PORT };
	case LB_ICMP6_UNREACH_ROUTE:
	case LB_ICMP6_UNREACH_SCOPE:
	case LB_ICMP6_UNREACH_ADDRESS:
		return (struct lb_icmp){ .type = LB_ICMP4_UNREACH, .code = LB_ICMP4_UNREACH_HOST };
	default:
		return (struct lb_icmp){ .type = 0 };
	}
}

/** The same for an IPv6 error. */
LB_INLINE struct lb_icmp lb_icmp_to4(const struct lb_icmp *icmp)
{
	uint32_t mtu = lb_be32_to_cpu(icmp->rest);

	switch (icmp->type) {
	case LB_ICMP6_UNREACH:
		return lb_icmp_unreach4(icmp->code);
	case LB_ICMP6_TIME_EXCEEDED:
		return (struct lb_icmp){ .type = LB_ICMP4_TIME_EXCEEDED, .code = icmp->code };
	case LB_ICMP6_PARAM_PROBLEM:
		return (struct lb_icmp){
			.type = icmp->code == LB_ICMP6_PARAM_NEXT_HEADER ? LB_ICMP4_UNREACH : 0,
			.code = LB_ICMP4_UNREACH_PROTOCOL,
		};
	case LB_ICMP6_PACKET_TOO_BIG:
		mtu = mtu < 0xffff + LB_ICMP_MTU_CHANGE ? mtu : 0xffff + LB_ICMP_MTU_CHANGE;
		return (struct lb_icmp){ .type = LB_ICMP4_UNREACH,
					 .code = LB_ICMP4_UNREACH_FRAG_NEEDED,
					 .rest = lb_cpu_to_be32(mtu - LB_ICMP_MTU_CHANGE) };
	default:
		return (struct lb_icmp){ .type = 0 };
	}
}

/* ---- Headers ---- */

/* What is read of an error before its headers are overwritten. */
struct lb_icmp_before {
	struct lb_icmp icmp; /* of the new error; its checksum is that of the old one */
	struct lb_before outer;
	struct lb_before quote;	  /* ttl and tos */
	uint32_t quote_len;	  /* bytes of the quoted IP header, and what belongs to it */
	uint32_t quote_l4_len;	  /* bytes behind it in the packet that is quoted */
	uint32_t quote_addresses; /* inverted sum */
	uint32_t sum;		  /* inverted, of what is overwritten and of the pseudo-header */
};

/* The part of an ICMPv6 checksum that is not in the message. @len: of the message. */
LB_INLINE uint64_t lb_icmp_pseudo(const struct lb_ipv6 *ip, uint32_t len)
{
	return lb_csum_addr6_sum(ip->src) + lb_csum_addr6_sum(ip->dst) + lb_cpu_to_be32(len) +
	       lb_cpu_to_be32(LB_IPPROTO_ICMPV6);
}

LB_INLINE uint32_t lb_icmp_len(const struct lb_meta *meta)
{
	return meta->l3_len - lb_l3_header_len(meta);
}

LB_INLINE bool lb_icmp_quote4(const struct lb_ipv4 *ip, const uint8_t *end,
			      struct lb_icmp_before *before)
{
	if (!lb_fits(ip, sizeof(*ip), end))
		return false;
	before->quote_len = (uint32_t)(ip->version_ihl & 0xf) * 4;
	before->quote_l4_len = lb_be16_to_cpu(ip->total_len) - before->quote_len;
	before->quote.tos = ip->tos;
	before->quote.ttl = ip->ttl;
	before->quote_addresses = (uint16_t)~lb_csum_fold((uint64_t)ip->src + ip->dst);
	return true;
}

LB_INLINE bool lb_icmp_quote6(const struct lb_ipv6 *ip, const uint8_t *end,
			      struct lb_icmp_before *before)
{
	if (!lb_fits(ip, sizeof(*ip), end))
		return false;
	before->quote_len = lb_quote_l4_6(ip, end);
	before->quote_l4_len =
		lb_be16_to_cpu(ip->payload_len) + (uint32_t)sizeof(*ip) - before->quote_len;
	before->quote.tos = (uint8_t)(lb_be32_to_cpu(ip->ver_tc_flow) >> 20);
	before->quote.ttl = ip->hop_limit;
	before->quote_addresses =
		(uint16_t)~lb_csum_fold(lb_csum_addr6_sum(ip->src) + lb_csum_addr6_sum(ip->dst));
	return before->quote_len != 0;
}

/**
 * Read what lb_icmp_across() needs.
 * @meta: of an LB_CLASS_ICMP_ERROR about a TCP packet.
 * Return: false if the quote is not in the frame's first segment. @before: its icmp.type is 0 if
 * nothing corresponds to the error.
 */
LB_INLINE bool lb_icmp_read(const uint8_t *frame, const uint8_t *end, const struct lb_meta *meta,
			    struct lb_icmp_before *before)
{
	const struct lb_icmp *icmp = (const struct lb_icmp *)(frame + meta->l4_offset);
	const struct lb_ipv6 *ip = (const struct lb_ipv6 *)(frame + meta->l3_offset);
	uint64_t sum = 0;
	uint32_t bytes;

	if (!lb_fits(icmp, sizeof(*icmp), end))
		return false;
	before->icmp = meta->family == 4 ? lb_icmp_to6(icmp) : lb_icmp_to4(icmp);
	before->icmp.csum = icmp->csum;
	if (!(meta->family == 4 ? lb_icmp_quote4((const void *)(icmp + 1), end, before)
				: lb_icmp_quote6((const void *)(icmp + 1), end, before)))
		return false;
	bytes = (uint32_t)sizeof(*icmp) + before->quote_len;
	if (!lb_fits(icmp, bytes + 8, end))
		return false;
	if (meta->family == 6)
		sum = lb_icmp_pseudo(ip, lb_icmp_len(meta));
	sum += lb_csum_bytes((const uint8_t *)icmp, bytes, end) + (uint16_t)~icmp->csum;
	before->sum = (uint16_t)~lb_csum_fold(sum);
	return true;
}

/** Bytes by which the packet becomes longer; shorter, if negative. */
LB_INLINE int lb_icmp_growth(const struct lb_meta *meta, const struct lb_icmp_before *before,
			     uint8_t family)
{
	return 2 * (int)lb_ip_header_len(family) - (int)lb_l3_header_len(meta) -
	       (int)before->quote_len;
}

/* An IP header of an ICMP message. */
LB_INLINE bool lb_icmp_write_ip(uint8_t *ip, const uint8_t *end, const struct lb_before *before,
				const struct lb_ends *ends, uint32_t len)
{
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)ip;

	if (ends->family == 6) {
		if (!lb_write_ip6(ip, end, before, ends, len))
			return false;
		((struct lb_ipv6 *)ip)->next = LB_IPPROTO_ICMPV6;
		return true;
	}
	if (!lb_write_ip4(ip, end, before, ends, len))
		return false;
	ip4->proto = LB_IPPROTO_ICMP;
	ip4->csum = 0;
	ip4->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip4));
	return true;
}

/**
 * Write an error of the other family.
 * @ip: where the new packet starts, lb_icmp_growth() bytes in front of the old one.
 * @quoted: the ends of the quoted packet, as it is to be quoted.
 * Return: false if the headers did not fit.
 */
LB_INLINE bool lb_icmp_across(uint8_t *ip, const uint8_t *end, const struct lb_meta *meta,
			      struct lb_icmp_before *before, const struct lb_ends *quoted)
{
	const uint32_t header = lb_ip_header_len(quoted->family);
	const uint32_t quote = lb_icmp_len(meta) - (uint32_t)sizeof(struct lb_icmp) -
			       before->quote_len; /* bytes of it behind its IP header */
	const uint32_t len = (uint32_t)sizeof(struct lb_icmp) + header + quote;
	struct lb_icmp *icmp = (struct lb_icmp *)(ip + header);
	uint8_t *l4 = (uint8_t *)(icmp + 1) + header;
	struct lb_ends outer = { .family = quoted->family };
	uint64_t change;

	lb_copy(outer.src, quoted->dst, sizeof(outer.src));
	lb_copy(outer.dst, quoted->src, sizeof(outer.dst));
	before->quote.ttl++; /* which lb_write_ip4() counts down */
	if (!lb_icmp_write_ip(ip, end, &before->outer, &outer, len) ||
	    !lb_fits(icmp, sizeof(*icmp) + header + 8, end))
		return false;
	*icmp = before->icmp;
	icmp->csum = 0;
	if (!(quoted->family == 4 ? lb_write_ip4((uint8_t *)(icmp + 1), end, &before->quote, quoted,
						 before->quote_l4_len)
				  : lb_write_ip6((uint8_t *)(icmp + 1), end, &before->quote, quoted,
						 before->quote_l4_len)))
		return false;
	change = before->quote_addresses +
		 lb_ends_sum(quoted->src, quoted->dst, quoted->family, 0, 0);
	change = lb_translate_quoted_tcp(l4, end, quote, quoted, change);
	change += before->sum +
		  lb_csum_bytes((const uint8_t *)icmp, (uint32_t)sizeof(*icmp) + header, end);
	if (quoted->family == 6)
		change += lb_icmp_pseudo((const struct lb_ipv6 *)ip, len);
	icmp->csum = lb_csum_change(before->icmp.csum, (uint32_t)lb_csum_fold(change));
	return true;
}

#endif
