/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Headers in front of a packet on its way to an instance. One writer for all tunnel modes, in both
 * dataplanes, for IPv4 and IPv6 outside:
 *
 *   the instance's template   Ethernet and IP header; a packet changes bits of three words
 *   the mode's shim           constant bytes, but for the fields that struct lb_shim names
 *
 * The dataplane has made the headroom.
 */
#ifndef LB_ENCAP_H
#define LB_ENCAP_H

#include "dataplane/core/lb_csum.h"
#include "dataplane/core/lb_forward.h"

/** Rewrite the MAC addresses; the rest of the frame stays as received. */
LB_INLINE void lb_write_mac(uint8_t *frame, const struct lb_instance *instance)
{
	lb_copy(frame, instance->header, 2 * LB_ETH_ALEN);
}

/**
 * The VLAN tag that a packet leaves with, as it is in the frame; 0: none. The priority stays, from
 * one VLAN to the other.
 * @vlan: or LB_VLAN_KEEP, LB_VLAN_NONE.
 */
LB_INLINE uint32_t lb_tag(lb_be16 vlan, const struct lb_meta *meta)
{
	lb_be16 tci = meta->tci;

	if (lb_likely(vlan == LB_VLAN_KEEP)) {
		if (lb_likely(!lb_meta_is_tagged(meta)))
			return 0;
	} else if (vlan != LB_VLAN_NONE) {
		tci = (lb_be16)((tci & LB_VLAN_PRIORITY) | vlan);
	} else {
		return 0;
	}
	return LB_BE16(LB_ETHERTYPE_VLAN) | (uint32_t)tci << 16;
}

/** The same on its way to an instance. */
LB_INLINE uint32_t lb_tag_out(const struct lb_instance *instance, const struct lb_meta *meta)
{
	return lb_tag(instance->vlan, meta);
}

/** Bytes in front of the IP header with a tag of lb_tag(). */
LB_INLINE uint32_t lb_tag_l2_len(uint32_t tag)
{
	return (uint32_t)sizeof(struct lb_eth) + (tag ? (uint32_t)sizeof(struct lb_vlan) : 0);
}

/** The MAC addresses, and behind them the tag; the ethertype follows. */
LB_INLINE void lb_write_mac_tag(uint8_t *frame, const struct lb_instance *instance, uint32_t tag)
{
	lb_write_mac(frame, instance);
	lb_store32(frame + 2 * LB_ETH_ALEN, tag);
}

/** Bytes that a mode puts in front of a packet to an instance. */
LB_INLINE uint32_t lb_tunnel_len(const struct lb_instance *instance, const struct lb_shim *shim)
{
	return lb_outer_len(lb_outer_family(instance), shim);
}

/**
 * Bytes of the largest packet that the tunnel to an instance takes. IPv6 senders never go below
 * 1280 (RFC 8200 section 5): that much is sent if the port takes it, however small the tunnel's
 * MTU.
 * @family: of the packet.
 * @port_mtu: bytes of an IP packet that the port may send.
 */
LB_INLINE uint32_t lb_tunnel_room(const struct lb_instance *instance, const struct lb_shim *shim,
				  uint8_t family, uint32_t port_mtu)
{
	uint32_t tunnel_len = lb_tunnel_len(instance, shim), mtu = instance->mtu;

	if (family == 6 && mtu < LB_IPV6_MTU_MIN + tunnel_len)
		mtu = LB_IPV6_MTU_MIN + tunnel_len;
	return (mtu < port_mtu ? mtu : port_mtu) - tunnel_len;
}

/* The packet that headers are put in front of. */
struct lb_inner {
	uint64_t spread; /* lb_flow_spread() of its flow */
	uint32_t len;	 /* bytes */
	uint32_t sum;	 /* lb_inner_sum(), if lb_shim_has_csum() */
	lb_be16 port;	 /* its service's, if the shim has ports */
	uint8_t family;	 /* 4 or 6 */
	uint8_t tos;	 /* TOS or traffic class */
};

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

#define LB_INNER_SUM_UNKNOWN 0x10000u

/*
 * What the bytes of a packet sum up to, from its IP header alone: a TCP segment with its pseudo
 * header, an ICMP message and an IPv4 header each sum up to 0. If a checksum in the packet is
 * wrong, so is the sum, and whoever verifies the outer one refuses the packet as the instance
 * would. @ip: the whole header, without options. Return: 16 bits, LB_INNER_SUM_UNKNOWN for other
 * protocols, also those behind an extension header.
 * Source: Linux, Documentation/networking/checksum-offloads.rst, "LCO".
 */
LB_INLINE uint32_t lb_inner_sum4(const struct lb_ipv4 *ip)
{
	const uint32_t header_len = (uint32_t)(ip->version_ihl & 0xf) * 4;
	const uint32_t len = lb_be16_to_cpu(ip->total_len) - header_len;

	if (ip->proto == LB_IPPROTO_ICMP)
		return 0;
	if (lb_unlikely(ip->proto != LB_IPPROTO_TCP))
		return LB_INNER_SUM_UNKNOWN;
	return (uint16_t)~lb_csum_fold((uint64_t)ip->src + ip->dst + LB_BE16(LB_IPPROTO_TCP) +
				       lb_cpu_to_be16((uint16_t)len));
}

/* Addresses and length are in both headers, so all that remains is the first word and the limit. */
LB_INLINE uint32_t lb_inner_sum6(const struct lb_ipv6 *ip)
{
	const uint8_t *next = &ip->next;

	if (lb_unlikely(ip->next != LB_IPPROTO_TCP && ip->next != LB_IPPROTO_ICMPV6))
		return LB_INNER_SUM_UNKNOWN;
	return lb_csum_fold((uint64_t)ip->ver_tc_flow + lb_load16(next) +
			    (uint16_t)~lb_cpu_to_be16(ip->next));
}

LB_INLINE uint32_t lb_inner_sum(const uint8_t *ip, uint8_t family)
{
	return family == 4 ? lb_inner_sum4((const struct lb_ipv4 *)ip)
			   : lb_inner_sum6((const struct lb_ipv6 *)ip);
}

LB_INLINE bool lb_inner_header_fits(const uint8_t *ip, const uint8_t *end, uint8_t family)
{
	return family == 4 ? lb_fits(ip, sizeof(struct lb_ipv4), end)
			   : lb_fits(ip, sizeof(struct lb_ipv6), end);
}

/*
 * IPv6 has no header checksum, so UDP's is mandatory there (RFC 8200 section 8.1, with exceptions
 * for tunnels). Over IPv4 it is left out.
 */
LB_INLINE bool lb_shim_has_csum(const struct lb_shim *shim, uint8_t outer_family)
{
	return outer_family == 6 && shim->csum_at;
}

/* The protocol that a header in front of the packet names it by. */
LB_INLINE uint8_t lb_inner_proto(const struct lb_inner *inner)
{
	return inner->family == 6 ? LB_IPPROTO_IPV6 : LB_IPPROTO_IPIP;
}

/* What a packet changes in its template: bits to toggle in two words, and the third one, new. */
struct lb_outer {
	uint64_t toggle8, toggle16; /* at bytes 8 and 16 */
	uint64_t at24;
};

LB_STATIC_ASSERT(sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, tos) == 15 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, total_len) == 16 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, proto) == 23 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, csum) == 24 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv4, src) == 26,
		 "lb_outer4()");

/*
 * The template's checksum is over its protocol, and 0 for the other fields; the difference is added
 * (RFC 1624). NICs of instances spread IPIP by outer addresses alone, so with node.tunnel_sources
 * bits of the source follow from the flow.
 */
LB_INLINE struct lb_outer lb_outer4(const struct lb_instance *instance, const struct lb_shim *shim,
				    const struct lb_inner *inner)
{
	uint32_t proto = shim->proto ? shim->proto : lb_inner_proto(inner);
	lb_be16 len = lb_cpu_to_be16((uint16_t)(LB_TUNNEL4_LEN + shim->len + inner->len));
	uint32_t host = (uint32_t)inner->spread & instance->source_mask;
	uint64_t at24 = lb_load64(instance->header + 24);
	uint16_t csum = (uint16_t)at24;
	uint32_t sum = len + ((uint32_t)inner->tos << 8) + (host & 0xffff) + (host >> 16) +
		       ((proto - LB_IPPROTO_IPIP) << 8);

	return (struct lb_outer){
		.toggle8 = (uint64_t)inner->tos << 56,
		.toggle16 = len | (uint64_t)(proto ^ LB_IPPROTO_IPIP) << 56,
		.at24 = (at24 ^ csum ^ lb_csum_add_word(csum, lb_csum_fold_short(sum))) |
			(uint64_t)host << 16,
	};
}

LB_STATIC_ASSERT(sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv6, ver_tc_flow) == 14 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv6, payload_len) == 18 &&
			 sizeof(struct lb_eth) + LB_OFFSETOF(struct lb_ipv6, next) == 20,
		 "lb_outer6()");

/* RFC 6438: routers spread tunnels by the outer flow label. */
LB_INLINE struct lb_outer lb_outer6(const struct lb_instance *instance, const struct lb_shim *shim,
				    const struct lb_inner *inner)
{
	uint32_t proto = shim->proto ? shim->proto : lb_inner_proto(inner);
	lb_be16 len = lb_cpu_to_be16((uint16_t)(shim->len + inner->len));
	lb_be32 tc_flow =
		lb_cpu_to_be32((uint32_t)inner->tos << 20 | ((uint32_t)inner->spread & 0xfffff));

	return (struct lb_outer){
		.toggle8 = (uint64_t)tc_flow << 48,
		.toggle16 = tc_flow >> 16 | (uint32_t)len << 16 |
			    (uint64_t)(proto ^ LB_IPPROTO_IPIP) << 32,
		.at24 = lb_load64(instance->header + 24),
	};
}

/* @bytes: of the template, a constant. */
LB_INLINE void lb_write_outer(uint8_t *frame, const struct lb_instance *instance,
			      struct lb_outer outer, uint32_t bytes)
{
	const uint8_t *header = instance->header;

	lb_store64(frame, lb_load64(header));
	lb_store64(frame + 8, lb_load64(header + 8) ^ outer.toggle8);
	lb_store64(frame + 16, lb_load64(header + 16) ^ outer.toggle16);
	lb_store64(frame + 24, outer.at24);
	lb_copy(frame + 32, header + 32, bytes - 32);
}

/* The source ports that RFC 6335 leaves to such uses: NICs and routers spread by them. */
LB_INLINE lb_be16 lb_shim_source_port(const struct lb_inner *inner)
{
	return lb_cpu_to_be16((uint16_t)(0xc000 | inner->spread >> 50));
}

LB_INLINE lb_be16 lb_shim_total_len(const struct lb_shim *shim, const struct lb_inner *inner)
{
	return lb_cpu_to_be16((uint16_t)(shim->len + inner->len));
}

/*
 * The UDP checksum behind an IPv6 header. 0, no checksum, if the packet's sum is not known; a
 * tunnel may do so (RFC 6935). From values and not from the frame: loads that span stores just made
 * would wait for them.
 */
LB_INLINE uint16_t lb_shim_csum(const struct lb_shim *shim, const struct lb_instance *instance,
				const struct lb_inner *inner)
{
	const struct lb_ipv6 *ip =
		(const struct lb_ipv6 *)(instance->header + sizeof(struct lb_eth));
	uint64_t sum = lb_csum_addr6_sum(ip->src) + lb_csum_addr6_sum(ip->dst);
	uint16_t csum;

	if (lb_unlikely(inner->sum == LB_INNER_SUM_UNKNOWN))
		return 0;
	sum += (uint32_t)lb_cpu_to_be16(shim->proto) + lb_cpu_to_be16(lb_inner_proto(inner)) +
	       2 * (uint32_t)lb_shim_total_len(shim, inner) + lb_shim_source_port(inner) +
	       inner->port + inner->sum;
	csum = (uint16_t)~lb_csum_fold(sum);
	return csum ? csum : 0xffff;
}

/* @at: behind the outer IP header. */
LB_INLINE void lb_write_shim(uint8_t *at, const struct lb_instance *instance,
			     const struct lb_shim *shim, uint8_t outer_family,
			     const struct lb_inner *inner)
{
	if (!shim->len)
		return;
	lb_copy(at, shim->bytes, shim->len);
	lb_store16(at + shim->ports_at, lb_shim_source_port(inner));
	lb_store16(at + shim->ports_at + 2, inner->port);
	lb_store16(at + shim->len_at, lb_shim_total_len(shim, inner));
	at[shim->proto_at] = lb_inner_proto(inner);
	if (lb_shim_has_csum(shim, outer_family))
		lb_store16(at + shim->csum_at, lb_shim_csum(shim, instance, inner));
}

/**
 * Put headers in front of a packet without a VLAN tag.
 * @frame: where the new frame starts: lb_outer_len() bytes in front of the old one.
 * @shim: a constant; the other arguments had better be where they are known.
 * @outer_family: of the template.
 */
LB_INLINE void lb_write_headers(uint8_t *frame, const struct lb_instance *instance,
				const struct lb_shim *shim, uint8_t outer_family,
				const struct lb_inner *inner)
{
	if (outer_family == 4) {
		const uint32_t bytes = sizeof(struct lb_eth) + LB_TUNNEL4_LEN;

		lb_write_outer(frame, instance, lb_outer4(instance, shim, inner), bytes);
		lb_write_shim(frame + bytes, instance, shim, 4, inner);
	} else {
		const uint32_t bytes = sizeof(struct lb_eth) + LB_TUNNEL6_LEN;

		lb_write_outer(frame, instance, lb_outer6(instance, shim, inner), bytes);
		lb_write_shim(frame + bytes, instance, shim, 6, inner);
	}
}

/* lb_write_headers() if the headers and what is read of the packet fit. */
LB_INLINE bool lb_write_headers_checked(uint8_t *frame, const uint8_t *end,
					const struct lb_instance *instance,
					const struct lb_shim *shim, uint8_t outer_family,
					struct lb_inner inner)
{
	const uint32_t bytes = sizeof(struct lb_eth) + lb_outer_len(outer_family, shim);

	if (lb_unlikely(!lb_fits(frame, bytes + 2, end)))
		return false;
	inner.tos = lb_inner_tos(frame + bytes, inner.family);
	if (lb_shim_has_csum(shim, outer_family)) {
		if (lb_unlikely(!lb_inner_header_fits(frame + bytes, end, inner.family)))
			return false;
		inner.sum = lb_inner_sum(frame + bytes, inner.family);
	}
	lb_write_headers(frame, instance, shim, outer_family, &inner);
	return true;
}

/**
 * Put headers in front of any packet.
 * @frame: where the new frame starts: lb_tunnel_len() and lb_tag_l2_len() bytes in front of the IP
 *	packet.
 * @tag: lb_tag_out().
 * @end: of the frame's first segment; nothing is written there.
 * @shim: a constant.
 * @spread: lb_flow_spread() of the flow.
 * @port: of the service.
 * The new frame ends with the IP packet.
 * Return: false if the headers did not fit.
 */
LB_INLINE bool lb_write_tunnel(uint8_t *frame, const uint8_t *end,
			       const struct lb_instance *instance, const struct lb_shim *shim,
			       const struct lb_meta *meta, uint32_t tag, uint64_t spread,
			       lb_be16 port)
{
	const struct lb_inner inner = {
		.spread = spread,
		.len = meta->l3_len,
		.port = port,
		.family = meta->family,
	};
	uint8_t *untagged = frame;

	if (lb_unlikely(tag))
		untagged += sizeof(struct lb_vlan);
	if (lb_outer_family(instance) == 4) {
		if (!lb_write_headers_checked(untagged, end, instance, shim, 4, inner))
			return false;
	} else {
		if (!lb_write_headers_checked(untagged, end, instance, shim, 6, inner))
			return false;
	}
	if (lb_unlikely(tag))
		lb_write_mac_tag(frame, instance, tag);
	return true;
}

#endif
