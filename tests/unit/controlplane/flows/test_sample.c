/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has most flows: by a sample of known error, or of small tables exactly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/flows/sample.h"

#define BIG 60000u /* buckets of each of two regions, filled to three of five slots */
#define HEAVY 0x010200c0u
#define HALF_AS_HEAVY 0x020200c0u
#define SERVICE 7

static struct {
	struct lb_service_table table;
	struct lb_service slot[2];
} services = { .table = { .mask = 1 } };

static struct lb_instance instances[1];
static struct sample sample;

static struct flows_view view_make(struct lb_bucket *buckets, uint32_t n)
{
	struct flows_view view = { .services = &services.table,
				   .instances = { instances, 1 },
				   .now = 1000,
				   .n_regions = 2,
				   .region = { { buckets, n, 0 }, { buckets + n, n, 1 } } };

	services.slot[1] = (struct lb_service){ .family = 4, .port = 80, .id = SERVICE };
	view.timeouts.ticks[LB_FLOW_ESTABLISHED] = 900;
	return view;
}

/* A tenth of the flows is of one client, a twentieth of another one; a tenth is of IPv6. */
static uint64_t key_of(uint64_t n)
{
	uint64_t random = lb_hash_mix(n + 1);
	uint32_t client = (uint32_t)random;

	if (random % 20 < 2)
		client = HEAVY;
	else if (random % 20 == 2)
		client = HALF_AS_HEAVY;
	else if (random % 20 < 5)
		return 0xfff0ULL << 48 | (random >> 16) | 1;
	return lb_flow_key4(client, (lb_be16)n, SERVICE);
}

static struct lb_bucket *buckets_make(uint32_t n, uint32_t slots)
{
	struct lb_bucket *buckets = aligned_alloc(64, n * sizeof(*buckets));

	memset(buckets, 0, n * sizeof(*buckets));
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t slot = 0; slot < slots; slot++)
			lb_bucket_put(&buckets[i], slot, key_of(i * 5 + slot), 0, 900,
				      LB_FLOW_ESTABLISHED);
	return buckets;
}

static void run(const struct flows_view *view, uint64_t seed)
{
	uint32_t steps = 0;

	sample = (struct sample){ .random = seed };
	while (!sample_step(&sample, view, 512))
		assert_true(++steps < 10000);
	sample_end(&sample);
}

static void expect_share(uint32_t i, lb_be32 client, double share)
{
	double found = (double)sample.top[i].flows / sample.n;

	assert_int_equal(sample.top[i].address, client);
	/* the stated error, and as much again */
	assert_true(fabs(found - share) < 2 * sample_error(&sample, &sample.top[i]));
	assert_true(sample_error(&sample, &sample.top[i]) < 0.008);
}

static void test_big_tables(void **state)
{
	struct lb_bucket *buckets = buckets_make(2 * BIG, 3);
	struct flows_view view = view_make(buckets, BIG);
	uint32_t within = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		run(&view, seed);
		assert_false(sample.is_whole);
		assert_in_range(sample.n, SAMPLE_FLOWS, SAMPLE_FLOWS + LB_BUCKET_SLOTS);
		expect_share(0, HEAVY, 0.1);
		expect_share(1, HALF_AS_HEAVY, 0.05);
		assert_true(sample.top[2].flows <= sample.top[1].flows);
		assert_in_range(sample.n - sample.n_four, sample.n / 12, sample.n / 8);
		within += fabs((double)sample.top[0].flows / sample.n - 0.1) <
			  sample_error(&sample, &sample.top[0]);
	}
	/* 95 of 100; these seeds are always the same */
	assert_true(within >= 17);
	free(buckets);
}

static void test_small_tables_are_read_as_a_whole(void **state)
{
	struct lb_bucket *buckets = buckets_make(200, 5);
	struct flows_view view = view_make(buckets, 100);
	uint32_t heavy = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		heavy += (uint32_t)key_of(i / 5 * 5 + i % 5) == HEAVY &&
			 key_of(i / 5 * 5 + i % 5) >> 48 == SERVICE;
	run(&view, 3);
	assert_true(sample.is_whole);
	assert_int_equal(sample.n, 1000);
	assert_int_equal(sample.buckets, 200);
	assert_int_equal(sample.top[0].address, HEAVY);
	assert_int_equal(sample.top[0].flows, heavy);
	assert_true(sample_error(&sample, &sample.top[0]) == 0);
	free(buckets);
}

static void test_empty_tables(void **state)
{
	struct lb_bucket *buckets = buckets_make(2 * BIG, 0);
	struct flows_view view = view_make(buckets, BIG);

	(void)state;
	run(&view, 3);
	assert_int_equal(sample.n, 0);
	assert_int_equal(sample.n_clients, 0);
	free(buckets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_big_tables),
		cmocka_unit_test(test_small_tables_are_read_as_a_whole),
		cmocka_unit_test(test_empty_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
