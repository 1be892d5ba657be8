/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors about packets of translated connections, translated themselves, outside and in what
 * they quote: RFC 5508 section 4.2, RFC 5508 REQ-5 about errors of either side. Within a family;
 * across families see core/lb_nat_icmp.h.
 */
#ifndef LB_NAT_ERROR_H
#define LB_NAT_ERROR_H

#include "dataplane/core/lb_translate.h"

/* What a checksum changes by: the sum of inverted old words and new ones. */
LB_INLINE uint64_t lb_change32(uint32_t from, uint32_t to)
{
	return (uint64_t)(uint32_t)~from + to;
}

LB_INLINE uint64_t lb_change_addr6(const uint8_t *from, const uint8_t *to)
{
	uint64_t change = 0;

	for (uint32_t i = 0; i < 16; i += 4)
		change += lb_change32(lb_load32(from + i), lb_load32(to + i));
	return change;
}

/* Update a checksum in a message. Return: what the message's own one changes by. */
LB_INLINE uint64_t lb_change_csum(uint8_t *at, uint64_t change)
{
	uint16_t from = lb_load16(at), to = lb_csum_change(from, lb_csum_fold(change));

	lb_store16(at, to);
	return (uint64_t)(uint16_t)~from + to;
}

/*
 * The transport header of a quote: its ports, and its checksum if as much is quoted.
 * @len: bytes of it in the packet. @change: of the addresses. Return: as lb_change_csum().
 */
LB_INLINE uint64_t lb_translate_quoted_tcp(uint8_t *l4, const uint8_t *end, uint32_t len,
					   const struct lb_ends *ends, uint64_t change)
{
	const uint32_t csum_at = LB_OFFSETOF(struct lb_tcp, csum);
	uint32_t ports = (uint32_t)ends->sport | (uint32_t)ends->dport << 16;
	uint64_t own = lb_change32(lb_load32(l4), ports);

	lb_store32(l4, ports);
	if (len < csum_at + 2 || !lb_fits(l4, csum_at + 2, end))
		return own;
	return own + lb_change_csum(l4 + csum_at, change + own);
}

/* Bytes behind the ICMP header. */
LB_INLINE uint32_t lb_quote_len(const struct lb_meta *meta)
{
	return meta->l3_len - lb_l3_header_len(meta) - (uint32_t)sizeof(struct lb_icmp);
}

/** Where the transport header of a quoted IPv6 packet is, from the start of that; 0: unknown. */
LB_INLINE uint32_t lb_quote_l4_6(const struct lb_ipv6 *ip, const uint8_t *end)
{
	uint8_t next = ip->next;
	int at = lb_parse_ipv6_ext((const uint8_t *)(ip + 1), end, LB_IPV6_LATER_PIECE, &next);

	return at < 0 ? 0 : (uint32_t)sizeof(*ip) + (uint32_t)at;
}

/* Return: false if it is not all in the frame's first segment; nothing has changed then. */
LB_INLINE bool lb_translate_error4(uint8_t *frame, const uint8_t *end, const struct lb_meta *meta,
				   const uint8_t *dst, const struct lb_ends *ends)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(frame + meta->l3_offset);
	struct lb_icmp *icmp = (struct lb_icmp *)(frame + lb_l4_offset(meta));
	struct lb_ipv4 *quote = (struct lb_ipv4 *)(icmp + 1);
	struct lb_ends outer = { .family = 4 };
	uint64_t change, own;
	uint32_t header_len;
	uint8_t *l4;

	if (!lb_fits(ip, sizeof(*ip), end) || !lb_fits(quote, sizeof(*quote), end))
		return false;
	header_len = (uint32_t)(quote->version_ihl & 0xf) * 4;
	l4 = (uint8_t *)quote + header_len;
	LB_OPAQUE(l4);
	if (!lb_fits(l4, 8, end))
		return false;
	change = lb_change32(quote->src, lb_load32(ends->src)) +
		 lb_change32(quote->dst, lb_load32(ends->dst));
	quote->src = lb_load32(ends->src);
	quote->dst = lb_load32(ends->dst);
	own = change + lb_change_csum((uint8_t *)&quote->csum, change);
	own += lb_translate_quoted_tcp(l4, end, lb_quote_len(meta) - header_len, ends, change);
	lb_change_csum((uint8_t *)&icmp->csum, own);
	lb_store32(outer.src, ip->src);
	lb_store32(outer.dst, lb_load32(dst));
	return lb_translate_ip4((uint8_t *)ip, end, &outer);
}

LB_INLINE bool lb_translate_error6(uint8_t *frame, const uint8_t *end, const struct lb_meta *meta,
				   const uint8_t *dst, const struct lb_ends *ends)
{
	struct lb_ipv6 *ip = (struct lb_ipv6 *)(frame + meta->l3_offset);
	struct lb_icmp *icmp = (struct lb_icmp *)(frame + lb_l4_offset(meta));
	struct lb_ipv6 *quote = (struct lb_ipv6 *)(icmp + 1);
	uint64_t change, own;
	uint32_t at;
	uint8_t *l4;

	if (!lb_fits(ip, sizeof(*ip), end) || !lb_fits(quote, sizeof(*quote), end))
		return false;
	at = lb_quote_l4_6(quote, end) & 0x3ff;
	l4 = (uint8_t *)quote + at;
	LB_OPAQUE(l4);
	if (!at || !lb_fits(l4, 8, end))
		return false;
	change = lb_change_addr6(quote->src, ends->src) + lb_change_addr6(quote->dst, ends->dst);
	lb_copy(quote->src, ends->src, 16);
	lb_copy(quote->dst, ends->dst, 16);
	own = change + lb_change_addr6(ip->dst, dst);
	own += lb_translate_quoted_tcp(l4, end, lb_quote_len(meta) - at, ends, change);
	lb_change_csum((uint8_t *)&icmp->csum, own);
	lb_copy(ip->dst, dst, 16);
	ip->hop_limit--;
	return true;
}

/**
 * Translate an ICMP error, in place.
 * @meta: of an LB_CLASS_ICMP_ERROR about a TCP packet.
 * @dst: the new destination, as in lb_ends.
 * @ends: of the quoted packet, as it is to be quoted; of the same family.
 * Return: false if the quote is not in the frame's first segment; nothing has changed then.
 */
LB_INLINE bool lb_translate_error(uint8_t *frame, const uint8_t *end, const struct lb_meta *meta,
				  const uint8_t *dst, const struct lb_ends *ends)
{
	return meta->family == 4 ? lb_translate_error4(frame, end, meta, dst, ends)
				 : lb_translate_error6(frame, end, meta, dst, ends);
}

#endif
