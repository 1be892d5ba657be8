/* SPDX-License-Identifier: BSD-3-Clause */
/* The short ways to write a tunnel header write what the one for all packets writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_encap.h"
#include "tests/support/random_frame.h"

#define ROUNDS 2000000
#define FRAME_BYTES 128

/* A template of either family, with or without sources that vary. */
static void template_make(struct lb_instance *instance, bool is_4)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(instance->header + sizeof(struct lb_eth));

	for (uint32_t i = 0; i < LB_HEADER_MAX; i += 2)
		lb_store16(instance->header + i, (uint16_t)random_u32());
	instance->header_len = sizeof(struct lb_eth) + (is_4 ? LB_TUNNEL4_LEN : LB_TUNNEL6_LEN);
	ip->tos = 0;
	ip->total_len = 0;
	instance->source_mask = 0;
	if (!is_4)
		return;
	ip->proto = LB_IPPROTO_IPIP;
	if (random_u32() % 2)
		instance->source_mask = lb_cpu_to_be32((1u << random_u32() % 25) - 1);
	ip->src &= ~instance->source_mask;
	ip->csum = 0;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
}

/* Every length meets every relation to the checksum, equality too: then the template is no whole one. */
static bool round_make(struct lb_instance *instance, struct lb_meta *meta, uint32_t round)
{
	bool is_4 = round % 2;

	template_make(instance, is_4);
	*meta = (struct lb_meta){
		.family = round % 3 ? 4 : 6,
		.l3_offset = sizeof(struct lb_eth),
		.l3_len = random_u32() % (65536 - LB_TUNNEL4_LEN),
	};
	if (!is_4 || round % 5)
		return is_4;
	((struct lb_ipv4 *)(instance->header + sizeof(struct lb_eth)))->csum =
		(uint16_t)(lb_cpu_to_be16((uint16_t)(meta->l3_len + LB_TUNNEL4_LEN)) +
			   (int)(random_u32() % 3) - 1);
	return false;
}

/* The inner header, of which version and TOS or traffic class are looked at. Return: the latter. */
static uint8_t inner_make(uint8_t *ip, uint8_t family)
{
	uint8_t tos = (uint8_t)random_u32();

	if (family == 4) {
		ip[0] = 0x45;
		ip[1] = tos;
		return tos;
	}
	lb_store32(ip, lb_cpu_to_be32(6u << 28 | (uint32_t)tos << 20 | (random_u32() & 0xfffff)));
	return tos;
}

/* DSCP and ECN as inside (RFC 2983, RFC 6040), the source as the flow wants it, and a right checksum. */
static void outer4_check(const uint8_t *frame, const struct lb_instance *instance, uint8_t tos,
			 uint64_t spread)
{
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)(frame + sizeof(struct lb_eth));
	const struct lb_ipv4 *of =
		(const struct lb_ipv4 *)(instance->header + sizeof(struct lb_eth));

	assert_int_equal(ip->tos, tos);
	assert_int_equal(ip->src & ~instance->source_mask, of->src);
	assert_int_equal(ip->src & instance->source_mask, (uint32_t)spread & instance->source_mask);
	assert_int_equal(ip->dst, of->dst);
	assert_int_equal(lb_csum_fold(lb_csum_ipv4_sum(ip)), 0xffff);
}

static void outer6_check(const uint8_t *frame, uint8_t tos, uint64_t spread)
{
	const struct lb_ipv6 *ip = (const struct lb_ipv6 *)(frame + sizeof(struct lb_eth));

	assert_int_equal(lb_be32_to_cpu(ip->ver_tc_flow),
			 6u << 28 | (uint32_t)tos << 20 | ((uint32_t)spread & 0xfffff));
}

static void short_ways_write_the_same(void **unused)
{
	uint8_t all[FRAME_BYTES] = { 0 }, plain[FRAME_BYTES] = { 0 }, by44[FRAME_BYTES] = { 0 };
	struct lb_instance instance;
	uint32_t rounds44 = 0;
	struct lb_meta meta;

	(void)unused;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t spread = (uint64_t)random_u32() << 32 | random_u32();
		bool is_whole4 = round_make(&instance, &meta, round);
		uint8_t *inner = all + sizeof(struct lb_eth) + lb_tunnel_len(&instance);
		uint8_t tos = inner_make(inner, meta.family);

		memcpy(plain, all, FRAME_BYTES);
		assert_true(lb_write_tunnel(all, all + FRAME_BYTES, &instance, &meta, spread));
		if (is_whole4)
			outer4_check(all, &instance, tos, spread);
		else if (lb_tunnel_len(&instance) == LB_TUNNEL6_LEN)
			outer6_check(all, tos, spread);
		lb_write_tunnel_plain(plain, &instance, meta.l3_len, meta.family, spread);
		assert_memory_equal(all, plain, FRAME_BYTES);
		if (meta.family != 4 || lb_tunnel_len(&instance) != LB_TUNNEL4_LEN)
			continue;
		memcpy(by44, plain, FRAME_BYTES);
		memset(by44, 0, instance.header_len);
		lb_write_tunnel44(by44, &instance, meta.l3_len, spread);
		assert_memory_equal(all, by44, FRAME_BYTES);
		rounds44++;
	}
	assert_in_range(rounds44, ROUNDS / 4, ROUNDS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_ways_write_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
