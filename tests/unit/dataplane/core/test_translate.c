/* SPDX-License-Identifier: BSD-3-Clause */
/* Translated packets against packets that are written from scratch, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_translate.h"
#include "tests/support/random_frame.h"

#define ROUNDS 300000
#define ROOM 64 /* in front of a frame */
#define PAYLOAD_MAX 200
#define FRAME_MAX (ROOM + 18 + 60 + 60 + PAYLOAD_MAX)

/* What a packet is, whatever its family. */
struct packet {
	struct lb_ends ends;
	uint32_t options; /* bytes of IPv4 options */
	uint32_t l4_len;
	uint8_t l4[60 + PAYLOAD_MAX];
	uint32_t flow_label;
	uint16_t id, frag;
	uint8_t tos, ttl;
	bool is_tagged;
	uint16_t tci;
};

static void random_bytes(void *to, uint32_t n)
{
	uint8_t *p = to;

	while (n--)
		*p++ = (uint8_t)random_u32();
}

static void ends_make(struct lb_ends *ends, uint8_t family)
{
	memset(ends, 0, sizeof(*ends));
	random_bytes(ends->src, family == 4 ? 4 : 16);
	random_bytes(ends->dst, family == 4 ? 4 : 16);
	ends->src[0] = 10; /* a host's, in both families */
	ends->dst[0] = 11;
	ends->sport = (lb_be16)(random_u32() | 1);
	ends->dport = (lb_be16)(random_u32() | 1);
	ends->family = family;
}

static void packet_make(struct packet *p, uint8_t family)
{
	ends_make(&p->ends, family);
	p->options = family == 4 && random_below(8) == 0 ? 4 * (1 + random_below(10)) : 0;
	p->l4_len = sizeof(struct lb_tcp) + 4 * random_below(11) + random_below(PAYLOAD_MAX);
	random_bytes(p->l4, p->l4_len);
	/* so that sums which are 0 or 0xffff are common */
	if (random_below(4) == 0)
		memset(p->l4, random_below(2) ? 0xff : 0, p->l4_len);
	((struct lb_tcp *)p->l4)->doff = 5 << 4;
	((struct lb_tcp *)p->l4)->flags = LB_TCP_ACK;
	p->flow_label = random_u32() & 0xfffff;
	p->id = (uint16_t)random_u32();
	p->frag = LB_BE16(LB_IPV4_DF);
	p->tos = (uint8_t)random_u32();
	p->ttl = (uint8_t)(2 + random_below(254));
	p->is_tagged = random_below(4) == 0;
	p->tci = (uint16_t)random_u32();
}

static uint64_t sum_bytes(const uint8_t *p, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (uint32_t)p[i] << i % 2 * 8;
	return sum;
}

/* The whole checksum, over the pseudo-header of RFC 9293 section 3.1 or RFC 8200 section 8.1. */
static uint16_t tcp_csum(const struct packet *p)
{
	uint32_t addr = p->ends.family == 4 ? 4 : 16;
	uint8_t pseudo[40] = { 0 };

	memcpy(pseudo, p->ends.src, addr);
	memcpy(pseudo + addr, p->ends.dst, addr);
	if (p->ends.family == 4) {
		pseudo[9] = LB_IPPROTO_TCP;
		pseudo[10] = (uint8_t)(p->l4_len >> 8);
		pseudo[11] = (uint8_t)p->l4_len;
	} else {
		pseudo[34] = (uint8_t)(p->l4_len >> 8);
		pseudo[35] = (uint8_t)p->l4_len;
		pseudo[39] = LB_IPPROTO_TCP;
	}
	return (uint16_t)~lb_csum_fold(sum_bytes(pseudo, sizeof(pseudo)) +
				       sum_bytes(p->l4, p->l4_len));
}

static void tcp_write(struct packet *p)
{
	struct lb_tcp *tcp = (struct lb_tcp *)p->l4;

	tcp->sport = p->ends.sport;
	tcp->dport = p->ends.dport;
	tcp->csum = 0;
	tcp->csum = tcp_csum(p);
}

/* Return: bytes of the frame at @frame, its MAC addresses 0. */
static uint32_t frame_write(uint8_t *frame, struct packet *p)
{
	uint8_t *at = frame + 2 * LB_ETH_ALEN;

	memset(frame, 0, 2 * LB_ETH_ALEN);
	if (p->is_tagged) {
		lb_store16(at, LB_BE16(LB_ETHERTYPE_VLAN));
		lb_store16(at + 2, p->tci);
		at += 4;
	}
	lb_store16(at,
		   p->ends.family == 4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6));
	at += 2;
	tcp_write(p);
	if (p->ends.family == 4) {
		struct lb_ipv4 ip = {
			.version_ihl = (uint8_t)(0x45 + p->options / 4),
			.tos = p->tos,
			.total_len =
				lb_cpu_to_be16((uint16_t)(sizeof(ip) + p->options + p->l4_len)),
			.id = p->id,
			.frag = p->frag,
			.ttl = p->ttl,
			.proto = LB_IPPROTO_TCP,
			.src = lb_load32(p->ends.src),
			.dst = lb_load32(p->ends.dst),
		};
		memcpy(at, &ip, sizeof(ip));
		memset(at + sizeof(ip), 1 /* no operation */, p->options);
		lb_store16(
			at + offsetof(struct lb_ipv4, csum),
			(uint16_t)~lb_csum_fold(sum_bytes(at, (uint32_t)sizeof(ip) + p->options)));
		at += sizeof(ip) + p->options;
	} else {
		struct lb_ipv6 ip = {
			.ver_tc_flow =
				lb_cpu_to_be32(6u << 28 | (uint32_t)p->tos << 20 | p->flow_label),
			.payload_len = lb_cpu_to_be16((uint16_t)p->l4_len),
			.next = LB_IPPROTO_TCP,
			.hop_limit = p->ttl,
		};
		memcpy(ip.src, p->ends.src, 16);
		memcpy(ip.dst, p->ends.dst, 16);
		memcpy(at, &ip, sizeof(ip));
		at += sizeof(ip);
	}
	memcpy(at, p->l4, p->l4_len);
	return (uint32_t)(at - frame) + p->l4_len;
}

static void meta_read(const uint8_t *frame, uint32_t len, struct lb_meta *meta)
{
	const struct lb_frame f = { frame, frame + len, len };

	memset(meta, 0, sizeof(*meta));
	lb_parse(&f, 0, meta);
	assert_int_equal(meta->class, LB_CLASS_FLOW);
	assert_int_equal(meta->proto, LB_IPPROTO_TCP);
}

/* What the packet is to become. */
static void packet_translate(struct packet *p, const struct lb_ends *ends)
{
	bool is_same = p->ends.family == ends->family;

	p->ends = *ends;
	p->ttl--;
	if (is_same)
		return;
	p->options = 0;
	p->flow_label = 0;
	p->id = 0;
	p->frag = LB_BE16(LB_IPV4_DF);
}

/* Checksums have two zeros: 0 and 0xffff. */
static uint16_t tcp_zero(uint8_t *frame, const struct lb_meta *meta, int growth)
{
	struct lb_tcp *tcp = (struct lb_tcp *)(frame + meta->l4_offset + growth);

	return tcp->csum = tcp->csum == 0xffff ? 0 : tcp->csum;
}

static void round_run(uint8_t family, uint8_t to)
{
	uint8_t have[FRAME_MAX], want[FRAME_MAX], *frame = have + ROOM;
	uint32_t len, want_len;
	struct lb_before before = { 0 };
	struct lb_meta meta;
	struct lb_ends ends;
	struct packet p;
	int growth;

	packet_make(&p, family);
	ends_make(&ends, to);
	len = frame_write(frame, &p);
	meta_read(frame, len, &meta);
	packet_translate(&p, &ends);
	want_len = frame_write(want, &p);

	assert_true(lb_translate_read(frame, frame + len, &meta, &before));
	growth = lb_translate_growth(&meta, &ends);
	assert_int_equal(want_len, (int)len + growth);
	assert_int_equal(lb_translate_len(&meta, &ends), want_len - meta.l3_offset);
	assert_true(
		lb_translate(frame - growth + meta.l3_offset, frame + len, &meta, &before, &ends));
	tcp_zero(frame - growth, &meta, growth);
	tcp_zero(want, &meta, growth);
	assert_memory_equal(frame - growth + meta.l3_offset, want + meta.l3_offset,
			    want_len - meta.l3_offset);
}

static void test_each_family(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		round_run(4, 4);
		round_run(6, 6);
		round_run(4, 6);
		round_run(6, 4);
	}
}

/* A receiver has to see that a packet was damaged on its way. */
static void test_damage_stays(void **state)
{
	uint8_t have[FRAME_MAX], *frame = have + ROOM;
	struct lb_before before = { 0 };
	struct lb_meta meta;
	struct lb_ends ends;
	struct packet p;

	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t len, at;
		uint16_t csum;

		packet_make(&p, 4);
		ends_make(&ends, 4);
		len = frame_write(frame, &p);
		meta_read(frame, len, &meta);
		at = meta.l4_offset + (uint32_t)sizeof(struct lb_tcp);
		if (at >= len)
			continue;
		frame[at + random_below(len - at)] ^= (uint8_t)(1 << random_below(8));
		assert_true(lb_translate_read(frame, frame + len, &meta, &before));
		assert_true(
			lb_translate(frame + meta.l3_offset, frame + len, &meta, &before, &ends));
		p.ends = ends;
		memcpy(p.l4, frame + meta.l4_offset, p.l4_len);
		csum = ((struct lb_tcp *)p.l4)->csum;
		((struct lb_tcp *)p.l4)->csum = 0;
		assert_int_not_equal(csum ? csum : 0xffff, tcp_csum(&p) ? tcp_csum(&p) : 0xffff);
	}
}

/* A router does not forward a packet whose TTL would become 0. */
static void test_last_hop(void **state)
{
	uint8_t frame[FRAME_MAX];
	struct lb_before before = { 0 };
	struct lb_meta meta;
	struct packet p;

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (uint8_t ttl = 1; ttl < 4; ttl++) {
			uint32_t len;

			packet_make(&p, family);
			p.ttl = ttl;
			len = frame_write(frame, &p);
			meta_read(frame, len, &meta);
			assert_int_equal(lb_translate_read(frame, frame + len, &meta, &before),
					 ttl > 1);
		}
}

/* Nothing is read or written behind the first segment, wherever it ends. */
static void test_short_segment(void **state)
{
	uint8_t have[FRAME_MAX], copy[FRAME_MAX], *frame = have + ROOM;
	struct lb_before before = { 0 };
	struct lb_meta meta;
	struct lb_ends ends;
	struct packet p;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t len;

		packet_make(&p, i & 1 ? 4 : 6);
		ends_make(&ends, i & 2 ? 4 : 6);
		len = frame_write(frame, &p);
		meta_read(frame, len, &meta);
		for (uint32_t end = 0; end < meta.l4_offset + sizeof(struct lb_tcp); end++) {
			int growth = lb_translate_growth(&meta, &ends);

			frame_write(frame, &p);
			if (!lb_translate_read(frame, frame + end, &meta, &before))
				continue;
			memcpy(copy, have, sizeof(have));
			assert_false(lb_translate(frame - growth + meta.l3_offset, frame + end,
						  &meta, &before, &ends));
			assert_memory_equal(frame + end, copy + ROOM + end, FRAME_MAX - ROOM - end);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_family),
		cmocka_unit_test(test_damage_stays),
		cmocka_unit_test(test_last_hop),
		cmocka_unit_test(test_short_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
