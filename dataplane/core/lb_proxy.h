/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, section 2.2): an instance learns the
 * ends of its client's connection from a header in front of the client's first byte.
 *
 * The header takes the sequence numbers in front of that byte: the instance gets the client's SYN
 * with a number that is lower by the header's length. So each byte of the client has the same
 * number on both sides, and of a connection only the beginning is changed:
 *
 *   SYN		number lower, without data, which the client sends again
 *   SYN+ACK		acknowledges the client's SYN; MSS and window lower by the header's length, so
 *			that the header fits into whatever the client sends first
 *   of the client	what begins with its first byte, the ACK that ends the handshake at least,
 *			has the header in front, until the instance has acknowledged that
 *   of the instance	acknowledges no number that the client has not used
 *
 * Until then the header is due, a bit of the record, and the record's number remains that of the
 * client's first byte. A connection without a record is refused, and so is what a client sends
 * before the SYN+ACK: the instance may still wait for a header, and would take one from the client.
 */
#ifndef LB_PROXY_H
#define LB_PROXY_H

#include "dataplane/core/lb_nat_error.h"
#include "dataplane/core/lb_nat_place.h"
#include "dataplane/core/lb_nat_reset.h"

#define LB_PROXY_FIXED_LEN 16u /* bytes in front of the addresses */
#define LB_PROXY4_LEN (LB_PROXY_FIXED_LEN + 12u)
#define LB_PROXY6_LEN (LB_PROXY_FIXED_LEN + 36u)
#define LB_PROXY_COMMAND 0x21 /* version 2, PROXY */
#define LB_PROXY_TCP4 0x11
#define LB_PROXY_TCP6 0x21

static const uint8_t lb_proxy_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
						0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/** Bytes of a header. @family: the client's. */
LB_INLINE uint32_t lb_proxy_len(uint8_t family)
{
	return family == 4 ? LB_PROXY4_LEN : LB_PROXY6_LEN;
}

/** Write a header: lb_proxy_len() bytes. @meta: of a client's packet. */
LB_INLINE void lb_proxy_write(uint8_t *to, const struct lb_meta *meta)
{
	uint8_t *at = to + LB_PROXY_FIXED_LEN;

	lb_copy(to, lb_proxy_signature, sizeof(lb_proxy_signature));
	to[12] = LB_PROXY_COMMAND;
	to[13] = meta->family == 4 ? LB_PROXY_TCP4 : LB_PROXY_TCP6;
	lb_store16(to + 14,
		   lb_cpu_to_be16((uint16_t)(lb_proxy_len(meta->family) - LB_PROXY_FIXED_LEN)));
	if (meta->family == 4) {
		lb_store32(at, meta->client4);
		lb_store32(at + 4, meta->vip4);
		at += 8;
	} else {
		lb_copy(at, meta->client6, 16);
		lb_copy(at + 16, meta->vip6, 16);
		at += 32;
	}
	lb_store16(at, meta->client_port);
	lb_store16(at + 2, meta->vip_port);
}

#define LB_PROXY_MARK_TRIES 16 /* others change the record's state meanwhile */

/** Set whether a record's header is due. */
LB_INLINE void lb_proxy_mark(struct lb_nat_record *record, bool is_due)
{
	for (uint32_t i = 0; i < LB_PROXY_MARK_TRIES; i++) {
		struct lb_nat_record next = { .word = lb_load_acquire(&record->word) };
		const uint32_t was = next.word;

		next.is_proxy_due = is_due;
		if (next.word == was || lb_cas32(&record->word, was, next.word))
			return;
	}
}

/* ---- To an instance ---- */

/* What becomes of a client's segment. */
struct lb_proxy_edit {
	uint32_t seq; /* its number */
	uint32_t put; /* bytes of the header in front of its data */
	uint32_t cut; /* bytes of data taken off its end */
	uint8_t flags;
};

/**
 * Choose what becomes of a client's segment.
 * @record: updated for the segment. @payload: bytes behind the TCP header. @len: of the header.
 */
LB_INLINE struct lb_proxy_edit lb_proxy_edit(const struct lb_nat_record *record,
					     const struct lb_tcp *tcp, uint32_t payload,
					     uint32_t len)
{
	struct lb_proxy_edit edit = { .seq = lb_be32_to_cpu(tcp->seq), .flags = tcp->flags };
	const int ahead = (int)(edit.seq - record->seq);

	if (tcp->flags & LB_TCP_SYN) {
		edit.seq -= len;
		edit.cut = payload;
		return edit;
	}
	/* What is ahead waits at the instance until the client sends its first byte again. */
	if (!record->is_proxy_due || ahead > 0)
		return edit;
	if (tcp->flags & LB_TCP_RST) { /* the header is not there, as far as is known */
		edit.seq -= ahead == 0 ? len : 0;
		return edit;
	}
	/* In front of its first byte a client has nothing to send but the byte of a keep-alive. */
	if (ahead < 0) {
		edit.cut = payload;
		edit.flags &= (uint8_t)~LB_TCP_FIN;
	}
	edit.seq = record->seq - len;
	edit.put = len;
	edit.flags |= LB_TCP_PSH;
	return edit;
}

/* Sum of any number of bytes behind an even one, checked to be there. */
LB_INLINE uint64_t lb_proxy_sum(const uint8_t *p, uint32_t bytes)
{
	uint64_t sum = 0;

	for (; bytes >= 4; bytes -= 4, p += 4)
		sum += lb_load32(p);
	for (uint32_t i = 0; i < bytes; i++)
		sum += (uint32_t)p[i] << 8 * i;
	return sum;
}

/* The IP header of a packet that becomes longer or shorter. */
LB_INLINE void lb_proxy_write_len(uint8_t *ip, const struct lb_meta *meta, uint32_t l3_len)
{
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)ip;
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)ip;
	const lb_be16 len = lb_cpu_to_be16((uint16_t)l3_len);

	if (meta->family == 6) {
		ip6->payload_len = lb_cpu_to_be16((uint16_t)(l3_len - sizeof(*ip6)));
		return;
	}
	ip4->csum = lb_csum_change(ip4->csum, (uint32_t)(uint16_t)~ip4->total_len + len);
	ip4->total_len = len;
}

/* The TCP header. @change: of the checksum, by what is behind it, and by its length. */
LB_INLINE void lb_proxy_write_tcp(struct lb_tcp *tcp, const struct lb_proxy_edit *edit,
				  uint64_t change)
{
	const lb_be32 seq = lb_cpu_to_be32(edit->seq);
	lb_be16 urgent = tcp->urgent;

	if (tcp->flags & LB_TCP_URG)
		urgent = lb_cpu_to_be16((uint16_t)(lb_be16_to_cpu(urgent) + edit->put));
	change += lb_change32(tcp->seq, seq) + (uint16_t)~tcp->urgent + urgent;
	change += lb_change32((uint32_t)tcp->flags << 8, (uint32_t)edit->flags << 8);
	tcp->seq = seq;
	tcp->flags = edit->flags;
	tcp->urgent = urgent;
	tcp->csum = lb_csum_change(tcp->csum, lb_csum_fold(change));
}

/*
 * Whether a client's segment comes before the instance's SYN+ACK. The instance may have another
 * connection with other numbers, and would take what the client sends for the header of that.
 */
LB_INLINE bool lb_proxy_is_early(const struct lb_nat_record *record, uint8_t tcp_flags)
{
	return record->state == LB_NAT_OPENING && !(tcp_flags & (LB_TCP_SYN | LB_TCP_RST));
}

LB_INLINE bool lb_proxy_is_edited(const struct lb_proxy_edit *edit, const struct lb_tcp *tcp)
{
	return edit->put || edit->seq != lb_be32_to_cpu(tcp->seq);
}

/**
 * Write a client's segment as the instance gets it, before its translation.
 * @p: of the segment as received; on return, as written.
 * Return: false if it is not in the frame's first segment, or there is no headroom.
 */
LB_INLINE bool lb_proxy_apply(struct lb_buffer buffer, struct lb_packet *p,
			      const struct lb_proxy_edit *edit)
{
	const uint32_t doff = (uint32_t)(lb_nat_tcp(lb_buffer_start(buffer), &p->meta)->doff >> 4);
	const uint32_t padding = p->frame_len - p->meta.l3_offset - p->meta.l3_len;
	const uint32_t head_len = lb_l4_offset(&p->meta) + doff * 4;
	const uint32_t l4_len = p->meta.l3_len - lb_l3_header_len(&p->meta);
	const uint32_t l3_len = p->meta.l3_len + edit->put - edit->cut;
	uint8_t *frame = lb_buffer_start(buffer);
	uint64_t change;

	if (!lb_fits(frame, head_len + edit->cut, lb_buffer_end(buffer)))
		return false;
	change =
		lb_change32(lb_cpu_to_be32(l4_len), lb_cpu_to_be32(l4_len + edit->put - edit->cut));
	if (edit->cut) {
		change += (uint16_t)~lb_csum_fold(lb_proxy_sum(frame + head_len, edit->cut));
		if (!lb_buffer_trim(buffer, padding + edit->cut))
			return false;
		p->frame_len -= padding + edit->cut;
	}
	if (edit->put) {
		if (!lb_buffer_push(buffer, edit->put))
			return false;
		frame = lb_buffer_start(buffer);
		__builtin_memmove(frame, frame + edit->put, head_len);
		lb_proxy_write(frame + head_len, &p->meta);
		change += lb_proxy_sum(frame + head_len, edit->put);
		p->frame_len += edit->put;
	}
	lb_proxy_write_len(frame + p->meta.l3_offset, &p->meta, l3_len);
	lb_proxy_write_tcp((struct lb_tcp *)(frame + lb_l4_offset(&p->meta)), edit, change);
	p->meta.l3_len = l3_len;
	p->meta.tcp_flags = edit->flags;
	return true;
}

/* The record of a client's segment. Its number stays while the header is due. */
LB_INLINE void lb_proxy_step(const struct lb_nat *nat, struct lb_nat_ref ref,
			     const struct lb_tcp *tcp, uint32_t payload, uint64_t router,
			     uint16_t now)
{
	struct lb_nat_record *record = ref.record;
	const bool is_syn = tcp->flags & LB_TCP_SYN;
	const bool begins = is_syn && (lb_nat_may_begin(record, tcp->seq) ||
				       lb_nat_is_free(record, now, &nat->params->timeouts));

	if (is_syn)
		payload = 0;
	if (record->is_proxy_due && !begins)
		payload = record->seq - lb_be32_to_cpu(tcp->seq) - lb_nat_seq_len(tcp->flags, 0);
	/* A RST that the instance does not take must not make the connection half-open again. */
	if (!(tcp->flags & LB_TCP_RST) || record->state != LB_NAT_ANSWERED)
		lb_nat_client_step(nat, ref, tcp, payload, router, now);
	if (is_syn && record->state == LB_NAT_OPENING)
		lb_proxy_mark(record, true);
}

/**
 * Update the record of a client's segment, and choose what becomes of that.
 * @frame: with its TCP header in the first segment. @router: lb_nat_router().
 * @is_new: whether the record was not the connection's before.
 */
LB_INLINE struct lb_proxy_edit lb_proxy_client(const struct lb_nat *nat, struct lb_nat_ref ref,
					       const struct lb_packet *p, const uint8_t *frame,
					       uint64_t router, bool is_new)
{
	const struct lb_tcp *tcp = lb_nat_tcp(frame, &p->meta);
	const uint32_t payload = lb_nat_payload(&p->meta, tcp);

	if (is_new)
		lb_nat_begin(ref.record, tcp, 0, p->now);
	lb_proxy_step(nat, ref, tcp, payload, router, p->now);
	return lb_proxy_edit(ref.record, tcp, payload, lb_proxy_len(p->meta.family));
}

/**
 * Answer a client's packet of no connection by a RST, as an instance would (RFC 9293 section
 * 3.10.7.1). Return: its verdict.
 */
LB_INLINE lb_result lb_proxy_refuse(struct lb_buffer buffer, const struct lb_env *env,
				    const struct lb_packet *p)
{
	const struct lb_tcp *tcp = lb_nat_tcp(lb_buffer_start(buffer), &p->meta);
	const struct lb_meta *meta = &p->meta;
	struct lb_nat_reset reset = {
		.tag = lb_tag(LB_VLAN_KEEP, meta),
		.ends = { .sport = meta->vip_port,
			  .dport = meta->client_port,
			  .family = meta->family },
		.seq = lb_be32_to_cpu(tcp->ack),
		.flags = LB_TCP_RST,
	};
	const uint32_t len =
		lb_tag_l2_len(reset.tag) + lb_ip_header_len(meta->family) + (uint32_t)sizeof(*tcp);

	if ((tcp->flags & (LB_TCP_ACK | LB_TCP_RST)) != LB_TCP_ACK || p->frame_len < len ||
	    lb_buffer_first_len(buffer) < len)
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	lb_copy(reset.macs, lb_buffer_start(buffer) + LB_ETH_ALEN, LB_ETH_ALEN);
	lb_copy(reset.macs + LB_ETH_ALEN, lb_buffer_start(buffer), LB_ETH_ALEN);
	lb_addr_store(reset.ends.src, lb_addr_vip(meta));
	lb_addr_store(reset.ends.dst, lb_addr_client(meta));
	if (!lb_buffer_trim(buffer, p->frame_len - len))
		return lb_result_drop(LB_DROP_NAT_UNKNOWN);
	lb_nat_reset_write(lb_buffer_start(buffer), &reset);
	env->table.stats->nat_resets++;
	return LB_VERDICT_REPLY;
}

/* ---- To a client ---- */

#define LB_TCP_OPTION_END 0
#define LB_TCP_OPTION_NOP 1
#define LB_TCP_OPTION_MSS 2
#define LB_TCP_OPTION_SACK 5
#define LB_TCP_OPTIONS_MAX 40u /* bytes */

/* What the options of an instance's packet are changed by. */
struct lb_proxy_back {
	uint32_t len;	/* of the header */
	uint32_t first; /* number of the client's first byte, if it is known ... */
	bool is_known;	/* ... as it is while the header is due */
	uint32_t ack;	/* as sent by the instance */
};

/*
 * A block of SACK, with the header's bytes or without.
 * If the header was sent twice, a block says so (RFC 2883), which is of no use to the client; it is
 * told by its length when the client's first byte is not known any more.
 */
LB_INLINE void lb_proxy_block(const struct lb_proxy_back *back, uint32_t *left, uint32_t *right)
{
	if (*right - *left == back->len && (int)(*right - back->ack) <= 0)
		*left = *right;
	if (!back->is_known)
		return;
	if (back->first - *left <= back->len)
		*left = back->first;
	if (back->first - *right <= back->len)
		*right = back->first;
}

/* @option: @bytes of SACK. Blocks without the client's bytes are taken out. */
LB_INLINE void lb_proxy_sack(const struct lb_proxy_back *back, uint8_t *option, uint32_t bytes)
{
	uint32_t kept = 2;

	for (uint32_t at = 2; at + 8 <= bytes; at += 8) {
		uint32_t left = lb_be32_to_cpu(lb_load32(option + at));
		uint32_t right = lb_be32_to_cpu(lb_load32(option + at + 4));

		lb_proxy_block(back, &left, &right);
		if (left == right)
			continue;
		lb_store32(option + kept, lb_cpu_to_be32(left));
		lb_store32(option + kept + 4, lb_cpu_to_be32(right));
		kept += 8;
	}
	option[1] = (uint8_t)kept;
	for (uint32_t at = kept == 2 ? 0 : kept; at < bytes; at++)
		option[at] = LB_TCP_OPTION_NOP;
}

/* What is left of it leaves room for the header, in any packet of the client. */
LB_INLINE void lb_proxy_mss(const struct lb_proxy_back *back, uint8_t *option)
{
	uint32_t mss = lb_be16_to_cpu(lb_load16(option + 2));

	if (mss > 2 * back->len)
		lb_store16(option + 2, lb_cpu_to_be16((uint16_t)(mss - back->len)));
}

/* @options: @bytes of them, a multiple of 4. Return: what the checksum changes by. */
LB_INLINE uint64_t lb_proxy_options(const struct lb_proxy_back *back, uint8_t *options,
				    uint32_t bytes, bool is_syn)
{
	const uint64_t before = lb_proxy_sum(options, bytes);
	uint32_t at = 0;

	while (at + 2 <= bytes && options[at] != LB_TCP_OPTION_END) {
		uint32_t n = options[at + 1];

		if (options[at] == LB_TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (n < 2 || n > bytes - at)
			break;
		if (options[at] == LB_TCP_OPTION_MSS && n == 4 && is_syn)
			lb_proxy_mss(back, options + at);
		if (options[at] == LB_TCP_OPTION_SACK && !is_syn)
			lb_proxy_sack(back, options + at, n);
		at += n;
	}
	return (uint64_t)(uint16_t)~lb_csum_fold(before) + lb_proxy_sum(options, bytes);
}

/* A SYN+ACK. The number is stored first: who sees the header due takes it for the first byte's. */
LB_INLINE void lb_proxy_answered(struct lb_nat_record *record, uint32_t ack)
{
	record->seq = ack;
	LB_WRITTEN();
	lb_proxy_mark(record, true);
}

/* Return: what the client is to see acknowledged. @len: of the header. */
LB_INLINE uint32_t lb_proxy_ack(struct lb_nat_record *record, const struct lb_tcp *tcp,
				uint32_t len)
{
	const uint32_t ack = lb_be32_to_cpu(tcp->ack);

	if (tcp->flags & LB_TCP_SYN) {
		lb_proxy_answered(record, ack + len);
		return ack + len;
	}
	if (!record->is_proxy_due)
		return ack;
	if (record->seq - ack - 1 < len)
		return record->seq;
	/* Before its SYN+ACK, an instance acknowledges bytes of another connection. */
	if (record->state != LB_NAT_OPENING && ack - record->seq < LB_NAT_SEQ_WINDOW &&
	    !(tcp->flags & LB_TCP_RST))
		lb_proxy_mark(record, false);
	return ack;
}

/**
 * An instance's segment, before its record is updated and it is translated.
 * @tcp: its header, without options at least in front of @end.
 * @family: the client's.
 */
LB_INLINE void lb_proxy_return(struct lb_nat_record *record, struct lb_tcp *tcp, const uint8_t *end,
			       uint8_t family)
{
	const uint32_t doff = (uint32_t)(tcp->doff >> 4) * 4, len = lb_proxy_len(family);
	const bool is_syn = tcp->flags & LB_TCP_SYN;
	struct lb_proxy_back back = { len, record->seq, record->is_proxy_due,
				      lb_be32_to_cpu(tcp->ack) };
	uint32_t window = lb_be16_to_cpu(tcp->window);
	uint64_t change = 0;
	lb_be32 ack;

	if (!(tcp->flags & LB_TCP_ACK))
		return;
	if (doff > sizeof(*tcp) && lb_fits(tcp, doff, end))
		change = lb_proxy_options(&back, (uint8_t *)(tcp + 1),
					  doff - (uint32_t)sizeof(*tcp), is_syn);
	ack = lb_cpu_to_be32(lb_proxy_ack(record, tcp, len));
	if (is_syn && window > len) /* it is not scaled (RFC 7323 section 2.2) */
		window -= len;
	change += lb_change32(tcp->ack, ack) + (uint16_t)~tcp->window +
		  lb_cpu_to_be16((uint16_t)window);
	tcp->ack = ack;
	tcp->window = lb_cpu_to_be16((uint16_t)window);
	tcp->csum = lb_csum_change(tcp->csum, lb_csum_fold(change));
}

/* ---- ICMP errors ---- */

/* A message about a packet that is too big for the instance's network. @len: of the header. */
LB_INLINE uint64_t lb_proxy_write_mtu(struct lb_icmp *icmp, uint8_t family, uint32_t len)
{
	const uint32_t least = family == 4 ? LB_IPV4_MTU_MIN : LB_IPV6_MTU_MIN;
	const bool is_too_big = family == 4 ? icmp->type == LB_ICMP4_UNREACH &&
						      icmp->code == LB_ICMP4_UNREACH_FRAG_NEEDED
					    : icmp->type == LB_ICMP6_PACKET_TOO_BIG;
	const lb_be32 was = icmp->rest;
	uint32_t mtu = lb_be32_to_cpu(was);

	if (!is_too_big || mtu < least + len)
		return 0;
	icmp->rest = lb_cpu_to_be32(mtu - len);
	return lb_change32(was, icmp->rest);
}

/**
 * An ICMP error of the instance's side about a client's segment, before its translation: the number
 * that it quotes is the client's, and the size that it allows has room for the header.
 * @meta: of the error.
 */
LB_INLINE void lb_proxy_error(const struct lb_nat_record *record, uint8_t *frame,
			      const uint8_t *end, const struct lb_meta *meta, uint32_t len)
{
	const uint32_t csum_at = LB_OFFSETOF(struct lb_tcp, csum);
	struct lb_icmp *icmp = (struct lb_icmp *)(frame + lb_l4_offset(meta));
	const struct lb_ipv4 *ip4 = (const struct lb_ipv4 *)(icmp + 1);
	const struct lb_ipv6 *ip6 = (const struct lb_ipv6 *)(icmp + 1);
	uint32_t at = 0, seq, quoted;
	uint64_t change;
	uint8_t *l4;

	if (!record->is_proxy_due)
		return;
	if (meta->family == 4 && lb_fits(ip4, sizeof(*ip4), end))
		at = (uint32_t)(ip4->version_ihl & 0xf) * 4;
	else if (meta->family == 6 && lb_fits(ip6, sizeof(*ip6), end))
		at = lb_quote_l4_6(ip6, end) & 0x3ff;
	l4 = (uint8_t *)(icmp + 1) + at;
	if (!at || !lb_fits(l4, 8, end))
		return;
	quoted = lb_load32(l4 + 4);
	seq = lb_be32_to_cpu(quoted);
	if (record->seq - seq - 1 > len) /* neither the SYN nor the header's */
		return;
	lb_store32(l4 + 4, lb_cpu_to_be32(seq + len));
	change = lb_change32(quoted, lb_load32(l4 + 4));
	if (lb_quote_len(meta) >= at + csum_at + 2 && lb_fits(l4, csum_at + 2, end))
		change += lb_change_csum(l4 + csum_at, change);
	change += lb_proxy_write_mtu(icmp, meta->family, len);
	lb_change_csum((uint8_t *)&icmp->csum, change);
}

#endif
