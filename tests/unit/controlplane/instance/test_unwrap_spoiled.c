/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames with one thing wrong or unusual in them: each row says which reason counts it. */
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

#include "tests/unit/controlplane/instance/unwrap.h"

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
		shape = unwrap_mixes[spoils[i].mix].shape;
		shape.vlan = spoils[i].vlan;
		frame_build(&f, &shape);
		spoils[i].how(&f);
		if (!spoils[i].keep_sum)
			frame_sum_outer(&f);
		unwrap_expect(spoils[i].name, &f, spoils[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_spoiled) };
	int failed;

	if (geteuid() != 0) {
		puts("1..0 # SKIP loading BPF needs root");
		return 0;
	}
	failed = cmocka_run_group_tests(tests, unwrap_setup_plain, unwrap_teardown);
	return failed + cmocka_run_group_tests(tests, unwrap_setup_frags, unwrap_teardown);
}
