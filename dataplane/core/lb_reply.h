/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors back to a client, about a packet that is too big for its tunnel.
 * The dataplane has made the headroom; what would pass @end, the end of the frame's first segment,
 * is not written.
 */
#ifndef LB_REPLY_H
#define LB_REPLY_H

#include "dataplane/core/lb_csum.h"
#include "dataplane/core/lb_parse.h"

#define LB_ICMP4_HEADROOM (sizeof(struct lb_ipv4) + sizeof(struct lb_icmp))
#define LB_ICMP6_HEADROOM (sizeof(struct lb_ipv6) + sizeof(struct lb_icmp))
#define LB_ETH_HEADER_MAX (sizeof(struct lb_eth) + sizeof(struct lb_vlan))
#define LB_ICMP4_QUOTE_MAX 548u	 /* RFC 1812 section 4.3.2.3: 576 bytes in all */
#define LB_ICMP6_QUOTE_MAX 1232u /* RFC 4443 section 2.4: 1280 bytes in all */

/* Swap the Ethernet addresses and move the header, with its VLAN tag if there is one, to @frame. */
LB_INLINE void lb_write_eth_reply(uint8_t *frame, const uint8_t *old, uint32_t l2_len)
{
	uint32_t dst = lb_load32(old), src = lb_load32(old + LB_ETH_ALEN);
	uint16_t dst_rest = lb_load16(old + 4), src_rest = lb_load16(old + LB_ETH_ALEN + 4);
	uint32_t type_tci = lb_load32(old + 2 * LB_ETH_ALEN);
	uint16_t type = lb_load16(old + 2 * LB_ETH_ALEN + 4);

	lb_store32(frame, src);
	lb_store16(frame + 4, src_rest);
	lb_store32(frame + LB_ETH_ALEN, dst);
	lb_store16(frame + LB_ETH_ALEN + 4, dst_rest);
	lb_store16(frame + 2 * LB_ETH_ALEN, (uint16_t)type_tci);
	if (l2_len == sizeof(struct lb_eth))
		return;
	lb_store16(frame + 2 * LB_ETH_ALEN + 2, (uint16_t)(type_tci >> 16));
	lb_store16(frame + 2 * LB_ETH_ALEN + 4, type);
}

/* Sum of @bytes, a multiple of 4; each word is checked against @end. */
LB_INLINE uint64_t lb_csum_bytes(const uint8_t *p, uint32_t bytes, const uint8_t *end)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LB_ICMP6_QUOTE_MAX + sizeof(struct lb_icmp); i += 4) {
		if (i >= bytes || !lb_fits(p, i + 4, end))
			break;
		sum += lb_load32(p + i);
	}
	return sum;
}

/** Bytes of a packet that an ICMP error quotes: a multiple of 4. */
LB_INLINE uint32_t lb_icmp_quote_len(const struct lb_meta *meta)
{
	uint32_t max = meta->family == 4 ? LB_ICMP4_QUOTE_MAX : LB_ICMP6_QUOTE_MAX;

	return (meta->l3_len < max ? meta->l3_len : max) & ~3u;
}

/**
 * Whether a packet that is too big may be answered with an ICMP error: not if it is an ICMP error
 * itself (RFC 1122 section 3.2.2). DF is not considered: a sender that allows fragments sends
 * smaller segments all the same (docs/path-mtu.md).
 * @segment_len: bytes of the frame's first segment, which is quoted.
 */
LB_INLINE bool lb_icmp_may_answer(const struct lb_meta *meta, uint32_t segment_len)
{
	return meta->class == LB_CLASS_FLOW &&
	       segment_len >= meta->l3_offset + lb_icmp_quote_len(meta);
}

/**
 * Fragmentation needed (RFC 1191), from the VIP to the client.
 * @frame: LB_ICMP4_HEADROOM bytes in front of the old frame.
 * @mtu: bytes of the largest packet that would have fitted.
 * Return: length of the new frame in bytes; 0 if it did not fit.
 */
LB_INLINE uint32_t lb_write_frag_needed4(uint8_t *frame, const uint8_t *end,
					 const struct lb_meta *meta, uint32_t mtu)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(frame + meta->l3_offset);
	struct lb_icmp *icmp = (struct lb_icmp *)(ip + 1);
	uint32_t quote = lb_icmp_quote_len(meta);

	if (!lb_fits(frame, LB_ICMP4_HEADROOM + LB_ETH_HEADER_MAX, end) ||
	    !lb_fits(ip, LB_ICMP4_HEADROOM, end))
		return 0;
	lb_write_eth_reply(frame, frame + LB_ICMP4_HEADROOM, meta->l3_offset);
	*ip = (struct lb_ipv4){
		.version_ihl = 0x45,
		.total_len = lb_cpu_to_be16((uint16_t)(LB_ICMP4_HEADROOM + quote)),
		.frag = LB_BE16(LB_IPV4_DF),
		.ttl = 64,
		.proto = LB_IPPROTO_ICMP,
		.src = meta->vip4,
		.dst = meta->client4,
	};
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
	*icmp = (struct lb_icmp){
		.type = LB_ICMP4_UNREACH,
		.code = LB_ICMP4_UNREACH_FRAG_NEEDED,
		.rest = lb_cpu_to_be32(mtu & 0xffff),
	};
	icmp->csum = (uint16_t)~lb_csum_fold(
		lb_csum_bytes((const uint8_t *)icmp, (uint32_t)sizeof(*icmp) + quote, end));
	return meta->l3_offset + (uint32_t)LB_ICMP4_HEADROOM + quote;
}

/** Packet too big (RFC 4443 section 3.2); as above, with LB_ICMP6_HEADROOM. */
LB_INLINE uint32_t lb_write_too_big6(uint8_t *frame, const uint8_t *end, const struct lb_meta *meta,
				     uint32_t mtu)
{
	struct lb_ipv6 *ip = (struct lb_ipv6 *)(frame + meta->l3_offset);
	struct lb_icmp *icmp = (struct lb_icmp *)(ip + 1);
	uint32_t quote = lb_icmp_quote_len(meta);
	uint32_t len = (uint32_t)sizeof(*icmp) + quote;
	uint64_t sum;

	if (!lb_fits(frame, LB_ICMP6_HEADROOM + LB_ETH_HEADER_MAX, end) ||
	    !lb_fits(ip, LB_ICMP6_HEADROOM, end))
		return 0;
	lb_write_eth_reply(frame, frame + LB_ICMP6_HEADROOM, meta->l3_offset);
	*ip = (struct lb_ipv6){
		.ver_tc_flow = lb_cpu_to_be32(0x60000000),
		.payload_len = lb_cpu_to_be16((uint16_t)len),
		.next = LB_IPPROTO_ICMPV6,
		.hop_limit = 64,
	};
	lb_copy(ip->src, meta->vip6, 16);
	lb_copy(ip->dst, meta->client6, 16);
	*icmp = (struct lb_icmp){
		.type = LB_ICMP6_PACKET_TOO_BIG,
		.rest = lb_cpu_to_be32(mtu),
	};
	sum = lb_csum_addr6_sum(ip->src) + lb_csum_addr6_sum(ip->dst) + lb_cpu_to_be32(len) +
	      lb_cpu_to_be32(LB_IPPROTO_ICMPV6);
	sum += lb_csum_bytes((const uint8_t *)icmp, len, end);
	icmp->csum = (uint16_t)~lb_csum_fold(sum);
	return meta->l3_offset + (uint32_t)LB_ICMP6_HEADROOM + quote;
}

#endif
