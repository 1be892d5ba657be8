/* SPDX-License-Identifier: BSD-3-Clause */
/* What is put in front of a packet, byte for byte: each header written field by field, summed as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_encap.h"
#include "tests/support/random_frame.h"

#define ROUNDS 1000000
#define FRAME_BYTES 128

/* One packet, and what is to be in front of it. */
struct round {
	struct lb_instance instance;
	const struct lb_shim *shim;
	struct lb_meta meta;
	uint64_t spread;
	lb_be16 port;
	uint8_t tos;
	uint8_t outer_family;
	uint8_t want[FRAME_BYTES];
};

static void template_make(struct lb_instance *instance, uint8_t family)
{
	struct lb_eth *eth = (struct lb_eth *)instance->header;
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)(eth + 1);
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)(eth + 1);

	for (uint32_t i = 0; i < LB_HEADER_MAX; i += 2)
		lb_store16(instance->header + i, (uint16_t)random_u32());
	instance->source_mask = 0;
	instance->flags = family == 6 ? LB_INSTANCE_OUTER6 : 0;
	instance->vlan = LB_VLAN_KEEP;
	if (random_u32() % 4 == 0) {
		instance->vlan = lb_cpu_to_be16((uint16_t)(1 + random_u32() % LB_VLAN_ID_MAX));
		instance->flags |= LB_INSTANCE_TAGGED;
	} else if (random_u32() % 4 == 0) {
		instance->vlan = LB_VLAN_NONE;
	}
	if (family == 6) {
		ip6->ver_tc_flow = lb_cpu_to_be32(6u << 28);
		ip6->payload_len = 0;
		ip6->next = LB_IPPROTO_IPIP;
		return;
	}
	ip4->version_ihl = 0x45;
	ip4->tos = 0;
	ip4->total_len = 0;
	ip4->proto = LB_IPPROTO_IPIP;
	if (random_u32() % 2)
		instance->source_mask = lb_cpu_to_be32((1u << random_u32() % 25) - 1);
	ip4->src &= ~instance->source_mask;
	ip4->csum = 0;
	ip4->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip4));
}

static void want_ip4(struct lb_ipv4 *ip, const struct round *r, uint32_t bytes, uint8_t proto)
{
	*ip = *(const struct lb_ipv4 *)(r->instance.header + sizeof(struct lb_eth));
	ip->tos = r->tos;
	ip->total_len = lb_cpu_to_be16((uint16_t)(sizeof(*ip) + bytes));
	ip->proto = proto;
	ip->src |= (uint32_t)r->spread & r->instance.source_mask;
	ip->csum = 0;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
}

/* RFC 6438: the flow label is the flow's. */
static void want_ip6(struct lb_ipv6 *ip, const struct round *r, uint32_t bytes, uint8_t proto)
{
	*ip = *(const struct lb_ipv6 *)(r->instance.header + sizeof(struct lb_eth));
	ip->ver_tc_flow =
		lb_cpu_to_be32(6u << 28 | (uint32_t)r->tos << 20 | ((uint32_t)r->spread & 0xfffff));
	ip->payload_len = lb_cpu_to_be16((uint16_t)bytes);
	ip->next = proto;
}

static void want_gue(uint8_t *at, const struct round *r, uint8_t proto)
{
	const uint32_t bytes = 12 + r->meta.l3_len, port = (uint32_t)(r->spread >> 50) | 0xc000;
	const uint8_t header[] = { (uint8_t)(port >> 8),
				   (uint8_t)port,
				   (uint8_t)(lb_be16_to_cpu(r->port) >> 8),
				   (uint8_t)lb_be16_to_cpu(r->port),
				   (uint8_t)(bytes >> 8),
				   (uint8_t)bytes,
				   0,
				   0,
				   0,
				   proto,
				   0,
				   0 };

	memcpy(at, header, sizeof(header));
}

/* The priority stays, the VLAN is the next hop's. Return: the TCI, or -1 for a frame without a tag. */
static int want_tci(const struct round *r)
{
	const int tci = lb_be16_to_cpu(r->meta.tci), vlan = lb_be16_to_cpu(r->instance.vlan);

	if (vlan == 0)
		return r->meta.l3_offset == 18 ? tci : -1;
	return vlan == 0xffff ? -1 : (tci & 0xf000) + vlan;
}

static void want_make(struct round *r)
{
	const uint8_t inner = r->meta.family == 4 ? LB_IPPROTO_IPIP : LB_IPPROTO_IPV6;
	const uint8_t proto = r->shim == &lb_shim_gue ? LB_IPPROTO_UDP : inner;
	uint32_t bytes = r->shim->len + r->meta.l3_len;
	uint8_t *at = r->want + 2 * LB_ETH_ALEN;

	memcpy(r->want, r->instance.header, 2 * LB_ETH_ALEN);
	if (want_tci(r) >= 0) {
		lb_store16(at, LB_BE16(0x8100));
		lb_store16(at + 2, lb_cpu_to_be16((uint16_t)want_tci(r)));
		at += 4;
	}
	memcpy(at, r->instance.header + 2 * LB_ETH_ALEN, 2);
	at += 2;
	if (r->outer_family == 4) {
		want_ip4((struct lb_ipv4 *)at, r, bytes, proto);
		at += sizeof(struct lb_ipv4);
	} else {
		want_ip6((struct lb_ipv6 *)at, r, bytes, proto);
		at += sizeof(struct lb_ipv6);
	}
	if (r->shim == &lb_shim_gue)
		want_gue(at, r, inner);
}

/*
 * @frame: random. The packet in it begins with a version and a TOS or traffic class, and is UDP, so
 * that there is no outer checksum.
 */
static void round_make(struct round *r, uint8_t *frame)
{
	uint32_t room;
	uint8_t *ip;

	r->outer_family = random_u32() % 2 ? 4 : 6;
	template_make(&r->instance, r->outer_family);
	r->shim = random_u32() % 2 ? &lb_shim_gue : &lb_shim_none;
	r->spread = (uint64_t)random_u32() << 32 | random_u32();
	r->port = (lb_be16)random_u32();
	r->tos = (uint8_t)random_u32();
	r->meta = (struct lb_meta){
		.family = random_u32() % 2 ? 4 : 6,
		.l3_offset =
			sizeof(struct lb_eth) + (random_u32() % 4 ? 0 : sizeof(struct lb_vlan)),
		.l3_len = random_u32() % (65536 - LB_TUNNEL4_LEN - LB_SHIM_MAX),
	};
	if (r->meta.l3_offset != sizeof(struct lb_eth))
		r->meta.tci = (lb_be16)random_u32();
	room = lb_tunnel_len(&r->instance, r->shim);
	assert_int_equal(room,
			 (r->outer_family == 4 ? 20 : 40) + (r->shim == &lb_shim_gue ? 12 : 0));
	ip = frame + room + (want_tci(r) < 0 ? 14 : 18);
	if (r->meta.family == 4)
		lb_store16(ip, (uint16_t)(0x45 | r->tos << 8));
	else
		lb_store32(ip, lb_cpu_to_be32(6u << 28 | (uint32_t)r->tos << 20 |
					      (random_u32() & 0xfffff)));
	ip[r->meta.family == 4 ? 9 : 6] = LB_IPPROTO_UDP;
	memcpy(r->want, frame, FRAME_BYTES);
	want_make(r);
}

static void headers_are_as_specified(void **unused)
{
	uint8_t frame[FRAME_BYTES], plain[FRAME_BYTES];
	struct round r;

	(void)unused;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const uint8_t *inner;
		struct lb_inner what;

		for (uint32_t i = 0; i < FRAME_BYTES; i += 4)
			lb_store32(frame + i, random_u32());
		round_make(&r, frame);
		memcpy(plain, frame, FRAME_BYTES);
		assert_true(lb_write_tunnel(frame, frame + FRAME_BYTES, &r.instance, r.shim,
					    &r.meta, lb_tag_out(&r.instance, &r.meta), r.spread,
					    r.port));
		assert_memory_equal(frame, r.want, FRAME_BYTES);
		if (want_tci(&r) >= 0)
			continue;
		inner = plain + lb_tunnel_len(&r.instance, r.shim) + sizeof(struct lb_eth);
		what = (struct lb_inner){ .spread = r.spread,
					  .len = r.meta.l3_len,
					  .sum = lb_inner_sum(inner, r.meta.family),
					  .port = r.port,
					  .family = r.meta.family,
					  .tos = lb_inner_tos(inner, r.meta.family) };
		lb_write_headers(plain, &r.instance, r.shim, r.outer_family, &what);
		assert_memory_equal(plain, r.want, FRAME_BYTES);
	}
}

/* Nothing is written behind the end, nor at all. */
static void headers_that_do_not_fit_are_not_written(void **unused)
{
	uint8_t frame[FRAME_BYTES], before[FRAME_BYTES];
	struct round r;

	(void)unused;
	for (uint32_t round = 0; round < 1000; round++) {
		uint32_t need;

		for (uint32_t i = 0; i < FRAME_BYTES; i += 4)
			lb_store32(frame + i, random_u32());
		round_make(&r, frame);
		memcpy(before, frame, FRAME_BYTES);
		need = lb_tunnel_len(&r.instance, r.shim) + (want_tci(&r) < 0 ? 14 : 18) + 2;
		assert_false(lb_write_tunnel(frame, frame + random_u32() % need, &r.instance,
					     r.shim, &r.meta, lb_tag_out(&r.instance, &r.meta),
					     r.spread, r.port));
		assert_memory_equal(frame, before, FRAME_BYTES);
	}
}

/* Sum of words in network order, as RFC 1071 has it. */
static uint32_t bytes_sum(const uint8_t *p, uint32_t bytes)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < bytes; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void bytes_draw(uint8_t *p, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)random_u32();
}

/* Put the checksum at @at right, over @bytes at @p and what else it covers. */
static void csum_put(uint8_t *at, const uint8_t *p, uint32_t bytes, uint32_t others)
{
	uint16_t csum;

	at[0] = at[1] = 0;
	csum = (uint16_t)~sum_fold(bytes_sum(p, bytes) + others);
	at[0] = (uint8_t)(csum >> 8);
	at[1] = (uint8_t)csum;
}

static uint32_t inner4_make(uint8_t *ip, uint8_t proto)
{
	const uint32_t header_len = 20 + random_u32() % 11 * 4, len = 20 + random_u32() % 1400;
	uint8_t *l4 = ip + header_len;

	bytes_draw(ip, header_len + len);
	ip[0] = (uint8_t)(0x40 | header_len / 4);
	lb_store16(ip + 2, lb_cpu_to_be16((uint16_t)(header_len + len)));
	ip[9] = proto;
	csum_put(ip + 10, ip, header_len, 0);
	if (proto == LB_IPPROTO_TCP)
		csum_put(l4 + 16, l4, len, bytes_sum(ip + 12, 8) + proto + len);
	else
		csum_put(l4 + 2, l4, len, 0);
	return header_len + len;
}

static uint32_t inner6_make(uint8_t *ip, uint8_t proto)
{
	const uint32_t len = 20 + random_u32() % 1400;
	uint8_t *l4 = ip + 40;

	bytes_draw(ip, 40 + len);
	ip[0] = (uint8_t)(0x60 | (ip[0] & 0xf));
	lb_store16(ip + 4, lb_cpu_to_be16((uint16_t)len));
	ip[6] = proto;
	csum_put(l4 + (proto == LB_IPPROTO_TCP ? 16 : 2), l4, len,
		 bytes_sum(ip + 8, 32) + proto + len);
	return 40 + len;
}

/* RFC 8200 section 8.1: the pseudo header and all of UDP sum up to 0xffff. */
static void outer_checksum_is_right(void **unused)
{
	enum { ROOM = 14 + 40 + 12 };
	static uint8_t frame[2048];

	(void)unused;
	for (uint32_t round = 0; round < 100000; round++) {
		const bool is_tcp = random_u32() % 2, is4 = random_u32() % 2;
		uint8_t *ip = frame + ROOM, *udp = ip - 12;
		struct lb_instance instance;
		struct lb_meta meta = { .family = is4 ? 4 : 6, .l3_offset = 14 };

		template_make(&instance, 6);
		if (is4)
			meta.l3_len = inner4_make(ip, is_tcp ? LB_IPPROTO_TCP : LB_IPPROTO_ICMP);
		else
			meta.l3_len = inner6_make(ip, is_tcp ? LB_IPPROTO_TCP : LB_IPPROTO_ICMPV6);
		assert_true(lb_write_tunnel(frame, frame + sizeof(frame), &instance, &lb_shim_gue,
					    &meta, 0, (uint64_t)random_u32() << 32, LB_BE16(6080)));
		assert_int_not_equal(lb_load16(udp + 6), 0);
		assert_int_equal(sum_fold(bytes_sum(frame + 22, 32) + LB_IPPROTO_UDP + 12 +
					  meta.l3_len + bytes_sum(udp, 12 + meta.l3_len)),
				 0xffff);
	}
}

/* A sum of 0 is sent as 0xffff, since 0 means that there is none. */
static void checksum_of_zero_is_not_none(void **unused)
{
	struct lb_inner inner = { .len = 40, .family = 4 };
	struct lb_instance instance;
	uint32_t zeros = 0;

	(void)unused;
	template_make(&instance, 6);
	for (inner.sum = 0; inner.sum < LB_INNER_SUM_UNKNOWN; inner.sum++) {
		uint16_t csum = lb_shim_csum(&lb_shim_gue, &instance, &inner);

		assert_int_not_equal(csum, 0);
		zeros += csum == 0xffff;
	}
	assert_true(zeros);
	assert_int_equal(lb_shim_csum(&lb_shim_gue, &instance, &inner), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_as_specified),
		cmocka_unit_test(headers_that_do_not_fit_are_not_written),
		cmocka_unit_test(outer_checksum_is_right),
		cmocka_unit_test(checksum_of_zero_is_not_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
