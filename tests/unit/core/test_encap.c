/* SPDX-License-Identifier: BSD-3-Clause */
/* The short ways to write a tunnel header write what the one for all packets writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/lb_encap.h"
#include "tests/unit/core/random_frame.h"

#define ROUNDS 2000000
#define FRAME_BYTES 128

/* A template of either family; its checksum is any, since none is checked here. */
static void template_make(struct lb_instance *instance, bool is_4)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(instance->header + sizeof(struct lb_eth));

	for (uint32_t i = 0; i < LB_HEADER_MAX; i += 2)
		lb_store16(instance->header + i, (uint16_t)random_u32());
	instance->header_len = sizeof(struct lb_eth) + (is_4 ? LB_TUNNEL4_LEN : LB_TUNNEL6_LEN);
	ip->total_len = 0;
	if (is_4)
		ip->proto = LB_IPPROTO_IPIP;
}

/* Every length meets every relation to the checksum, equality too. */
static void round_make(struct lb_instance *instance, struct lb_meta *meta, uint32_t round)
{
	bool is_4 = round % 2;

	template_make(instance, is_4);
	*meta = (struct lb_meta){
		.family = round % 3 ? 4 : 6,
		.l3_offset = sizeof(struct lb_eth),
		.l3_len = random_u32() % (65536 - LB_TUNNEL4_LEN),
	};
	if (is_4 && round % 5 == 0)
		((struct lb_ipv4 *)(instance->header + sizeof(struct lb_eth)))->csum =
			(uint16_t)(lb_cpu_to_be16((uint16_t)(meta->l3_len + LB_TUNNEL4_LEN)) +
				   (int)(random_u32() % 3) - 1);
}

static void short_ways_write_the_same(void **unused)
{
	uint8_t all[FRAME_BYTES] = { 0 }, plain[FRAME_BYTES] = { 0 }, by44[FRAME_BYTES] = { 0 };
	struct lb_instance instance;
	uint32_t rounds44 = 0;
	struct lb_meta meta;

	(void)unused;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t spread = random_u32();

		round_make(&instance, &meta, round);
		assert_true(lb_write_tunnel(all, all + FRAME_BYTES, &instance, &meta, spread));
		lb_write_tunnel_plain(plain, &instance, meta.l3_len, meta.family, spread);
		assert_memory_equal(all, plain, FRAME_BYTES);
		if (meta.family != 4 || lb_tunnel_len(&instance) != LB_TUNNEL4_LEN)
			continue;
		memcpy(by44, plain, FRAME_BYTES);
		memset(by44, 0, instance.header_len);
		lb_write_tunnel44(by44, &instance, meta.l3_len);
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
