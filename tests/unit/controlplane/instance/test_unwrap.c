/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The instance's BPF program, run by the kernel (BPF_PROG_TEST_RUN) on frames made here: each row
 * says which reason is counted; what isn't unwrapped must come out as it went in. Needs root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "controlplane/instance/address.h"
#include "controlplane/instance/program.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/state.h"
#include "tests/unit/controlplane/instance/frame.h"

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))
#define RANDOM_FRAMES 20000

struct verdict {
	uint32_t action;
	int reason;
	struct frame out;
};

static struct program program;
static struct lb_unwrap_state now;

static void map_vip(const char *text)
{
	struct lb_unwrap_addr addr;

	assert_int_equal(address_parse(text, &addr), 0);
	assert_int_equal(state_map_vip(&program, &addr), 0);
}

static void map_source(const char *text)
{
	struct lb_unwrap_prefix prefix;

	memset(&prefix, 0, sizeof(prefix));
	assert_int_equal(address_parse_prefix(text, &prefix), 0);
	assert_int_equal(state_map_source(&program, &prefix), 0);
}

static void filter_sources(bool on)
{
	now.filter_sources = on;
	assert_int_equal(state_store(&program, &now), 0);
}

static int setup(bool frags)
{
	report_capture_libbpf();
	/* Alone with lo and no routes, so that no address of the machine plays in. */
	if (unshare(CLONE_NEWNET) || program_load(&program, NULL, frags))
		return -1;
	state_init(&now);
	filter_sources(false);
	map_vip(FRAME_VIP4);
	map_vip(FRAME_VIP6);
	map_source(FRAME_BALANCER4);
	map_source("2001:db8::/64");
	return 0;
}

static int setup_plain(void **state)
{
	(void)state;
	return setup(false);
}

static int setup_frags(void **state)
{
	(void)state;
	return setup(true);
}

static int teardown(void **state)
{
	(void)state;
	program_close(&program);
	return 0;
}

static void read_counts(struct lb_unwrap_count *counts)
{
	for (int i = 0; i < LB_UNWRAP_REASON_COUNT; i++)
		assert_int_equal(state_read_count(&program, i, &counts[i]), 0);
}

/* Send @f through the program; exactly one reason must have counted it, with its length. */
static void run(const struct frame *f, struct verdict *v)
{
	struct lb_unwrap_count before[LB_UNWRAP_REASON_COUNT];
	struct lb_unwrap_count after[LB_UNWRAP_REASON_COUNT];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
		    .data_out = v->out.bytes, .data_size_out = sizeof(v->out.bytes), .repeat = 1);

	read_counts(before);
	assert_int_equal(bpf_prog_test_run_opts(program.prog_fd, &opts), 0);
	read_counts(after);
	v->action = opts.retval;
	v->out.len = opts.data_size_out;
	v->reason = -1;
	for (int i = 0; i < LB_UNWRAP_REASON_COUNT; i++) {
		if (after[i].pkts == before[i].pkts)
			continue;
		assert_int_equal(v->reason, -1);
		assert_int_equal(after[i].pkts - before[i].pkts, 1);
		assert_int_equal(after[i].bytes - before[i].bytes, f->len);
		v->reason = i;
	}
	assert_int_not_equal(v->reason, -1);
}

static bool is_decap(int reason)
{
	return reason <= LB_UNWRAP_DECAP_6IN6 ||
	       (reason >= LB_UNWRAP_GUE_4IN4 && reason <= LB_UNWRAP_GUE_6IN6);
}

static void assert_frame(const struct frame *got, const struct frame *want)
{
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->bytes, want->bytes, want->len);
}

static void expect(const char *name, const struct frame *f, int reason)
{
	struct verdict v = {};
	struct frame want;

	run(f, &v);
	if (v.reason != reason)
		print_error("%s: reason %d, expected %d\n", name, v.reason, reason);
	assert_int_equal(v.reason, reason);
	assert_int_equal(v.action, reason == LB_UNWRAP_DROP_CE ? XDP_DROP : XDP_PASS);
	if (is_decap(reason))
		frame_unwrapped(f, &want);
	else
		want = *f;
	if (reason != LB_UNWRAP_DROP_CE)
		assert_frame(&v.out, &want);
}

static const struct {
	struct frame_shape shape;
	int reason;
} mixes[] = {
	{ { .outer = 4, .inner = 4, .payload = 40 }, LB_UNWRAP_DECAP_4IN4 },
	{ { .outer = 4, .inner = 6, .payload = 40 }, LB_UNWRAP_DECAP_6IN4 },
	{ { .outer = 6, .inner = 4, .payload = 40 }, LB_UNWRAP_DECAP_4IN6 },
	{ { .outer = 6, .inner = 6, .payload = 40 }, LB_UNWRAP_DECAP_6IN6 },
	{ { .outer = 4, .inner = 4, .tunnel = FRAME_GUE, .payload = 40 }, LB_UNWRAP_GUE_4IN4 },
	{ { .outer = 4, .inner = 6, .tunnel = FRAME_GUE, .payload = 40 }, LB_UNWRAP_GUE_6IN4 },
	{ { .outer = 6, .inner = 4, .tunnel = FRAME_GUE, .payload = 40 }, LB_UNWRAP_GUE_4IN6 },
	{ { .outer = 6, .inner = 6, .tunnel = FRAME_GUE, .payload = 40 }, LB_UNWRAP_GUE_6IN6 },
};

static void test_mixes(void **state)
{
	static const uint16_t payloads[] = { 0, 1, 20, 1000, 1440 };
	static const uint32_t paddings[] = { 0, 1, 26, 300 };
	struct frame_shape shape;
	struct frame f;

	(void)state;
	for (size_t mix = 0; mix < ROWS(mixes); mix++)
		for (size_t i = 0; i < ROWS(payloads) * ROWS(paddings) * 2; i++) {
			shape = mixes[mix].shape;
			shape.vlan = i & 1;
			shape.payload = payloads[i / 2 % ROWS(payloads)];
			frame_build(&f, &shape);
			frame_pad(&f, paddings[i / 2 / ROWS(payloads)]);
			expect("mix", &f, mixes[mix].reason);
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
		expect("IPv4 options", &f, LB_UNWRAP_DECAP_4IN4);
		f.bytes[f.l3 + 20 + 4 * words - 1] ^= 0x10;
		expect("checksum over options", &f, LB_UNWRAP_OUTER_MALFORMED);
	}
	for (size_t mix = 0; mix < ROWS(mixes); mix++) {
		shape = mixes[mix].shape;
		if (shape.outer != 6)
			continue;
		shape.outer_option_words = 2;
		frame_build(&f, &shape);
		expect("tunnel encapsulation limit", &f, mixes[mix].reason);
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
		for (size_t mix = 0; mix < ROWS(mixes); mix++) {
			shape = mixes[mix].shape;
			if (shape.outer != 6)
				continue;
			shape.outer_option_words = 2;
			frame_build(&f, &shape);
			memcpy(f.bytes + f.l3 + 41, &headers[i][1], 7);
			frame_outer6(&f)->nexthdr = IPPROTO_FRAGMENT;
			expect("atomic fragment outside", &f, mixes[mix].reason);
		}
		for (size_t mix = 1; mix < ROWS(mixes); mix += 2) {
			frame_build(&f, &mixes[mix].shape);
			frame_inner6(&f)->nexthdr = IPPROTO_FRAGMENT;
			memcpy(frame_inner6(&f) + 1, headers[i], 8);
			*(uint8_t *)(frame_inner6(&f) + 1) = IPPROTO_TCP;
			expect("atomic fragment inside", &f, mixes[mix].reason);
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
	for (size_t i = 0; i < ROWS(mixes) * ROWS(paddings); i++) {
		shape = mixes[i % ROWS(mixes)].shape;
		shape.vlan = true;
		shape.payload = 8800;
		frame_build(&f, &shape);
		frame_pad(&f, paddings[i / ROWS(mixes)]);
		expect("jumbo", &f, mixes[i % ROWS(mixes)].reason);
		f.len -= paddings[i / ROWS(mixes)] + 1;
		expect("jumbo cut short", &f, LB_UNWRAP_OUTER_MALFORMED);
	}
}

/* Any L4 protocol goes to the VIP: ICMP errors too, and fragments of what a client sent. */
static void test_inner_anything(void **state)
{
	struct frame f;

	(void)state;
	for (int proto = 0; proto < 256; proto++) {
		frame_build(&f, &mixes[0].shape);
		frame_inner4(&f)->protocol = proto;
		frame_inner4(&f)->frag_off = htons(proto & 1 ? 0x2000 : 0);
		expect("inner protocol", &f, LB_UNWRAP_DECAP_4IN4);
		frame_build(&f, &mixes[3].shape);
		frame_inner6(&f)->nexthdr = proto;
		expect("inner protocol", &f, LB_UNWRAP_DECAP_6IN6);
	}
}

static void o4_version(struct frame *f)
{
	frame_outer4(f)->version = 5;
}

static void o4_ihl_short(struct frame *f)
{
	frame_outer4(f)->ihl = 4;
}

static void o4_ihl_zero(struct frame *f)
{
	frame_outer4(f)->ihl = 0;
}

static void o4_ihl_beyond(struct frame *f)
{
	frame_outer4(f)->ihl = 15;
	frame_outer4(f)->tot_len = htons(59);
}

static void o4_len_zero(struct frame *f)
{
	frame_outer4(f)->tot_len = 0;
}

static void o4_len_beyond(struct frame *f)
{
	frame_outer4(f)->tot_len = htons(ntohs(frame_outer4(f)->tot_len) + 1);
}

static void o4_len_max(struct frame *f)
{
	frame_outer4(f)->tot_len = 0xffff;
}

static void o4_len_cuts_inner(struct frame *f)
{
	frame_outer4(f)->tot_len = htons(ntohs(frame_outer4(f)->tot_len) - 1);
}

static void o4_len_cuts_header(struct frame *f)
{
	frame_outer4(f)->tot_len = htons(20 + 19);
}

static void o4_len_no_inner(struct frame *f)
{
	frame_outer4(f)->tot_len = htons(20);
}

static void o4_first_fragment(struct frame *f)
{
	frame_outer4(f)->frag_off = htons(0x2000);
}

static void o4_last_fragment(struct frame *f)
{
	frame_outer4(f)->frag_off = htons(0x00b9);
}

static void o4_ttl_zero(struct frame *f)
{
	frame_outer4(f)->ttl = 0;
}

static void o4_to_vip(struct frame *f)
{
	frame_address(&frame_outer4(f)->daddr, FRAME_VIP4);
}

static void o4_multicast(struct frame *f)
{
	frame_address(&frame_outer4(f)->daddr, "224.0.0.18");
}

static void o4_broadcast(struct frame *f)
{
	frame_address(&frame_outer4(f)->daddr, "255.255.255.255");
}

static void o4_udp(struct frame *f)
{
	frame_outer4(f)->protocol = IPPROTO_UDP;
}

static void o4_gre_to_vip(struct frame *f)
{
	frame_outer4(f)->protocol = IPPROTO_GRE;
	frame_address(&frame_outer4(f)->daddr, FRAME_VIP4);
}

static void o4_proto_lies(struct frame *f)
{
	frame_outer4(f)->protocol = IPPROTO_IPV6;
}

static void i4_version(struct frame *f)
{
	frame_inner4(f)->version = 6;
}

static void i4_ihl_short(struct frame *f)
{
	frame_inner4(f)->ihl = 4;
}

static void i4_ihl_beyond(struct frame *f)
{
	frame_inner4(f)->ihl = 15;
	frame_inner4(f)->tot_len = htons(59);
}

static void i4_len_zero(struct frame *f)
{
	frame_inner4(f)->tot_len = 0;
}

static void i4_len_beyond(struct frame *f)
{
	frame_inner4(f)->tot_len = htons(ntohs(frame_inner4(f)->tot_len) + 1);
}

static void i4_len_shorter(struct frame *f)
{
	frame_inner4(f)->tot_len = htons(30);
}

static void i4_other(struct frame *f)
{
	frame_address(&frame_inner4(f)->daddr, FRAME_OTHER4);
}

static void i4_check(struct frame *f)
{
	frame_inner4(f)->check ^= 1;
}

static void o6_version(struct frame *f)
{
	frame_outer6(f)->version = 4;
}

static void o6_len_beyond(struct frame *f)
{
	frame_outer6(f)->payload_len = htons(ntohs(frame_outer6(f)->payload_len) + 1);
}

static void o6_len_cuts_inner(struct frame *f)
{
	frame_outer6(f)->payload_len = htons(ntohs(frame_outer6(f)->payload_len) - 1);
}

static void o6_len_zero(struct frame *f)
{
	frame_outer6(f)->payload_len = 0;
}

static void o6_to_vip(struct frame *f)
{
	frame_address(&frame_outer6(f)->daddr, FRAME_VIP6);
}

static void o6_multicast(struct frame *f)
{
	frame_address(&frame_outer6(f)->daddr, "ff02::12");
}

static void o6_tcp(struct frame *f)
{
	frame_outer6(f)->nexthdr = IPPROTO_TCP;
}

/* The payload then begins with what must read as an extension header before a tunnel payload. */
static void ext6(struct frame *f, uint8_t kind, const uint8_t *first4)
{
	frame_outer6(f)->nexthdr = kind;
	memcpy(f->bytes + f->l3 + 40, first4, 4);
}

static void o6_fragment(struct frame *f)
{
	ext6(f, IPPROTO_FRAGMENT, (const uint8_t[]){ IPPROTO_IPIP, 0, 0, 1 });
}

static void o6_later_fragment(struct frame *f)
{
	ext6(f, IPPROTO_FRAGMENT, (const uint8_t[]){ IPPROTO_IPIP, 0, 0, 8 });
}

static void o6_last_fragment(struct frame *f)
{
	ext6(f, IPPROTO_FRAGMENT, (const uint8_t[]){ IPPROTO_IPV6, 0, 1, 0 });
}

static void o6_hop_by_hop(struct frame *f)
{
	ext6(f, IPPROTO_HOPOPTS, (const uint8_t[]){ IPPROTO_IPIP, 0, 1, 4 });
}

static void o6_routing(struct frame *f)
{
	ext6(f, IPPROTO_ROUTING, (const uint8_t[]){ IPPROTO_IPV6, 0, 2, 1 });
}

static void o6_dest_other(struct frame *f)
{
	ext6(f, IPPROTO_DSTOPTS, (const uint8_t[]){ IPPROTO_IPIP, 0, 0xc2, 4 });
}

static void o6_dest_long(struct frame *f)
{
	ext6(f, IPPROTO_DSTOPTS, (const uint8_t[]){ IPPROTO_IPIP, 1, 4, 1 });
}

static void o6_dest_limit_odd(struct frame *f)
{
	ext6(f, IPPROTO_DSTOPTS, (const uint8_t[]){ IPPROTO_IPIP, 0, 4, 2 });
}

static void o6_dest_limit_no_room(struct frame *f)
{
	ext6(f, IPPROTO_DSTOPTS, (const uint8_t[]){ IPPROTO_IPIP, 0, 4, 1 });
	frame_outer6(f)->payload_len = htons(7);
}

static void o6_fragment_of_tcp(struct frame *f)
{
	ext6(f, IPPROTO_FRAGMENT, (const uint8_t[]){ IPPROTO_TCP, 0, 0, 1 });
}

static void i6_version(struct frame *f)
{
	frame_inner6(f)->version = 4;
}

static void i6_len_beyond(struct frame *f)
{
	frame_inner6(f)->payload_len = htons(ntohs(frame_inner6(f)->payload_len) + 1);
}

static void i6_len_shorter(struct frame *f)
{
	frame_inner6(f)->payload_len = htons(3);
}

static void i6_other(struct frame *f)
{
	frame_address(&frame_inner6(f)->daddr, FRAME_OTHER6);
}

/* The VIP's four bytes, as the first of an IPv6 address: the family tells them apart. */
static void i6_vip4_bytes(struct frame *f)
{
	memset(&frame_inner6(f)->daddr, 0, 16);
	frame_address(&frame_inner6(f)->daddr, FRAME_VIP4);
}

static void gue_port(struct frame *f)
{
	f->bytes[f->udp + 3]++;
}

static void gue_source_port(struct frame *f)
{
	memcpy(f->bytes + f->udp, (const uint8_t[]){ 0, 1 }, 2);
}

static void gue_checksum(struct frame *f)
{
	memcpy(f->bytes + f->udp + 6, (const uint8_t[]){ 0x12, 0x34 }, 2);
}

static void gue_len_zero(struct frame *f)
{
	memset(f->bytes + f->udp + 4, 0, 2);
}

static void gue_len_11(struct frame *f)
{
	memcpy(f->bytes + f->udp + 4, (const uint8_t[]){ 0, 11 }, 2);
}

static void gue_len_12(struct frame *f)
{
	memcpy(f->bytes + f->udp + 4, (const uint8_t[]){ 0, 12 }, 2);
}

static void gue_len_beyond(struct frame *f)
{
	f->bytes[f->udp + 5]++;
}

static void gue_len_shorter(struct frame *f)
{
	f->bytes[f->udp + 5]--;
}

static void gue_control(struct frame *f)
{
	f->bytes[f->udp + 8] |= 0x20;
}

static void gue_variant2(struct frame *f)
{
	f->bytes[f->udp + 8] |= 0x80;
}

static void gue_variant3(struct frame *f)
{
	f->bytes[f->udp + 8] |= 0xc0;
}

/* Variant 1, but neither IPv4 nor IPv6 in it. */
static void gue_variant1_version5(struct frame *f)
{
	f->bytes[f->udp + 8] = 0x55;
}

static void gue_flags(struct frame *f)
{
	f->bytes[f->udp + 10] = 0x80;
}

static void gue_flag_low(struct frame *f)
{
	f->bytes[f->udp + 11] = 1;
}

static void gue_tcp(struct frame *f)
{
	f->bytes[f->udp + 9] = IPPROTO_TCP;
}

static void gue_proto_zero(struct frame *f)
{
	f->bytes[f->udp + 9] = 0;
}

static void gue_proto_lies(struct frame *f)
{
	f->bytes[f->udp + 9] = IPPROTO_IPV6;
}

/* Options that reach beyond the packet, though not beyond 124 bytes. */
static void gue_hlen_beyond(struct frame *f)
{
	f->bytes[f->udp + 8] = 31;
}

/* Options where there are none: what follows them is no IP header. */
static void gue_hlen_lies(struct frame *f)
{
	f->bytes[f->udp + 8] = 1;
}

static void gue_to_vip_elsewhere(struct frame *f)
{
	f->bytes[f->udp + 3]++;
	frame_address(&frame_outer4(f)->daddr, FRAME_VIP4);
}

/* The tunnel packet is UDP, behind an extension header as long as UDP's own. */
static void o6_fragment_of_gue(struct frame *f)
{
	memmove(f->bytes + f->udp + 8, f->bytes + f->udp, f->len - f->udp);
	f->len += 8;
	frame_outer6(f)->payload_len = htons(ntohs(frame_outer6(f)->payload_len) + 8);
	ext6(f, IPPROTO_FRAGMENT, (const uint8_t[]){ IPPROTO_UDP, 0, 0, 1 });
}

/* What looks like ports is in the middle of something. */
static void o6_later_fragment_of_udp(struct frame *f)
{
	o6_fragment_of_gue(f);
	ext6(f, IPPROTO_FRAGMENT, (const uint8_t[]){ IPPROTO_UDP, 0, 0, 9 });
}

static void o6_gue_hop_by_hop(struct frame *f)
{
	o6_fragment_of_gue(f);
	ext6(f, IPPROTO_HOPOPTS, (const uint8_t[]){ IPPROTO_UDP, 0, 1, 4 });
}

static void l2_arp(struct frame *f)
{
	f->bytes[f->l3 - 1] = 0x06;
}

static void l2_two_tags(struct frame *f)
{
	f->bytes[16] = 0x81;
	f->bytes[17] = 0x00;
}

/* Indexes of mixes[]. */
enum { M44, M64, M46, M66, G44, G64, G46, G66 };

static const struct spoil {
	const char *name;
	int mix;
	void (*how)(struct frame *f);
	bool keep_sum; /* leave the outer checksum as it was */
	bool vlan;
	int reason;
} spoils[] = {
	{ "outer version 5", M44, o4_version, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer IHL 4", M44, o4_ihl_short, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer IHL 0", M44, o4_ihl_zero, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer IHL > length", M44, o4_ihl_beyond, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer length 0", M44, o4_len_zero, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer length + 1", M44, o4_len_beyond, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer length 65535", M64, o4_len_max, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer length - 1", M44, o4_len_cuts_inner, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "outer length - 1", M64, o4_len_cuts_inner, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "outer length 39", M44, o4_len_cuts_header, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "outer length 39", M64, o4_len_cuts_header, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "outer length 20", M44, o4_len_no_inner, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "outer checksum", M44, o4_ttl_zero, true, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer TTL 0", M44, o4_ttl_zero, false, false, LB_UNWRAP_DECAP_4IN4 },
	{ "first fragment", M44, o4_first_fragment, false, false, LB_UNWRAP_FRAGMENT },
	{ "last fragment", M64, o4_last_fragment, false, true, LB_UNWRAP_FRAGMENT },
	{ "outer to a VIP", M44, o4_to_vip, false, false, LB_UNWRAP_OUTER_VIP },
	{ "outer to multicast", M44, o4_multicast, false, false, LB_UNWRAP_NOT_LOCAL },
	{ "outer to broadcast", M44, o4_broadcast, false, false, LB_UNWRAP_NOT_LOCAL },
	{ "UDP", M44, o4_udp, false, false, LB_UNWRAP_NOT_TUNNEL },
	{ "GRE to a VIP", M44, o4_gre_to_vip, false, false, LB_UNWRAP_DIRECT },
	{ "protocol 41, inner 4", M44, o4_proto_lies, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "inner version 6", M44, i4_version, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "inner IHL 4", M44, i4_ihl_short, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "inner IHL > length", M46, i4_ihl_beyond, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "inner length 0", M44, i4_len_zero, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "inner length + 1", M44, i4_len_beyond, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "inner length + 1", M46, i4_len_beyond, false, true, LB_UNWRAP_INNER_MALFORMED },
	{ "inner shorter", M44, i4_len_shorter, false, false, LB_UNWRAP_DECAP_4IN4 },
	{ "inner to another", M44, i4_other, false, false, LB_UNWRAP_INNER_NOT_VIP },
	{ "inner checksum", M44, i4_check, false, false, LB_UNWRAP_DECAP_4IN4 },
	{ "outer version 4", M46, o6_version, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer length + 1", M66, o6_len_beyond, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "outer length - 1", M66, o6_len_cuts_inner, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "outer length - 1", M46, o6_len_cuts_inner, false, true, LB_UNWRAP_INNER_MALFORMED },
	{ "outer length 0", M66, o6_len_zero, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "outer to a VIP", M66, o6_to_vip, false, false, LB_UNWRAP_OUTER_VIP },
	{ "outer to multicast", M46, o6_multicast, false, false, LB_UNWRAP_NOT_LOCAL },
	{ "TCP", M66, o6_tcp, false, false, LB_UNWRAP_NOT_TUNNEL },
	{ "fragment header", M46, o6_fragment, false, false, LB_UNWRAP_FRAGMENT },
	{ "later fragment header", M46, o6_later_fragment, false, false, LB_UNWRAP_FRAGMENT },
	{ "last fragment header", M66, o6_last_fragment, false, true, LB_UNWRAP_FRAGMENT },
	{ "fragment of TCP", M46, o6_fragment_of_tcp, false, false, LB_UNWRAP_NOT_TUNNEL },
	{ "hop-by-hop", M46, o6_hop_by_hop, false, false, LB_UNWRAP_EXT_HEADER },
	{ "routing", M66, o6_routing, false, false, LB_UNWRAP_EXT_HEADER },
	{ "unknown dest option", M46, o6_dest_other, false, false, LB_UNWRAP_EXT_HEADER },
	{ "long dest options", M46, o6_dest_long, false, false, LB_UNWRAP_EXT_HEADER },
	{ "limit of two bytes", M46, o6_dest_limit_odd, false, false, LB_UNWRAP_EXT_HEADER },
	{ "limit, no room", M46, o6_dest_limit_no_room, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "inner version 4", M66, i6_version, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "inner length + 1", M64, i6_len_beyond, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "inner length + 1", M66, i6_len_beyond, false, true, LB_UNWRAP_INNER_MALFORMED },
	{ "inner shorter", M66, i6_len_shorter, false, true, LB_UNWRAP_DECAP_6IN6 },
	{ "inner to another", M64, i6_other, false, false, LB_UNWRAP_INNER_NOT_VIP },
	{ "IPv4 VIP's bytes", M66, i6_vip4_bytes, false, false, LB_UNWRAP_INNER_NOT_VIP },
	{ "other UDP port", G44, gue_port, false, false, LB_UNWRAP_NOT_TUNNEL },
	{ "other UDP port", G66, gue_port, false, true, LB_UNWRAP_NOT_TUNNEL },
	{ "other UDP port of a VIP", G44, gue_to_vip_elsewhere, false, false, LB_UNWRAP_DIRECT },
	{ "any source port", G44, gue_source_port, false, false, LB_UNWRAP_GUE_4IN4 },
	{ "UDP checksum", G64, gue_checksum, false, false, LB_UNWRAP_GUE_6IN4 },
	{ "UDP length 0", G44, gue_len_zero, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "UDP length 11", G66, gue_len_11, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "UDP length 12", G44, gue_len_12, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "UDP length + 1", G44, gue_len_beyond, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "UDP length + 1", G46, gue_len_beyond, false, true, LB_UNWRAP_OUTER_MALFORMED },
	{ "UDP length - 1", G44, gue_len_shorter, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "UDP length - 1", G66, gue_len_shorter, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "control message", G44, gue_control, false, false, LB_UNWRAP_GUE_HEADER },
	{ "variant 2", G46, gue_variant2, false, false, LB_UNWRAP_GUE_HEADER },
	{ "variant 3", G44, gue_variant3, false, false, LB_UNWRAP_GUE_HEADER },
	{ "variant 1, version 5", G44, gue_variant1_version5, false, false, LB_UNWRAP_GUE_HEADER },
	{ "flags", G44, gue_flags, false, false, LB_UNWRAP_GUE_HEADER },
	{ "the last flag", G66, gue_flag_low, false, false, LB_UNWRAP_GUE_HEADER },
	{ "TCP in GUE", G44, gue_tcp, false, false, LB_UNWRAP_GUE_HEADER },
	{ "protocol 0 in GUE", G64, gue_proto_zero, false, false, LB_UNWRAP_GUE_HEADER },
	{ "IPv4 as IPv6 in GUE", G44, gue_proto_lies, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "GUE options beyond", G44, gue_hlen_beyond, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "GUE options beyond", G66, gue_hlen_beyond, false, true, LB_UNWRAP_OUTER_MALFORMED },
	{ "no GUE options there", G44, gue_hlen_lies, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "GUE to a VIP", G44, o4_to_vip, false, false, LB_UNWRAP_OUTER_VIP },
	{ "GUE to a VIP", G66, o6_to_vip, false, false, LB_UNWRAP_OUTER_VIP },
	{ "GUE to multicast", G44, o4_multicast, false, false, LB_UNWRAP_NOT_LOCAL },
	{ "GUE to multicast", G46, o6_multicast, false, false, LB_UNWRAP_NOT_LOCAL },
	{ "GUE for another", G44, i4_other, false, false, LB_UNWRAP_INNER_NOT_VIP },
	{ "GUE for another", G66, i6_other, false, true, LB_UNWRAP_INNER_NOT_VIP },
	{ "GUE, first fragment", G44, o4_first_fragment, false, false, LB_UNWRAP_FRAGMENT },
	{ "GUE, last fragment", G44, o4_last_fragment, false, false, LB_UNWRAP_NOT_TUNNEL },
	{ "GUE, first fragment", G46, o6_fragment_of_gue, false, false, LB_UNWRAP_FRAGMENT },
	{ "UDP, later fragment", G66, o6_later_fragment_of_udp, false, true, LB_UNWRAP_NOT_TUNNEL },
	{ "GUE, hop-by-hop", G66, o6_gue_hop_by_hop, false, false, LB_UNWRAP_EXT_HEADER },
	{ "GUE, outer checksum", G44, o4_ttl_zero, true, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "GUE, outer version 5", G64, o4_version, false, false, LB_UNWRAP_OUTER_MALFORMED },
	{ "GUE, outer length - 1", G44, o4_len_cuts_inner, false, false,
	  LB_UNWRAP_OUTER_MALFORMED },
	{ "GUE, inner version", G66, i6_version, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "GUE, inner length + 1", G44, i4_len_beyond, false, false, LB_UNWRAP_INNER_MALFORMED },
	{ "GUE, inner shorter", G44, i4_len_shorter, false, false, LB_UNWRAP_GUE_4IN4 },
	{ "ARP", M44, l2_arp, false, false, LB_UNWRAP_NOT_TUNNEL },
	{ "two VLAN tags", M44, l2_two_tags, false, true, LB_UNWRAP_NOT_TUNNEL },
};

static void test_spoiled(void **state)
{
	struct frame_shape shape;
	struct frame f;

	(void)state;
	for (size_t i = 0; i < ROWS(spoils); i++) {
		shape = mixes[spoils[i].mix].shape;
		shape.vlan = spoils[i].vlan;
		frame_build(&f, &shape);
		spoils[i].how(&f);
		if (!spoils[i].keep_sum)
			frame_sum_outer(&f);
		expect(spoils[i].name, &f, spoils[i].reason);
	}
}

/* Private data behind the header is skipped; variant 1 has no header. */
static void test_gue_shapes(void **state)
{
	struct frame_shape shape;
	struct frame f;

	(void)state;
	for (size_t mix = G44; mix < ROWS(mixes); mix++) {
		for (uint8_t words = 0; words < 32; words++) {
			shape = mixes[mix].shape;
			shape.gue_words = words;
			shape.vlan = words & 1;
			shape.outer_option_words = shape.outer == 4 ? words % 11 : words % 2 * 2;
			frame_build(&f, &shape);
			frame_pad(&f, words);
			expect("private data", &f, mixes[mix].reason);
		}
		shape = mixes[mix].shape;
		shape.tunnel = FRAME_GUE_DIRECT;
		frame_build(&f, &shape);
		expect("variant 1", &f, mixes[mix].reason);
	}
}

/* Another port takes effect at once; the former one is ordinary UDP again. */
static void test_gue_port(void **state)
{
	struct frame f;

	(void)state;
	frame_build(&f, &mixes[G44].shape);
	now.gue_port = 65535;
	assert_int_equal(state_store(&program, &now), 0);
	expect("the former port", &f, LB_UNWRAP_NOT_TUNNEL);
	memset(f.bytes + f.udp + 2, 0xff, 2);
	expect("the new port", &f, LB_UNWRAP_GUE_4IN4);
	now.gue_port = FRAME_GUE_PORT;
	assert_int_equal(state_store(&program, &now), 0);
	expect("the former port", &f, LB_UNWRAP_NOT_TUNNEL);
}

/* However short the frame, nothing is unwrapped that isn't all there. */
static void test_truncated(void **state)
{
	struct frame_shape shape;
	struct verdict v = {};
	struct frame f, whole;

	(void)state;
	for (size_t i = 0; i < ROWS(mixes) * 2; i++) {
		shape = mixes[i / 2].shape;
		shape.vlan = i & 1;
		shape.outer_option_words = 2;
		frame_build(&whole, &shape);
		for (uint32_t len = ETH_HLEN; len < whole.len; len++) {
			f = whole;
			f.len = len;
			run(&f, &v);
			assert_false(is_decap(v.reason));
			assert_int_equal(v.action, XDP_PASS);
			assert_frame(&v.out, &f);
		}
	}
}

static void test_sources(void **state)
{
	struct frame f;

	(void)state;
	filter_sources(true);
	for (size_t mix = 0; mix < ROWS(mixes); mix++) {
		frame_build(&f, &mixes[mix].shape);
		expect("listed source", &f, mixes[mix].reason);
		if (f.outer_version == 4)
			frame_address(&frame_outer4(&f)->saddr, "10.0.0.6");
		else
			frame_address(&frame_outer6(&f)->saddr, "2001:db8:0:1::5");
		frame_sum_outer(&f);
		expect("unlisted source", &f, LB_UNWRAP_SOURCE);
	}
	frame_build(&f, &mixes[M66].shape);
	frame_address(&frame_outer6(&f)->saddr, "2001:db8::ffff:1");
	expect("source within a prefix", &f, LB_UNWRAP_DECAP_6IN6);
	filter_sources(false);
	frame_address(&frame_outer6(&f)->saddr, "2001:db8:0:1::5");
	expect("no filter", &f, LB_UNWRAP_DECAP_6IN6);
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
	struct verdict v = {};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < ROWS(mixes) * 16; i++) {
		uint8_t inner = i / 4 % 4, outer = i % 4;

		frame_build(&f, &mixes[i / 16].shape);
		ecn_set(&f, outer, inner);
		run(&f, &v);
		if (want[inner][outer] == 4) {
			assert_int_equal(v.reason, LB_UNWRAP_DROP_CE);
			assert_int_equal(v.action, XDP_DROP);
			continue;
		}
		assert_int_equal(v.reason, mixes[i / 16].reason);
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
	assert_int_equal(state_read_vip(&program, &vip, &before), 0);
	frame_build(&f, &mixes[M46].shape);
	expect("tunnel to the VIP", &f, LB_UNWRAP_DECAP_4IN6);
	frame_build(&f, &mixes[M44].shape);
	o4_gre_to_vip(&f);
	expect("direct to the VIP", &f, LB_UNWRAP_DIRECT);
	assert_int_equal(state_read_vip(&program, &vip, &after), 0);
	assert_int_equal(after.tunnel.pkts - before.tunnel.pkts, 1);
	assert_int_equal(after.direct.pkts - before.direct.pkts, 1);
	assert_int_equal(after.direct.bytes - before.direct.bytes, f.len);
}

/* Nothing random may be lengthened, or changed without being unwrapped. */
static void test_random_bytes(void **state)
{
	struct verdict v = {};
	struct frame f;

	(void)state;
	srandom(20140);
	for (int i = 0; i < RANDOM_FRAMES; i++) {
		struct frame_shape shape = mixes[i % ROWS(mixes)].shape;
		int flips = 1 + (int)(random() % 6);

		shape.vlan = random() & 1;
		shape.outer_option_words = random() & 1 ? 2 : 0;
		frame_build(&f, &shape);
		while (flips--)
			f.bytes[12 + random() % (f.len - 12)] = (uint8_t)random();
		if (random() & 1 && frame_outer4(&f)->ihl * 4u <= f.len - f.l3)
			frame_sum_outer(&f);
		f.len = ETH_HLEN + random() % (f.len - ETH_HLEN + 1);
		run(&f, &v);
		if (v.action == XDP_PASS && !is_decap(v.reason))
			assert_frame(&v.out, &f);
		assert_true(v.out.len <= f.len);
	}
}

#define COMMON_TESTS                                                                               \
	cmocka_unit_test(test_mixes), cmocka_unit_test(test_outer_options),                        \
		cmocka_unit_test(test_atomic_fragments), cmocka_unit_test(test_inner_anything),    \
		cmocka_unit_test(test_spoiled), cmocka_unit_test(test_truncated),                  \
		cmocka_unit_test(test_sources), cmocka_unit_test(test_ecn),                        \
		cmocka_unit_test(test_per_vip_counts), cmocka_unit_test(test_random_bytes),        \
		cmocka_unit_test(test_gue_shapes), cmocka_unit_test(test_gue_port)

int main(void)
{
	const struct CMUnitTest plain[] = { COMMON_TESTS };
	const struct CMUnitTest frags[] = { COMMON_TESTS, cmocka_unit_test(test_jumbo) };
	int failed;

	if (geteuid() != 0) {
		puts("1..0 # SKIP loading BPF needs root");
		return 0;
	}
	failed = cmocka_run_group_tests(plain, setup_plain, teardown);
	return failed + cmocka_run_group_tests(frags, setup_frags, teardown);
}
