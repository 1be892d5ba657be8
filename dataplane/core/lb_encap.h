/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Header writing: towards an instance, and ICMP errors back to a client.
 * The dataplane has made the headroom; what would pass @end, the end of the frame's first segment,
 * is not written.
 */
#ifndef LB_ENCAP_H
#define LB_ENCAP_H

#include "dataplane/core/lb_forward.h"

#define LB_ICMP4_HEADROOM (sizeof(struct lb_ipv4) + sizeof(struct lb_icmp))
#define LB_ICMP6_HEADROOM (sizeof(struct lb_ipv6) + sizeof(struct lb_icmp))
#define LB_ETH_HEADER_MAX (sizeof(struct lb_eth) + sizeof(struct lb_vlan))
#define LB_ICMP4_QUOTE_MAX 548u	 /* RFC 1812 section 4.3.2.3: 576 bytes in all */
#define LB_ICMP6_QUOTE_MAX 1232u /* RFC 4443 section 2.4: 1280 bytes in all */

/** Bytes that the tunnel to an instance puts in front of a packet. */
LB_INLINE uint32_t lb_tunnel_len(const struct lb_instance *instance)
{
	return instance->header_len == sizeof(struct lb_eth) + LB_TUNNEL4_LEN ? LB_TUNNEL4_LEN
									      : LB_TUNNEL6_LEN;
}

/**
 * Bytes of the largest packet that the tunnel to an instance takes. IPv6 senders never go below
 * 1280 (RFC 8200 section 5): that much is sent if the port takes it, however small the tunnel's
 * MTU.
 * @port_mtu: bytes of an IP packet that the port may send.
 */
LB_INLINE uint32_t lb_tunnel_room(const struct lb_instance *instance, uint8_t family,
				  uint32_t port_mtu)
{
	uint32_t tunnel_len = lb_tunnel_len(instance), mtu = instance->mtu;

	if (family == 6 && mtu < LB_IPV6_MTU_MIN + tunnel_len)
		mtu = LB_IPV6_MTU_MIN + tunnel_len;
	return (mtu < port_mtu ? mtu : port_mtu) - tunnel_len;
}

/** Rewrite the MAC addresses; the rest of the frame stays as received. */
LB_INLINE void lb_write_mac(uint8_t *frame, const struct lb_instance *instance)
{
	lb_copy(frame, instance->header, 2 * LB_ETH_ALEN);
}

LB_INLINE uint16_t lb_template_csum(const struct lb_instance *instance)
{
	return ((const struct lb_ipv4 *)(instance->header + sizeof(struct lb_eth)))->csum;
}

/*
 * The outer header takes DSCP and ECN of the inner packet: RFC 2983 section 3.1 (uniform model),
 * RFC 6040 section 4.1 (normal mode). @ip: the inner header, of which two bytes are read. Return:
 * TOS or traffic class.
 */
LB_INLINE uint8_t lb_inner_tos(const uint8_t *ip, uint8_t family)
{
	/* Branch-free: a mix of families is not predictable. */
	uint32_t shift = (family & 2u) << 1;

	return (uint8_t)(lb_be16_to_cpu(lb_load16(ip)) >> shift);
}

/**
 * The part of the outer source address that follows from the flow, in memory order: NICs of
 * instances spread IPIP by outer addresses alone. 0 unless node.tunnel_sources is set.
 */
LB_INLINE uint32_t lb_outer4_host(const struct lb_instance *instance, uint64_t spread)
{
	return (uint32_t)spread & instance->source_mask;
}

/* Sum of the outer IPv4 header's fields that are 0 in the template. */
LB_INLINE uint32_t lb_outer4_sum(uint32_t inner_len, uint8_t tos, uint32_t host)
{
	return lb_cpu_to_be16((uint16_t)(inner_len + LB_TUNNEL4_LEN)) + ((uint32_t)tos << 8) +
	       (host & 0xffff) + (host >> 16);
}

/*
 * The template's checksum is over protocol 4, and 0 for the other fields; add the difference (RFC
 * 1624).
 */
LB_INLINE void lb_outer4_finish(struct lb_ipv4 *ip, const struct lb_instance *instance,
				uint32_t inner_len, uint8_t inner_family, uint64_t spread)
{
	uint8_t tos = lb_inner_tos((const uint8_t *)(ip + 1), inner_family);
	uint32_t host = lb_outer4_host(instance, spread);
	uint32_t sum = (uint32_t)(uint16_t)~lb_template_csum(instance) +
		       lb_outer4_sum(inner_len, tos, host);

	if (lb_unlikely(inner_family == 6)) {
		ip->proto = LB_IPPROTO_IPV6;
		sum += (uint32_t)(LB_IPPROTO_IPV6 - LB_IPPROTO_IPIP) << 8;
	}
	ip->tos = tos;
	ip->total_len = lb_cpu_to_be16((uint16_t)(inner_len + LB_TUNNEL4_LEN));
	ip->csum = (uint16_t)~lb_csum_fold_short(sum);
	ip->src |= host;
}

/* RFC 6438: routers spread tunnels by the outer flow label. */
LB_INLINE void lb_outer6_finish(struct lb_ipv6 *ip, uint32_t inner_len, uint8_t inner_family,
				uint64_t spread)
{
	uint8_t traffic_class = lb_inner_tos((const uint8_t *)(ip + 1), inner_family);

	ip->ver_tc_flow = lb_cpu_to_be32(0x60000000 | (uint32_t)traffic_class << 20 |
					 ((uint32_t)spread & 0xfffff));
	ip->payload_len = lb_cpu_to_be16((uint16_t)inner_len);
	if (inner_family == 6)
		ip->next = LB_IPPROTO_IPV6;
}

/**
 * Put the outer headers in front of a packet.
 * @frame: where the new frame starts: lb_tunnel_len() bytes in front of the old one.
 * @spread: lb_flow_spread() of the flow.
 * A VLAN tag stays on the frame. The new frame ends with the IP packet:
 * meta->l3_offset + lb_tunnel_len() + meta->l3_len bytes.
 * Return: false if the headers did not fit.
 */
LB_INLINE bool lb_write_tunnel(uint8_t *frame, const uint8_t *end,
			       const struct lb_instance *instance, const struct lb_meta *meta,
			       uint64_t spread)
{
	const uint8_t *old = frame + lb_tunnel_len(instance);
	uint8_t *outer = frame + meta->l3_offset;

	if (lb_unlikely(!lb_fits(frame, sizeof(struct lb_eth), end)))
		return false;
	if (lb_unlikely(meta->l3_offset != sizeof(struct lb_eth))) {
		uint32_t tag;

		if (!lb_fits(old, sizeof(struct lb_eth) + sizeof(struct lb_vlan), end) ||
		    !lb_fits(frame, sizeof(struct lb_eth) + sizeof(struct lb_vlan), end))
			return false;
		tag = lb_load32(old + 2 * LB_ETH_ALEN);
		lb_copy(frame, instance->header, 2 * LB_ETH_ALEN);
		lb_store32(frame + 2 * LB_ETH_ALEN, tag);
		lb_copy(frame + 2 * LB_ETH_ALEN + 4, instance->header + 2 * LB_ETH_ALEN, 2);
	} else {
		lb_copy(frame, instance->header, sizeof(struct lb_eth));
	}
	if (instance->header_len == sizeof(struct lb_eth) + LB_TUNNEL4_LEN) {
		if (lb_unlikely(!lb_fits(outer, LB_TUNNEL4_LEN + 2, end)))
			return false;
		lb_copy(outer, instance->header + sizeof(struct lb_eth), LB_TUNNEL4_LEN);
		lb_outer4_finish((struct lb_ipv4 *)outer, instance, meta->l3_len, meta->family,
				 spread);
		return true;
	}
	if (lb_unlikely(!lb_fits(outer, LB_TUNNEL6_LEN + 2, end)))
		return false;
	lb_copy(outer, instance->header + sizeof(struct lb_eth), LB_TUNNEL6_LEN);
	lb_outer6_finish((struct lb_ipv6 *)outer, meta->l3_len, meta->family, spread);
	return true;
}

LB_STATIC_ASSERT(sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, tos) == 15 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, total_len) == 16 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, csum) == 24 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, src) == 26,
		 "lb_write_tunnel44() writes words");

/**
 * lb_write_tunnel() of an IPv4 packet over IPv4, in a frame without a VLAN tag, whose headers are
 * known to be in the first segment. No word is written twice.
 */
LB_INLINE void lb_write_tunnel44(uint8_t *frame, const struct lb_instance *instance,
				 uint32_t inner_len, uint64_t spread)
{
	const uint8_t *header = instance->header;
	uint8_t tos = frame[sizeof(struct lb_eth) + LB_TUNNEL4_LEN + 1];
	lb_be16 len = lb_cpu_to_be16((uint16_t)(inner_len + LB_TUNNEL4_LEN));
	uint32_t host = lb_outer4_host(instance, spread);
	uint16_t sum = lb_csum_fold_short(lb_outer4_sum(inner_len, tos, host));
	uint64_t csum_on = lb_load64(header + 24);
	uint16_t csum = (uint16_t)csum_on;

	lb_store64(frame, lb_load64(header));
	lb_store64(frame + 8, lb_load64(header + 8) | (uint64_t)tos << 56);
	lb_store64(frame + 16, lb_load64(header + 16) | len);
	lb_store64(frame + 24,
		   (csum_on ^ csum ^ lb_csum_add_word(csum, sum)) | (uint64_t)host << 16);
	lb_copy(frame + 32, header + 32, 2);
}

/** lb_write_tunnel44() for any families. */
LB_INLINE void lb_write_tunnel_plain(uint8_t *frame, const struct lb_instance *instance,
				     uint32_t inner_len, uint8_t inner_family, uint64_t spread)
{
	uint8_t *outer = frame + sizeof(struct lb_eth);

	if (instance->header_len == sizeof(struct lb_eth) + LB_TUNNEL4_LEN) {
		lb_copy(frame, instance->header, sizeof(struct lb_eth) + LB_TUNNEL4_LEN);
		lb_outer4_finish((struct lb_ipv4 *)outer, instance, inner_len, inner_family,
				 spread);
		return;
	}
	lb_copy(frame, instance->header, sizeof(struct lb_eth) + LB_TUNNEL6_LEN);
	lb_outer6_finish((struct lb_ipv6 *)outer, inner_len, inner_family, spread);
}

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
