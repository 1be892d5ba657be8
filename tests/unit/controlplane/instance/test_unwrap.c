/* SPDX-License-Identifier: BSD-3-Clause */
/* What is unwrapped, how it comes out, and what a frame's surroundings decide; spoiled frames: test_unwrap_spoiled.c. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/instance/address.h"
#include "tests/unit/controlplane/instance/unwrap.h"

#define RANDOM_FRAMES 20000

static void test_mixes(void **state)
{
	static const uint16_t payloads[] = { 0, 1, 20, 1000, 1440 };
	static const uint32_t paddings[] = { 0, 1, 26, 300 };
	struct frame_shape shape;
	struct frame f;

	(void)state;
	for (size_t mix = 0; mix < UNWRAP_MIXES; mix++)
		for (size_t i = 0; i < ROWS(payloads) * ROWS(paddings) * 2; i++) {
			shape = unwrap_mixes[mix].shape;
			shape.vlan = i & 1;
			shape.payload = payloads[i / 2 % ROWS(payloads)];
			frame_build(&f, &shape);
			frame_pad(&f, paddings[i / 2 / ROWS(payloads)]);
			unwrap_expect("mix", &f, unwrap_mixes[mix].reason);
		}
}

static void test_outer_options(void **state)
{
	struct frame_shape shape = { .outer = 4, .inner = 4, .payload = 8 };
	struct frame f;

	(void)state;
	for (uint8_t words = 1; words <= 10; words++) {
		shape.outer_option_words = words;
		frame_build(&f, &shape);
		unwrap_expect("IPv4 options", &f, LB_UNWRAP_DECAP_4IN4);
		f.bytes[f.l3 + 20 + 4 * words - 1] ^= 0x10;
		unwrap_expect("checksum over options", &f, LB_UNWRAP_OUTER_MALFORMED);
	}
	for (size_t mix = 0; mix < UNWRAP_MIXES; mix++) {
		shape = unwrap_mixes[mix].shape;
		if (shape.outer != 6)
			continue;
		shape.outer_option_words = 2;
		frame_build(&f, &shape);
		unwrap_expect("tunnel encapsulation limit", &f, unwrap_mixes[mix].reason);
	}
}

/* RFC 6946, outside and inside: whole packets, reserved bits and all. */
static void test_atomic_fragments(void **state)
{
	static const uint8_t headers[][8] = {
		{ 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 0, 0xff, 0, 6, 1, 2, 3, 4 },
	};
	struct frame_shape shape;
	struct frame f;

	(void)state;
	for (size_t i = 0; i < ROWS(headers); i++) {
		for (size_t mix = 0; mix < UNWRAP_MIXES; mix++) {
			shape = unwrap_mixes[mix].shape;
			if (shape.outer != 6)
				continue;
			shape.outer_option_words = 2;
			frame_build(&f, &shape);
			memcpy(f.bytes + f.l3 + 41, &headers[i][1], 7);
			frame_outer6(&f)->nexthdr = IPPROTO_FRAGMENT;
			unwrap_expect("atomic fragment outside", &f, unwrap_mixes[mix].reason);
		}
		for (size_t mix = 1; mix < UNWRAP_MIXES; mix += 2) {
			frame_build(&f, &unwrap_mixes[mix].shape);
			frame_inner6(&f)->nexthdr = IPPROTO_FRAGMENT;
			memcpy(frame_inner6(&f) + 1, headers[i], 8);
			*(uint8_t *)(frame_inner6(&f) + 1) = IPPROTO_TCP;
			unwrap_expect("atomic fragment inside", &f, unwrap_mixes[mix].reason);
		}
	}
}

/* More than a page: the program must have been loaded for frames of several buffers. */
static void test_jumbo(void **state)
{
	static const uint32_t paddings[] = { 0, 4, 200 };
	struct frame_shape shape;
	struct frame f;

	(void)state;
	for (size_t i = 0; i < UNWRAP_MIXES * ROWS(paddings); i++) {
		shape = unwrap_mixes[i % UNWRAP_MIXES].shape;
		shape.vlan = true;
		shape.payload = 8800;
		frame_build(&f, &shape);
		frame_pad(&f, paddings[i / UNWRAP_MIXES]);
		unwrap_expect("jumbo", &f, unwrap_mixes[i % UNWRAP_MIXES].reason);
		f.len -= paddings[i / UNWRAP_MIXES] + 1;
		unwrap_expect("jumbo cut short", &f, LB_UNWRAP_OUTER_MALFORMED);
	}
}

/* Any L4 protocol goes to the VIP: ICMP errors too, and fragments of what a client sent. */
static void test_inner_anything(void **state)
{
	struct frame f;

	(void)state;
	for (int proto = 0; proto < 256; proto++) {
		frame_build(&f, &unwrap_mixes[0].shape);
		frame_inner4(&f)->protocol = proto;
		frame_inner4(&f)->frag_off = htons(proto & 1 ? 0x2000 : 0);
		unwrap_expect("inner protocol", &f, LB_UNWRAP_DECAP_4IN4);
		frame_build(&f, &unwrap_mixes[3].shape);
		frame_inner6(&f)->nexthdr = proto;
		unwrap_expect("inner protocol", &f, LB_UNWRAP_DECAP_6IN6);
	}
}

/* Private data behind the header is skipped; variant 1 has no header. */
static void test_gue_shapes(void **state)
{
	struct frame_shape shape;
	struct frame f;

	(void)state;
	for (size_t mix = G44; mix < UNWRAP_MIXES; mix++) {
		for (uint8_t words = 0; words < 32; words++) {
			shape = unwrap_mixes[mix].shape;
			shape.gue_words = words;
			shape.vlan = words & 1;
			shape.outer_option_words = shape.outer == 4 ? words % 11 : words % 2 * 2;
			frame_build(&f, &shape);
			frame_pad(&f, words);
			unwrap_expect("private data", &f, unwrap_mixes[mix].reason);
		}
		shape = unwrap_mixes[mix].shape;
		shape.tunnel = FRAME_GUE_DIRECT;
		frame_build(&f, &shape);
		unwrap_expect("variant 1", &f, unwrap_mixes[mix].reason);
	}
}

/* Another port takes effect at once; the former one is ordinary UDP again. */
static void test_gue_port(void **state)
{
	struct frame f;

	(void)state;
	frame_build(&f, &unwrap_mixes[G44].shape);
	unwrap_now.gue_port = 65535;
	assert_int_equal(state_store(&unwrap_program, &unwrap_now), 0);
	unwrap_expect("the former port", &f, LB_UNWRAP_NOT_TUNNEL);
	memset(f.bytes + f.udp + 2, 0xff, 2);
	unwrap_expect("the new port", &f, LB_UNWRAP_GUE_4IN4);
	unwrap_now.gue_port = FRAME_GUE_PORT;
	assert_int_equal(state_store(&unwrap_program, &unwrap_now), 0);
	unwrap_expect("the former port", &f, LB_UNWRAP_NOT_TUNNEL);
}

/* However short the frame, nothing is unwrapped that isn't all there. */
static void test_truncated(void **state)
{
	struct frame_shape shape;
	struct unwrap_verdict v = {};
	struct frame f, whole;

	(void)state;
	for (size_t i = 0; i < UNWRAP_MIXES * 2; i++) {
		shape = unwrap_mixes[i / 2].shape;
		shape.vlan = i & 1;
		shape.outer_option_words = 2;
		frame_build(&whole, &shape);
		for (uint32_t len = ETH_HLEN; len < whole.len; len++) {
			f = whole;
			f.len = len;
			unwrap_run(&f, &v);
			assert_false(unwrap_is_decap(v.reason));
			assert_int_equal(v.action, XDP_PASS);
			unwrap_frame_check(&v.out, &f);
		}
	}
}

static void test_sources(void **state)
{
	struct frame f;

	(void)state;
	unwrap_filter_sources(true);
	for (size_t mix = 0; mix < UNWRAP_MIXES; mix++) {
		frame_build(&f, &unwrap_mixes[mix].shape);
		unwrap_expect("listed source", &f, unwrap_mixes[mix].reason);
		if (f.outer_version == 4)
			frame_address(&frame_outer4(&f)->saddr, "10.0.0.6");
		else
			frame_address(&frame_outer6(&f)->saddr, "2001:db8:0:1::5");
		frame_sum_outer(&f);
		unwrap_expect("unlisted source", &f, LB_UNWRAP_SOURCE);
	}
	frame_build(&f, &unwrap_mixes[M66].shape);
	frame_address(&frame_outer6(&f)->saddr, "2001:db8::ffff:1");
	unwrap_expect("source within a prefix", &f, LB_UNWRAP_DECAP_6IN6);
	unwrap_filter_sources(false);
	frame_address(&frame_outer6(&f)->saddr, "2001:db8:0:1::5");
	unwrap_expect("no filter", &f, LB_UNWRAP_DECAP_6IN6);
}

static uint8_t ecn_inner(const struct frame *f, uint8_t version)
{
	return version == 4 ? f->bytes[f->l3 + 1] & 3 : f->bytes[f->l3 + 1] >> 4 & 3;
}

static void ecn_set(struct frame *f, uint8_t outer, uint8_t inner)
{
	if (f->outer_version == 4)
		frame_outer4(f)->tos = 0xb8 | outer;
	else
		frame_outer6(f)->flow_lbl[0] = (uint8_t)(outer << 4);
	if (f->inner_version == 4) {
		frame_inner4(f)->tos = 0x48 | inner;
		frame_inner4(f)->check = 0;
		frame_inner4(f)->check = frame_sum(frame_inner4(f), 20);
	} else {
		frame_inner6(f)->flow_lbl[0] = (uint8_t)(inner << 4 | 0x0a);
	}
	frame_sum_outer(f);
}

/* RFC 6040 figure 4: rows are the inner mark, columns the outer; 4 is drop. */
static void test_ecn(void **state)
{
	static const uint8_t want[4][4] = {
		{ 0, 0, 0, 4 },
		{ 1, 1, 1, 3 },
		{ 2, 2, 2, 3 },
		{ 3, 3, 3, 3 },
	};
	struct unwrap_verdict v = {};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < UNWRAP_MIXES * 16; i++) {
		uint8_t inner = i / 4 % 4, outer = i % 4;

		frame_build(&f, &unwrap_mixes[i / 16].shape);
		ecn_set(&f, outer, inner);
		unwrap_run(&f, &v);
		if (want[inner][outer] == 4) {
			assert_int_equal(v.reason, LB_UNWRAP_DROP_CE);
			assert_int_equal(v.action, XDP_DROP);
			continue;
		}
		assert_int_equal(v.reason, unwrap_mixes[i / 16].reason);
		v.out.l3 = f.l3;
		assert_int_equal(ecn_inner(&v.out, f.inner_version), want[inner][outer]);
		if (f.inner_version == 4)
			assert_int_equal(frame_sum(v.out.bytes + f.l3, 20), 0);
	}
}

static void test_per_vip_counts(void **state)
{
	struct lb_unwrap_vip before, after;
	struct lb_unwrap_addr vip;
	struct frame f;

	(void)state;
	assert_int_equal(address_parse(FRAME_VIP4, &vip), 0);
	assert_int_equal(state_read_vip(&unwrap_program, &vip, &before), 0);
	frame_build(&f, &unwrap_mixes[M46].shape);
	unwrap_expect("tunnel to the VIP", &f, LB_UNWRAP_DECAP_4IN6);
	frame_build(&f, &unwrap_mixes[M44].shape);
	frame_outer4(&f)->protocol = IPPROTO_GRE;
	frame_address(&frame_outer4(&f)->daddr, FRAME_VIP4);
	unwrap_expect("direct to the VIP", &f, LB_UNWRAP_DIRECT);
	assert_int_equal(state_read_vip(&unwrap_program, &vip, &after), 0);
	assert_int_equal(after.tunnel.pkts - before.tunnel.pkts, 1);
	assert_int_equal(after.direct.pkts - before.direct.pkts, 1);
	assert_int_equal(after.direct.bytes - before.direct.bytes, f.len);
}

/* Nothing random may be lengthened, or changed without being unwrapped. */
static void test_random_bytes(void **state)
{
	struct unwrap_verdict v = {};
	struct frame f;

	(void)state;
	srandom(20140);
	for (int i = 0; i < RANDOM_FRAMES; i++) {
		struct frame_shape shape = unwrap_mixes[i % UNWRAP_MIXES].shape;
		int flips = 1 + (int)(random() % 6);

		shape.vlan = random() & 1;
		shape.outer_option_words = random() & 1 ? 2 : 0;
		frame_build(&f, &shape);
		while (flips--)
			f.bytes[12 + random() % (f.len - 12)] = (uint8_t)random();
		if (random() & 1 && frame_outer4(&f)->ihl * 4u <= f.len - f.l3)
			frame_sum_outer(&f);
		f.len = ETH_HLEN + random() % (f.len - ETH_HLEN + 1);
		unwrap_run(&f, &v);
		if (v.action == XDP_PASS && !unwrap_is_decap(v.reason))
			unwrap_frame_check(&v.out, &f);
		assert_true(v.out.len <= f.len);
	}
}

#define COMMON_TESTS                                                                               \
	cmocka_unit_test(test_mixes), cmocka_unit_test(test_outer_options),                        \
		cmocka_unit_test(test_atomic_fragments), cmocka_unit_test(test_inner_anything),    \
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_sources),                  \
		cmocka_unit_test(test_ecn), cmocka_unit_test(test_per_vip_counts),                 \
		cmocka_unit_test(test_random_bytes), cmocka_unit_test(test_gue_shapes),            \
		cmocka_unit_test(test_gue_port)

int main(void)
{
	const struct CMUnitTest plain[] = { COMMON_TESTS };
	const struct CMUnitTest frags[] = { COMMON_TESTS, cmocka_unit_test(test_jumbo) };
	int failed;

	if (geteuid() != 0) {
		puts("1..0 # SKIP loading BPF needs root");
		return 0;
	}
	failed = cmocka_run_group_tests(plain, unwrap_setup_plain, unwrap_teardown);
	return failed + cmocka_run_group_tests(frags, unwrap_setup_frags, unwrap_teardown);
}
