/* SPDX-License-Identifier: BSD-3-Clause */
/* The table against the paper: balance, disruption, weights, time. Prints the figures. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "controlplane/model/maglev.h"
#include "controlplane/model/maglev_draw.h"
#include "dataplane/abi/lb_abi.h"

#define SLOTS LB_POOL_SLOTS_DEFAULT
#define MEMBERS_MAX 1001
#define POOLS 24 /* of every size, each with other names */
#define KNOWN_TABLE 0x52f5746690404126ULL
#define PLAIN_TABLES 300
#define PLAIN_REST 32

static struct lb_secret secret;

static struct maglev_member member_of(uint32_t pool, uint32_t i, uint32_t weight)
{
	char name[64];

	snprintf(name, sizeof(name), "pool-%u/web-%u", pool, i);
	return (struct maglev_member){
		.key = maglev_key(&secret, name),
		.weight = weight,
		.value = (uint16_t)i,
	};
}

/* Members 0 to @n of a pool, without @without. */
static void build(uint32_t pool, uint32_t n, uint32_t without, uint16_t *slots)
{
	static struct maglev_member members[MEMBERS_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		if (i != without)
			members[count++] = member_of(pool, i, 100);
	assert_int_equal(maglev_build(members, count, slots, SLOTS), 0);
}

static double busiest_over_mean(const uint16_t *slots, uint32_t n)
{
	static uint32_t count[MEMBERS_MAX];
	uint32_t most = 0;

	memset(count, 0, sizeof(count));
	for (uint32_t i = 0; i < SLOTS; i++)
		most = ++count[slots[i]] > most ? count[slots[i]] : most;
	return (double)most * n / SLOTS;
}

static double moved(const uint16_t *a, const uint16_t *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		n += a[i] != b[i];
	return (double)n / SLOTS;
}

/* The best of some runs: others use this machine too. */
static double build_ms(uint32_t n, uint16_t *slots)
{
	static struct maglev_member members[MEMBERS_MAX];
	double best = 1e9;

	for (uint32_t run = 0; run < 30; run++) {
		uint64_t begin_ns;
		double ms;

		for (uint32_t i = 0; i < n; i++)
			members[i] = member_of(run, i, 100);
		begin_ns = clock_now_ns();
		maglev_build(members, n, slots, SLOTS);
		ms = (double)(clock_now_ns() - begin_ns) / CLOCK_NS_PER_MS;
		best = ms < best ? ms : best;
	}
	return best;
}

static void test_balance_and_disruption(void **state)
{
	static const uint32_t sizes[] = { 3, 10, 100, 1000 };
	static uint16_t whole[SLOTS], less[SLOTS];

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint32_t n = sizes[s];
		double busiest = 0, removed = 0, added = 0;

		for (uint32_t pool = 0; pool < POOLS; pool++) {
			double over, gone, come;

			build(pool, n, UINT32_MAX, whole);
			over = busiest_over_mean(whole, n);
			build(pool, n, pool * 7 % n, less);
			gone = moved(whole, less) - 1.0 / n;
			build(pool, n + 1, UINT32_MAX, less);
			come = moved(whole, less) - 1.0 / (n + 1);
			busiest = over > busiest ? over : busiest;
			removed = gone > removed ? gone : removed;
			added = come > added ? come : added;
		}
		print_message("# N=%u, %u slots, %u pools: busiest %.4f of the mean; beyond 1/N, "
			      "removing one moves %.3f %%, adding one %.3f %%; built in %.2f ms\n",
			      n, SLOTS, POOLS, busiest, removed * 100, added * 100,
			      build_ms(n, whole));
		assert_true(busiest <= 1.01);
		assert_true(removed <= 0.007);
		assert_true(added <= 0.007);
	}
}

/* A member's share follows its weight, to 1 % or to a slot where a slot is more. */
static void check_weights(const uint32_t *weights, uint32_t n)
{
	static struct maglev_member members[MEMBERS_MAX];
	static uint32_t count[MEMBERS_MAX];
	static uint16_t slots[SLOTS];
	uint64_t sum = 0;

	memset(count, 0, sizeof(count));
	for (uint32_t i = 0; i < n; i++) {
		members[i] = member_of(0, i, weights[i]);
		sum += weights[i];
	}
	assert_int_equal(maglev_build(members, n, slots, SLOTS), 0);
	for (uint32_t i = 0; i < SLOTS; i++)
		count[slots[i]]++;
	for (uint32_t i = 0; i < n; i++) {
		double want = (double)SLOTS * weights[i] / (double)sum;
		double off = (double)count[i] - want;
		double allowed = want * 0.01 > 1 ? want * 0.01 : 1;

		assert_true(off <= allowed && off >= -allowed);
	}
}

static void test_weights(void **state)
{
	static const uint32_t uneven[] = { 1, 2, 3, 50, 100, 1000 };
	static const uint32_t single[] = { 7 };
	uint32_t many[300];

	(void)state;
	for (uint32_t i = 0; i < 300; i++)
		many[i] = 1 + i * i % 1000;
	check_weights(uneven, 6);
	check_weights(single, 1);
	check_weights(many, 300);
}

/* Changing one weight moves little more than what has to move. */
static void test_weight_change(void **state)
{
	static uint16_t before[SLOTS], after[SLOTS];
	struct maglev_member members[10];

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		members[i] = member_of(1, i, 100);
	assert_int_equal(maglev_build(members, 10, before, SLOTS), 0);
	for (uint32_t i = 0; i < 10; i++)
		members[i] = member_of(1, i, i == 4 ? 50 : 100);
	assert_int_equal(maglev_build(members, 10, after, SLOTS), 0);
	print_message("# one of 10 from 100 to 50: %.2f %% of the slots move, 5.26 have to\n",
		      moved(before, after) * 100);
	assert_true(moved(before, after) < 0.0526 + 0.03);
}

static void test_order_does_not_matter(void **state)
{
	static uint16_t a[SLOTS], b[SLOTS];
	struct maglev_member members[50];

	(void)state;
	for (uint32_t i = 0; i < 50; i++)
		members[i] = member_of(2, i, 1 + i % 4);
	assert_int_equal(maglev_build(members, 50, a, SLOTS), 0);
	for (uint32_t i = 0; i < 50; i++)
		members[49 - i] = member_of(2, i, 1 + i % 4);
	assert_int_equal(maglev_build(members, 50, b, SLOTS), 0);
	assert_memory_equal(a, b, sizeof(a));
}

static void test_secret_matters(void **state)
{
	static uint16_t a[SLOTS], b[SLOTS];
	const uint8_t other[16] = { 1 };
	struct lb_secret kept = secret;

	(void)state;
	build(3, 10, UINT32_MAX, a);
	lb_secret_expand(other, &secret);
	build(3, 10, UINT32_MAX, b);
	secret = kept;
	assert_true(moved(a, b) > 0.8);
}

/* Tables of other sizes are whole: every slot names a member. */
static void test_sizes(void **state)
{
	static const uint32_t sizes[] = { 3, 31, 33, 64, 127, 1009, LB_POOL_SLOTS_MAX };
	static uint16_t slots[LB_POOL_SLOTS_MAX];

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct maglev_member members[3] = { member_of(4, 0, 1), member_of(4, 1, 1),
						    member_of(4, 2, 1) };

		memset(slots, 0xff, sizeof(slots));
		assert_int_equal(maglev_build(members, 3, slots, sizes[s]), 0);
		for (uint32_t i = 0; i < sizes[s]; i++)
			assert_in_range(slots[i], 0, 2);
		assert_true(sizes[s] == LB_POOL_SLOTS_MAX || slots[sizes[s]] == 0xffff);
	}
}

static void test_refused(void **state)
{
	static uint16_t slots[SLOTS];
	struct maglev_member members[2] = { member_of(5, 0, 1), member_of(5, 1, 0) };

	(void)state;
	assert_int_equal(maglev_build(members, 0, slots, SLOTS), -EINVAL);
	assert_int_equal(maglev_build(members, 2, slots, SLOTS), -EINVAL);
	assert_int_equal(maglev_build(members, 2, slots, 1), -EINVAL);
	assert_int_equal(maglev_build(members, 1, slots, LB_POOL_SLOTS_MAX + 1), -EINVAL);
	members[0].weight = MAGLEV_WEIGHT_MAX + 1;
	assert_int_equal(maglev_build(members, 1, slots, SLOTS), -EINVAL);
}

/* ---- The table by its definition: turn by turn, draw by draw ---- */

struct plain {
	const struct maglev_member *members;
	uint32_t n;
	uint32_t n_slots;
	uint32_t left;
	uint32_t round[MEMBERS_MAX];
	uint64_t draw[MEMBERS_MAX];
	bool taken[LB_POOL_SLOTS_MAX];
	uint16_t slots[LB_POOL_SLOTS_MAX];
};

/* The time is (round + 1/2) / weight. */
static bool plain_is_before(const struct plain *p, uint32_t a, uint32_t b)
{
	const struct maglev_member *x = &p->members[a], *y = &p->members[b];
	uint64_t left = (2 * (uint64_t)p->round[a] + 1) * y->weight;
	uint64_t right = (2 * (uint64_t)p->round[b] + 1) * x->weight;

	if (left != right)
		return left < right;
	return x->weight != y->weight ? x->weight > y->weight : x->key < y->key;
}

static uint32_t plain_draw(struct plain *p, uint32_t member)
{
	uint64_t *draw = &p->draw[member];
	uint32_t slot;

	do {
		*draw += LB_HASH_MUL2;
		slot = lb_flow_slot((*draw ^ *draw >> 32) * LB_HASH_MUL1, p->n_slots);
	} while (p->taken[slot]);
	return slot;
}

static uint32_t plain_best(const struct plain *p, uint32_t member)
{
	uint64_t best = UINT64_MAX;
	uint32_t found = 0;

	for (uint32_t slot = 0; slot < p->n_slots; slot++) {
		uint64_t score = lb_hash_mix(p->members[member].key ^ slot * LB_HASH_MUL1);

		if (!p->taken[slot] && score <= best) {
			best = score;
			found = slot;
		}
	}
	return found;
}

static void plain_build(struct plain *p)
{
	memset(p->round, 0, sizeof(p->round));
	memset(p->taken, 0, sizeof(p->taken));
	for (uint32_t i = 0; i < p->n; i++)
		p->draw[i] = lb_hash_mix(p->members[i].key + 1);
	for (p->left = p->n_slots; p->left > 0; p->left--) {
		uint32_t first = 0, slot;

		for (uint32_t i = 1; i < p->n; i++)
			if (plain_is_before(p, i, first))
				first = i;
		slot = p->left > PLAIN_REST ? plain_draw(p, first) : plain_best(p, first);
		p->round[first]++;
		p->taken[slot] = true;
		p->slots[slot] = p->members[first].value;
	}
}

/* Pools of any size, tables of any size, weights of any kind. */
static uint32_t random_members(struct maglev_member *members, uint64_t seed, uint32_t most)
{
	uint64_t any = lb_hash_mix(seed);
	uint32_t n = 1 + (uint32_t)(any % most), weights = 1 + (uint32_t)(any >> 32) % 5;
	const uint32_t scale[] = { 1, 7, 200, MAGLEV_WEIGHT_MAX / 5 };

	for (uint32_t i = 0; i < n; i++) {
		any = lb_hash_mix(any + i);
		members[i] = (struct maglev_member){
			.key = any,
			.weight = (1 + (uint32_t)(any >> 40) % weights) * scale[seed % 4],
			.value = (uint16_t)i,
		};
	}
	return n;
}

static void test_matches_the_definition(void **state)
{
	static uint16_t slots[LB_POOL_SLOTS_MAX];
	static struct maglev_member members[MEMBERS_MAX];
	static struct plain plain;

	(void)state;
	plain.members = members;
	for (uint32_t i = 0; i < PLAIN_TABLES; i++) {
		bool is_large = i % 100 == 0;
		uint32_t n_slots = is_large ? SLOTS : 64 + (uint32_t)(lb_hash_mix(i) % 3000);

		plain.n = random_members(members, i, is_large ? 20 : i % 7 ? 10 : 60);
		plain.n_slots = n_slots;
		assert_int_equal(maglev_build(members, plain.n, slots, n_slots), 0);
		plain_build(&plain);
		assert_memory_equal(slots, plain.slots, n_slots * sizeof(slots[0]));
		for (uint32_t j = 0; j < plain.n; j++)
			assert_int_equal(members[j].slots, plain.round[j]);
	}
}

/* ---- What a CPU has for vectors ---- */

static void check_draw(maglev_draw_fn draw, uint32_t n_slots, uint64_t seed)
{
	static uint32_t free_slots[MAGLEV_WORDS];
	uint32_t want[MAGLEV_STEPS_MAX * MAGLEV_STEP], got[MAGLEV_STEPS_MAX * MAGLEV_STEP];
	uint32_t steps = 1 + (uint32_t)(seed % MAGLEV_STEPS_MAX), n;
	uint64_t before = lb_hash_mix(seed), after = before;

	for (uint32_t i = 0; i < MAGLEV_WORDS; i++)
		free_slots[i] = (uint32_t)(lb_hash_mix(seed + i) & lb_hash_mix(seed ^ i));
	n = maglev_draw_portable(&before, n_slots, free_slots, steps, want);
	assert_int_equal(draw(&after, n_slots, free_slots, steps, got), n);
	assert_memory_equal(want, got, n * sizeof(want[0]));
	assert_int_equal(before, after);
}

static void test_vectors_draw_the_same(void **state)
{
	const uint32_t sizes[] = { 33, 64, 1009, SLOTS, LB_POOL_SLOTS_MAX };

	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		uint32_t n_slots = sizes[seed % 5];

		check_draw(maglev_draw_choose(), n_slots, seed);
		if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
			check_draw(maglev_draw_avx2, n_slots, seed);
	}
	if (maglev_draw_choose() != maglev_draw_avx512)
		print_message("# no AVX-512 here\n");
}

/* A table of another release or machine must be the same: this one was computed once. */
static void test_known_table(void **state)
{
	static uint16_t slots[SLOTS];
	uint64_t sum = 0;

	(void)state;
	build(6, 10, UINT32_MAX, slots);
	for (uint32_t i = 0; i < SLOTS; i++)
		sum = lb_hash_mix(sum ^ (slots[i] + i * LB_HASH_MUL2));
	print_message("# fingerprint %016llx\n", (unsigned long long)sum);
	assert_true(sum == KNOWN_TABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_balance_and_disruption),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_weight_change),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_secret_matters),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_matches_the_definition),
		cmocka_unit_test(test_vectors_draw_the_same),
		cmocka_unit_test(test_known_table),
	};
	const uint8_t key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

	lb_secret_expand(key, &secret);
	return cmocka_run_group_tests_name("maglev", tests, NULL, NULL);
}
