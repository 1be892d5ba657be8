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

/* GUE, draft-ietf-intarea-gue-09 section 3, in UDP without checksum. */
static const struct lb_shim gue = {
	.len = 12,
	.proto = LB_IPPROTO_UDP,
	.port_at = 0,
	.len_at = 4,
	.proto_at = 9,
	.bytes = { [2] = 6080 >> 8, [3] = 6080 & 0xff },
};

/* One packet, and what is to be in front of it. */
struct round {
	struct lb_instance instance;
	const struct lb_shim *shim;
	struct lb_meta meta;
	uint64_t spread;
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
	if (family == 6) {
		instance->header_len = sizeof(*eth) + LB_TUNNEL6_LEN;
		ip6->ver_tc_flow = lb_cpu_to_be32(6u << 28);
		ip6->payload_len = 0;
		ip6->next = LB_IPPROTO_IPIP;
		return;
	}
	instance->header_len = sizeof(*eth) + LB_TUNNEL4_LEN;
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
				   0x17,
				   0xc0,
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

/* @old: the frame as received, behind the room for the headers. */
static void want_make(struct round *r, const uint8_t *old)
{
	const uint8_t inner = r->meta.family == 4 ? LB_IPPROTO_IPIP : LB_IPPROTO_IPV6;
	const uint8_t proto = r->shim == &gue ? LB_IPPROTO_UDP : inner;
	uint32_t bytes = r->shim->len + r->meta.l3_len;
	uint8_t *at = r->want + 2 * LB_ETH_ALEN;

	memcpy(r->want, r->instance.header, 2 * LB_ETH_ALEN);
	if (r->meta.l3_offset != sizeof(struct lb_eth)) {
		memcpy(at, old + 2 * LB_ETH_ALEN, sizeof(struct lb_vlan));
		at += sizeof(struct lb_vlan);
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
	if (r->shim == &gue)
		want_gue(at, r, inner);
}

/* @frame: random. The packet in it begins with a version and a TOS or traffic class. */
static void round_make(struct round *r, uint8_t *frame)
{
	uint32_t room;
	uint8_t *ip;

	r->outer_family = random_u32() % 2 ? 4 : 6;
	template_make(&r->instance, r->outer_family);
	r->shim = random_u32() % 2 ? &gue : &lb_shim_none;
	r->spread = (uint64_t)random_u32() << 32 | random_u32();
	r->tos = (uint8_t)random_u32();
	r->meta = (struct lb_meta){
		.family = random_u32() % 2 ? 4 : 6,
		.l3_offset =
			sizeof(struct lb_eth) + (random_u32() % 4 ? 0 : sizeof(struct lb_vlan)),
		.l3_len = random_u32() % (65536 - LB_TUNNEL4_LEN - LB_SHIM_MAX),
	};
	room = lb_tunnel_len(&r->instance, r->shim);
	assert_int_equal(room, (r->outer_family == 4 ? 20 : 40) + (r->shim == &gue ? 12 : 0));
	ip = frame + room + r->meta.l3_offset;
	if (r->meta.family == 4)
		lb_store16(ip, (uint16_t)(0x45 | r->tos << 8));
	else
		lb_store32(ip, lb_cpu_to_be32(6u << 28 | (uint32_t)r->tos << 20 |
					      (random_u32() & 0xfffff)));
	memcpy(r->want, frame, FRAME_BYTES);
	want_make(r, frame + room);
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
					    &r.meta, r.spread));
		assert_memory_equal(frame, r.want, FRAME_BYTES);
		if (r.meta.l3_offset != sizeof(struct lb_eth))
			continue;
		inner = plain + lb_tunnel_len(&r.instance, r.shim) + sizeof(struct lb_eth);
		what = (struct lb_inner){ .spread = r.spread,
					  .len = r.meta.l3_len,
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
		need = lb_tunnel_len(&r.instance, r.shim) + r.meta.l3_offset + 2;
		assert_false(lb_write_tunnel(frame, frame + random_u32() % need, &r.instance,
					     r.shim, &r.meta, r.spread));
		assert_memory_equal(frame, before, FRAME_BYTES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_as_specified),
		cmocka_unit_test(headers_that_do_not_fit_are_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
