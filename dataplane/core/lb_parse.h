/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a frame to its flow. Every read is checked against the end of the first segment, every
 * length field against the frame.
 *
 * A malformed packet is dropped on behalf of a service only if it is sent to a VIP: the kernel
 * judges the rest by itself. So the parser drops what no host may accept (LB_CLASS_DROP), and marks
 * as LB_CLASS_BAD what is to be dropped if its destination is a VIP, and passed to the kernel
 * otherwise.
 */
#ifndef LB_PARSE_H
#define LB_PARSE_H

#include "dataplane/core/lb_csum.h"
#include "dataplane/core/lb_verdict.h"
#include "dataplane/core/lb_wire.h"

#define LB_MAC_MASK 0xffffffffffffULL
#define LB_IPV6_EXT_MAX 4     /* extension headers walked; RFC 8200 names four kinds to skip */
#define LB_IPV6_EXT_BYTES 256 /* and their total length; also bounds the offset for BPF */

enum lb_class {
	LB_CLASS_FLOW,	     /* TCP or UDP: addresses and ports are filled in */
	LB_CLASS_ICMP_ERROR, /* as LB_CLASS_FLOW, of the quoted flow, seen from the client */
	LB_CLASS_OTHER,	     /* for the kernel */
	LB_CLASS_BAD,	     /* drop for @reason if sent to a VIP, else for the kernel */
	LB_CLASS_DROP,	     /* drop for @reason */
};

/* The first segment of a frame, and the length of all segments. */
struct lb_frame {
	const uint8_t *data;
	const uint8_t *end;
	uint32_t len; /* bytes */
};

/* What later stages need to know of a packet. */
struct lb_meta {
	uint8_t class;	   /* enum lb_class */
	uint8_t reason;	   /* enum lb_drop */
	uint8_t family;	   /* 4 or 6; 0: not IP */
	uint8_t proto;	   /* of the flow: LB_IPPROTO_TCP or LB_IPPROTO_UDP */
	uint8_t tcp_flags; /* 0 for other protocols and for quotes */
	uint8_t l3_offset; /* bytes: 14, or 18 behind a VLAN tag */
	uint16_t l4_offset;
	uint32_t l3_len; /* bytes of the IP packet; what follows is padding */
	lb_be16 client_port;
	lb_be16 vip_port;
	union {
		struct {
			lb_be32 client4;
			lb_be32 vip4;
		};
		struct {
			uint8_t client6[16];
			uint8_t vip6[16];
		};
	};
	lb_be16 tci; /* of the VLAN tag; 0 without one */
};

LB_INLINE bool lb_meta_is_tagged(const struct lb_meta *meta)
{
	return meta->l3_offset != sizeof(struct lb_eth);
}

/** Whether @size bytes from @p end at or before @end. */
LB_INLINE bool lb_fits(const void *p, uint32_t size, const uint8_t *end)
{
	const uint8_t *behind = (const uint8_t *)p + size;

	LB_OPAQUE(behind);
	return behind <= end;
}

LB_INLINE void lb_meta_set(struct lb_meta *meta, enum lb_class class, enum lb_drop reason)
{
	meta->class = (uint8_t) class;
	meta->reason = (uint8_t)reason;
}

/** A MAC address as the low 48 bits of a word, as lb_parse() compares it. */
LB_INLINE uint64_t lb_mac_load(const uint8_t *mac)
{
	return (uint64_t)lb_load32(mac) | ((uint64_t)lb_load16(mac + 4) << 32);
}

/* Invalid source addresses: "this network", loopback, multicast, class E. */
LB_INLINE bool lb_source4_is_bad(lb_be32 src)
{
	uint8_t first = (uint8_t)src;

	return first == 0 || first == 127 || first >= 224;
}

/* Also IPv4-mapped ones, which never leave a host (RFC 6890): records have IPv4 clients as such. */
LB_INLINE bool lb_source6_is_bad(const uint8_t *src)
{
	uint64_t high = lb_load64(src);
	uint64_t low = __builtin_bswap64(lb_load64(src + 8));

	return src[0] == 0xff || (high == 0 && (low <= 1 || low >> 32 == 0xffff));
}

LB_INLINE bool lb_addr6_equal(const uint8_t *a, const uint8_t *b)
{
	return lb_load64(a) == lb_load64(b) && lb_load64(a + 8) == lb_load64(b + 8);
}

/*
 * One bit for each combination of the flags ACK, PSH, RST, SYN and FIN that is valid: with ACK, at
 * most one of RST and FIN; without it, exactly one of RST, SYN and FIN; PSH in addition or not.
 */
#define LB_TCP_FLAGS_JUDGED 0x1fu
#define LB_TCP_FLAGS_GOOD (0x1313u << LB_TCP_ACK | 0x1616u)

/*
 * More than one of SYN, FIN and RST, or none of them and no ACK either, is a scan. A client sends
 * no SYN+ACK to a service: that is reflected traffic.
 */
LB_INLINE bool lb_tcp_flags_are_bad(uint8_t flags)
{
	return !(LB_TCP_FLAGS_GOOD >> (flags & LB_TCP_FLAGS_JUDGED) & 1);
}

LB_INLINE void lb_parse_tcp(const struct lb_tcp *tcp, uint32_t l4_len, struct lb_meta *meta)
{
	uint32_t header_len = (uint32_t)(tcp->doff >> 4) * 4;

	meta->client_port = tcp->sport;
	meta->vip_port = tcp->dport;
	meta->tcp_flags = tcp->flags;
	if (lb_unlikely(header_len < sizeof(*tcp) || header_len > l4_len || !tcp->sport ||
			!tcp->dport))
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_TCP_MALFORMED);
	else if (lb_unlikely(lb_tcp_flags_are_bad(tcp->flags)))
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_TCP_FLAGS);
	else
		meta->class = LB_CLASS_FLOW;
}

/** Whether packets of a protocol may belong to a service. */
LB_INLINE bool lb_proto_has_ports(uint8_t proto)
{
	return proto == LB_IPPROTO_TCP || proto == LB_IPPROTO_UDP;
}

/* A fragment: its ports are unknown. Fragmented pings are for the kernel, as whole ones are. */
LB_INLINE void lb_parse_fragment(struct lb_meta *meta, uint8_t proto)
{
	meta->class = LB_CLASS_OTHER;
	if (lb_proto_has_ports(proto))
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_IP_FRAGMENT);
}

/**
 * Parse the transport header of the packet itself.
 * @l4: its first byte. @l4_len: bytes from there to the end of the IP packet.
 */
LB_INLINE void lb_parse_l4(const uint8_t *l4, const uint8_t *end, uint32_t l4_len,
			   struct lb_meta *meta)
{
	uint32_t need = meta->proto == LB_IPPROTO_TCP ? sizeof(struct lb_tcp) : 8;

	if (!lb_proto_has_ports(meta->proto)) {
		meta->class = LB_CLASS_OTHER;
		return;
	}
	if (lb_unlikely(l4_len < need || !lb_fits(l4, 8, end))) {
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_L4_TRUNCATED);
		return;
	}
	if (meta->proto == LB_IPPROTO_TCP) {
		if (lb_unlikely(!lb_fits(l4, sizeof(struct lb_tcp), end)))
			lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_L4_TRUNCATED);
		else
			lb_parse_tcp((const struct lb_tcp *)l4, l4_len, meta);
		return;
	}
	meta->client_port = ((const struct lb_ports *)l4)->sport;
	meta->vip_port = ((const struct lb_ports *)l4)->dport;
	meta->class = LB_CLASS_FLOW;
}

/*
 * Bits of a fragment header's offset field. If none of them is set, the packet is whole (RFC 6946).
 */
#define LB_IPV6_PIECE LB_BE16(0xfff9)	    /* more to come, or not the first */
#define LB_IPV6_LATER_PIECE LB_BE16(0xfff8) /* not the first: has no transport header */

/*
 * Skip IPv6 extension headers. On return *@next is the first header that is not an extension.
 * Returns its offset from the end of the IPv6 header, or a negative value when the chain is
 * malformed or too long. A fragment header with a bit of @piece ends the walk, and eight bytes of
 * it are there.
 */
LB_INLINE int lb_parse_ipv6_ext(const uint8_t *p, const uint8_t *end, lb_be16 piece, uint8_t *next)
{
	uint32_t offset = 0;

	for (int i = 0; i <= LB_IPV6_EXT_MAX; i++) {
		bool is_fragment = *next == LB_IPPROTO_FRAGMENT;
		const struct lb_ipv6_frag *frag;
		const struct lb_ipv6_ext *ext;

		if (!is_fragment && *next != LB_IPPROTO_HOPOPTS && *next != LB_IPPROTO_ROUTING &&
		    *next != LB_IPPROTO_DSTOPTS)
			return (int)offset;
		frag = (const struct lb_ipv6_frag *)(p + offset);
		ext = (const struct lb_ipv6_ext *)frag;
		if (!lb_fits(frag, sizeof(*frag), end))
			return -1;
		if (is_fragment && (frag->offset & piece))
			return (int)offset;
		if (i == LB_IPV6_EXT_MAX)
			return -1;
		offset += is_fragment ? (uint32_t)sizeof(*frag) : ((uint32_t)ext->len + 1) * 8;
		*next = ext->next;
		if (offset > LB_IPV6_EXT_BYTES)
			return -1;
	}
	return -1;
}

/*
 * The flow that an ICMP error quotes, with its ends swapped: the quote is a packet from the VIP to
 * the client. Eight bytes of its transport header suffice (RFC 792).
 * A quote that no service can have sent (an echo reply, a later fragment) came from the VIP's own
 * kernel, which gets the error.
 * @quote_len: bytes from there to the end of the IP packet; padding quotes nothing.
 */
LB_INLINE void lb_parse_quote4(const uint8_t *quote, const uint8_t *end, uint32_t quote_len,
			       struct lb_meta *meta)
{
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)quote;
	const struct lb_ports *ports;
	uint32_t header_len;

	if (quote_len < sizeof(*ip) || !lb_fits(ip, sizeof(*ip), end))
		return;
	header_len = (uint32_t)(ip->version_ihl & 0xf) * 4;
	if (ip->version_ihl >> 4 != 4 || header_len < sizeof(*ip) || ip->src != meta->vip4)
		return;
	ports = (const struct lb_ports *)(quote + header_len);
	if (quote_len < header_len + 8 || !lb_fits(ports, 8, end))
		return;
	if (!lb_proto_has_ports(ip->proto) || (ip->frag & LB_BE16(LB_IPV4_OFFSET))) {
		meta->class = LB_CLASS_OTHER;
		return;
	}
	meta->client4 = ip->dst;
	meta->client_port = ports->dport;
	meta->vip_port = ports->sport;
	meta->proto = ip->proto;
	meta->class = LB_CLASS_ICMP_ERROR;
}

LB_INLINE void lb_parse_quote6(const uint8_t *quote, const uint8_t *end, uint32_t quote_len,
			       struct lb_meta *meta)
{
	const struct lb_ipv6 *ip = (const struct lb_ipv6 *)quote;
	const struct lb_ports *ports;
	uint8_t next;
	int offset;

	if (quote_len < sizeof(*ip) || !lb_fits(ip, sizeof(*ip), end))
		return;
	if ((((const uint8_t *)ip)[0] >> 4) != 6 || !lb_addr6_equal(ip->src, meta->vip6))
		return;
	next = ip->next;
	offset = lb_parse_ipv6_ext((const uint8_t *)(ip + 1), end, LB_IPV6_LATER_PIECE, &next);
	if (offset < 0)
		return;
	ports = (const struct lb_ports *)((const uint8_t *)(ip + 1) + offset);
	if (quote_len < sizeof(*ip) + (uint32_t)offset + 8 || !lb_fits(ports, 8, end))
		return;
	if (!lb_proto_has_ports(next)) {
		meta->class = LB_CLASS_OTHER;
		return;
	}
	lb_copy(meta->client6, ip->dst, 16);
	meta->client_port = ports->dport;
	meta->vip_port = ports->sport;
	meta->proto = next;
	meta->class = LB_CLASS_ICMP_ERROR;
}

/* RFC 792 and 1122 3.2.2: redirects and source quench are for the host, not for a flow. */
LB_INLINE bool lb_icmp4_is_error(uint8_t type)
{
	return type == LB_ICMP4_UNREACH || type == LB_ICMP4_TIME_EXCEEDED ||
	       type == LB_ICMP4_PARAM_PROBLEM;
}

LB_INLINE void lb_parse_icmp4(const uint8_t *l4, const uint8_t *end, uint32_t l4_len,
			      struct lb_meta *meta)
{
	const struct lb_icmp *icmp = (const struct lb_icmp *)l4;

	if (l4_len < sizeof(*icmp) || !lb_fits(icmp, sizeof(*icmp), end)) {
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_L4_TRUNCATED);
		return;
	}
	meta->class = LB_CLASS_OTHER;
	if (!lb_icmp4_is_error(icmp->type))
		return;
	lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_ICMP_MALFORMED);
	lb_parse_quote4(l4 + sizeof(*icmp), end, l4_len - (uint32_t)sizeof(*icmp), meta);
}

LB_INLINE void lb_parse_icmp6(const uint8_t *l4, const uint8_t *end, uint32_t l4_len,
			      struct lb_meta *meta)
{
	const struct lb_icmp *icmp = (const struct lb_icmp *)l4;

	if (l4_len < sizeof(*icmp) || !lb_fits(icmp, sizeof(*icmp), end)) {
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_L4_TRUNCATED);
		return;
	}
	meta->class = LB_CLASS_OTHER;
	if (icmp->type < LB_ICMP6_UNREACH || icmp->type > LB_ICMP6_PARAM_PROBLEM)
		return;
	lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_ICMP_MALFORMED);
	lb_parse_quote6(l4 + sizeof(*icmp), end, l4_len - (uint32_t)sizeof(*icmp), meta);
}

LB_INLINE bool lb_ipv4_checksum_is_bad(const struct lb_ipv4 *ip, const uint8_t *end,
				       uint32_t header_len)
{
	const uint8_t *options = (const uint8_t *)(ip + 1);
	uint64_t sum = lb_csum_ipv4_sum(ip);

	for (uint32_t i = 0; i < 40 && i + sizeof(*ip) < header_len; i += 4) {
		if (!lb_fits(options, i + 4, end))
			return true;
		sum += lb_load32(options + i);
	}
	return lb_csum_fold(sum) != 0xffff;
}

/* The checks of RFC 1122 section 3.2.1; a failure is final, whatever the destination. */
LB_INLINE bool lb_parse_ipv4_header(const struct lb_frame *frame, const struct lb_ipv4 *ip,
				    struct lb_meta *meta)
{
	uint32_t header_len = (uint32_t)(ip->version_ihl & 0xf) * 4;

	meta->l3_len = lb_be16_to_cpu(ip->total_len);
	if (lb_unlikely(ip->version_ihl >> 4 != 4 || header_len < sizeof(*ip) ||
			meta->l3_len < header_len || meta->l3_len > frame->len - meta->l3_offset)) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_IP_MALFORMED);
		return false;
	}
	if (lb_unlikely(!lb_fits(ip, header_len, frame->end))) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_IP_TRUNCATED);
		return false;
	}
	if (lb_unlikely(lb_ipv4_checksum_is_bad(ip, frame->end, header_len))) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_IP_CHECKSUM);
		return false;
	}
	if (lb_unlikely(ip->ttl == 0)) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_IP_TTL);
		return false;
	}
	return true;
}

LB_INLINE void lb_parse_ipv4(const struct lb_frame *frame, struct lb_meta *meta)
{
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)(frame->data + meta->l3_offset);
	uint32_t header_len, l4_len;
	const uint8_t *l4;

	if (lb_unlikely(!lb_fits(ip, sizeof(*ip), frame->end))) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_IP_TRUNCATED);
		return;
	}
	if (!lb_parse_ipv4_header(frame, ip, meta))
		return;
	header_len = (uint32_t)(ip->version_ihl & 0xf) * 4;
	meta->family = 4;
	meta->proto = ip->proto;
	meta->client4 = ip->src;
	meta->vip4 = ip->dst;
	meta->l4_offset = (uint16_t)(meta->l3_offset + header_len);
	if (lb_unlikely(ip->frag & LB_BE16(LB_IPV4_MF | LB_IPV4_OFFSET))) {
		lb_parse_fragment(meta, ip->proto);
		return;
	}
	if (lb_unlikely(lb_source4_is_bad(ip->src) || ip->src == ip->dst)) {
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_IP_SOURCE);
		return;
	}
	l4 = (const uint8_t *)ip + header_len;
	l4_len = meta->l3_len - header_len;
	if (ip->proto == LB_IPPROTO_ICMP)
		lb_parse_icmp4(l4, frame->end, l4_len, meta);
	else
		lb_parse_l4(l4, frame->end, l4_len, meta);
}

LB_INLINE bool lb_parse_ipv6_header(const struct lb_frame *frame, const struct lb_ipv6 *ip,
				    struct lb_meta *meta)
{
	meta->l3_len = (uint32_t)lb_be16_to_cpu(ip->payload_len) + (uint32_t)sizeof(*ip);
	if (lb_unlikely(((const uint8_t *)ip)[0] >> 4 != 6 ||
			meta->l3_len > frame->len - meta->l3_offset)) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_IP_MALFORMED);
		return false;
	}
	if (lb_unlikely(ip->hop_limit == 0)) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_IP_TTL);
		return false;
	}
	return true;
}

/* Each fragment names the first header behind its fragment header (RFC 8200 section 4.5). */
LB_INLINE void lb_parse_fragment6(const uint8_t *p, const uint8_t *end, struct lb_meta *meta)
{
	const struct lb_ipv6_frag *frag = (const struct lb_ipv6_frag *)p;
	bool is_ping;

	if (lb_fits(frag, sizeof(*frag), end))
		meta->proto = frag->next;
	is_ping = meta->proto == LB_IPPROTO_ICMPV6;
	lb_parse_fragment(meta, is_ping ? LB_IPPROTO_ICMPV6 : LB_IPPROTO_TCP);
}

LB_INLINE void lb_parse_ipv6(const struct lb_frame *frame, struct lb_meta *meta)
{
	const struct lb_ipv6 *ip = (const struct lb_ipv6 *)(frame->data + meta->l3_offset);
	const uint8_t *l4;
	uint32_t l4_len;
	int ext_len;

	if (lb_unlikely(!lb_fits(ip, sizeof(*ip), frame->end))) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_IP_TRUNCATED);
		return;
	}
	if (!lb_parse_ipv6_header(frame, ip, meta))
		return;
	meta->family = 6;
	meta->proto = ip->next;
	lb_copy(meta->client6, ip->src, 16);
	lb_copy(meta->vip6, ip->dst, 16);
	ext_len = lb_parse_ipv6_ext((const uint8_t *)(ip + 1), frame->end, LB_IPV6_PIECE,
				    &meta->proto);
	if (lb_unlikely(ext_len < 0 || (uint32_t)ext_len > meta->l3_len - sizeof(*ip))) {
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_IP_EXTENSION);
		return;
	}
	l4 = (const uint8_t *)(ip + 1) + ext_len;
	if (lb_unlikely(meta->proto == LB_IPPROTO_FRAGMENT)) {
		lb_parse_fragment6(l4, frame->end, meta);
		return;
	}
	if (lb_unlikely(lb_source6_is_bad(ip->src) || lb_addr6_equal(ip->src, ip->dst))) {
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_IP_SOURCE);
		return;
	}
	meta->l4_offset = (uint16_t)(meta->l3_offset + sizeof(*ip) + (uint32_t)ext_len);
	l4_len = meta->l3_len - (uint32_t)sizeof(*ip) - (uint32_t)ext_len;
	if (meta->proto == LB_IPPROTO_ICMPV6)
		lb_parse_icmp6(l4, frame->end, l4_len, meta);
	else
		lb_parse_l4(l4, frame->end, l4_len, meta);
}

/* The ethertype behind at most one VLAN tag. Return: false, with the drop set in @meta. */
LB_INLINE bool lb_parse_eth(const struct lb_frame *frame, struct lb_meta *meta, lb_be16 *type)
{
	const struct lb_eth *eth = (const struct lb_eth *)frame->data;
	const struct lb_vlan *vlan = (const struct lb_vlan *)(eth + 1);

	*type = eth->type;
	meta->l3_offset = sizeof(*eth);
	if (*type == LB_BE16(LB_ETHERTYPE_VLAN)) {
		if (!lb_fits(vlan, sizeof(*vlan), frame->end)) {
			lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_L2_TRUNCATED);
			return false;
		}
		*type = vlan->type;
		meta->tci = vlan->tci;
		meta->l3_offset = sizeof(*eth) + sizeof(*vlan);
		if (*type == LB_BE16(LB_ETHERTYPE_VLAN))
			*type = LB_BE16(LB_ETHERTYPE_QINQ);
	}
	if (lb_likely(*type != LB_BE16(LB_ETHERTYPE_QINQ)))
		return true;
	lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_L2_VLAN_DEPTH);
	return false;
}

/**
 * Classify a frame.
 * @frame: its first segment; @frame->len counts all segments.
 * @mac: the port's address, from lb_mac_load().
 * @meta: filled in; addresses and ports are valid for LB_CLASS_FLOW and
 *	LB_CLASS_ICMP_ERROR, addresses also for LB_CLASS_BAD.
 * Context: worker; pure.
 */
LB_INLINE void lb_parse(const struct lb_frame *frame, uint64_t mac, struct lb_meta *meta)
{
	uint64_t dst;
	lb_be16 type;

	meta->family = 0;
	meta->tcp_flags = 0;
	meta->tci = 0;
	if (lb_unlikely(!lb_fits(frame->data, sizeof(struct lb_eth), frame->end))) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_L2_TRUNCATED);
		return;
	}
	dst = lb_load64(frame->data) & LB_MAC_MASK;
	if (lb_unlikely(dst != mac && !(dst & 1))) {
		lb_meta_set(meta, LB_CLASS_DROP, LB_DROP_L2_OTHER_HOST);
		return;
	}
	if (lb_unlikely(!lb_parse_eth(frame, meta, &type)))
		return;
	if (lb_likely(type == LB_BE16(LB_ETHERTYPE_IPV4)))
		lb_parse_ipv4(frame, meta);
	else if (type == LB_BE16(LB_ETHERTYPE_IPV6))
		lb_parse_ipv6(frame, meta);
	else
		meta->class = LB_CLASS_OTHER;
	if (lb_unlikely(dst & 1) && meta->class <= LB_CLASS_ICMP_ERROR)
		lb_meta_set(meta, LB_CLASS_BAD, LB_DROP_L2_BROADCAST);
}

#endif
