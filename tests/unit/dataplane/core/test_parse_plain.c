/* SPDX-License-Identifier: BSD-3-Clause */
/* The short cuts for plain packets say nothing else than the whole parser; and what all stand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_parse_plain.h"
#include "tests/support/random_frame.h"

#define FRAME_BYTES 80
#define ROUNDS 2000000

static const uint8_t mac[LB_ETH_ALEN] = { 0x02, 0xed, 0x9e, 0, 0, 1 };
static void ipv4_write(struct lb_ipv4 *ip)
{
	*ip = (struct lb_ipv4){
		.version_ihl = 0x45,
		.total_len = lb_cpu_to_be16((uint16_t)(40 + random_below(27))),
		.id = (lb_be16)random_below(65536),
		.frag = LB_BE16(LB_IPV4_DF),
		.ttl = (uint8_t)(1 + random_below(255)),
		.proto = LB_IPPROTO_TCP,
		.src = random_below(UINT32_MAX),
		.dst = random_below(UINT32_MAX),
	};
}

static void ipv6_write(struct lb_ipv6 *ip)
{
	*ip = (struct lb_ipv6){
		.ver_tc_flow = lb_cpu_to_be32(0x60000000 | random_below(1u << 20)),
		.payload_len = lb_cpu_to_be16((uint16_t)(20 + random_below(7))),
		.next = LB_IPPROTO_TCP,
		.hop_limit = (uint8_t)(1 + random_below(255)),
		.src = { (uint8_t)random_below(256), [15] = (uint8_t)random_below(4) },
		.dst = { 0x20, [15] = 1 },
	};
}

static void frame_write(uint8_t *frame, uint32_t family)
{
	struct lb_eth *eth = (struct lb_eth *)frame;
	uint8_t *ip = (uint8_t *)(eth + 1);
	struct lb_tcp *tcp;

	memset(frame, 0, FRAME_BYTES);
	memcpy(eth->dst, mac, sizeof(mac));
	eth->type = family == 4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6);
	if (family == 4)
		ipv4_write((struct lb_ipv4 *)ip);
	else
		ipv6_write((struct lb_ipv6 *)ip);
	tcp = (struct lb_tcp *)(ip +
				(family == 4 ? sizeof(struct lb_ipv4) : sizeof(struct lb_ipv6)));
	*tcp = (struct lb_tcp){
		.sport = (lb_be16)random_below(65536),
		.dport = LB_BE16(443),
		.doff = 0x50,
		.flags = (uint8_t)random_below(64),
	};
	if (family == 4)
		random_frame_csum(frame);
}

/* Spoil up to three bytes; half of the time the checksum covers it up. */
static void frame_spoil(uint8_t *frame, uint32_t family)
{
	for (uint32_t n = random_below(4); n > 0; n--)
		frame[random_below(family == 4 ? 54 : 74)] =
			(uint8_t)(random_below(4) ? 1u << random_below(8) : random_below(256));
	if (family == 4 && random_below(2))
		random_frame_csum(frame);
}

struct counts {
	uint32_t plain, flows;
};

/* Not inlined: the compiler would warn of reads that are behind a known end, but not made. */
static __attribute__((noinline)) void compare(const struct lb_frame *frame, struct counts *counts)
{
	struct lb_meta whole, quick;

	memset(&whole, 0, sizeof(whole));
	memset(&quick, 0, sizeof(quick));
	lb_parse(frame, lb_mac_load(mac), &whole);
	counts->flows += whole.class == LB_CLASS_FLOW;
	if (lb_parse_tcp4(frame, lb_mac_load(mac)))
		lb_tcp4_meta(frame->data, &quick);
	else if (lb_parse_tcp6(frame, lb_mac_load(mac)))
		lb_tcp6_meta(frame->data, &quick);
	else
		return;
	counts->plain++;
	assert_memory_equal(&whole, &quick, sizeof(whole));
}

static void the_short_cut_agrees(uint32_t family)
{
	struct counts counts = { 0 };
	uint8_t bytes[FRAME_BYTES];

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t cut = random_below(8) ? 0 : random_below(FRAME_BYTES);
		struct lb_frame frame = { bytes, bytes + FRAME_BYTES - cut, FRAME_BYTES - cut };

		frame_write(bytes, family);
		frame_spoil(bytes, family);
		if (random_below(8) == 0) /* another segment follows */
			frame.len += random_below(100);
		compare(&frame, &counts);
	}
	assert_in_range(counts.plain, ROUNDS / 20, counts.flows);
	/* UDP, options and extension headers: not many */
	assert_in_range(counts.flows - counts.plain, 0, counts.flows / 5);
}

static void the_short_cut_agrees4(void **unused)
{
	(void)unused;
	the_short_cut_agrees(4);
}

static void the_short_cut_agrees6(void **unused)
{
	(void)unused;
	the_short_cut_agrees(6);
}

/* RFC 9293, and that clients send no SYN+ACK. */
static bool flags_are_bad(uint8_t flags)
{
	bool syn = flags & LB_TCP_SYN, fin = flags & LB_TCP_FIN, rst = flags & LB_TCP_RST;
	bool ack = flags & LB_TCP_ACK;

	return syn + fin + rst > 1 || (!syn && !fin && !rst && !ack) || (syn && ack);
}

static void every_value_of_the_flags(void **unused)
{
	(void)unused;
	for (uint32_t flags = 0; flags < 256; flags++)
		assert_int_equal(lb_tcp_flags_are_bad((uint8_t)flags),
				 flags_are_bad((uint8_t)flags));
}

static void checksums_fold_correctly(void **unused)
{
	(void)unused;
	for (uint32_t i = 1; i < 1000000; i++) {
		uint64_t sum =
			i < 300000 ? i : (uint64_t)random_below(UINT32_MAX) << random_below(32);
		uint64_t near = sum / 0xffff * 0xffff;

		assert_int_equal(lb_csum_sum_is_right(sum | 1), lb_csum_fold(sum | 1) == 0xffff);
		assert_true(near == 0 || lb_csum_sum_is_right(near));
		assert_false(lb_csum_sum_is_right(near + 1));
	}
}

static void short_folds_are_folds(void **unused)
{
	(void)unused;
	for (uint32_t sum = 0; sum < 1u << 24; sum++)
		if (lb_csum_fold_short(sum) != lb_csum_fold(sum))
			fail_msg("sum 0x%x", sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_short_cut_agrees4),
		cmocka_unit_test(the_short_cut_agrees6),
		cmocka_unit_test(every_value_of_the_flags),
		cmocka_unit_test(checksums_fold_correctly),
		cmocka_unit_test(short_folds_are_folds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
