/* SPDX-License-Identifier: BSD-3-Clause */
/* Places, evictions and counts of the flow table; the same answer from every way to search. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/engine/flow_find.h"
#include "dataplane/engine/flow_table.h"

#define N_INSTANCES 16

struct fixture {
	struct flow_table table;
	struct lb_worker_stats stats;
	struct lb_instance_stats instance_stats[N_INSTANCES];
	struct lb_instance instances[N_INSTANCES];
	struct lb_secret secret;
	struct lb_flow_timeouts timeouts;
	void *memory;
};

static struct fixture *fixture_create(uint32_t flows)
{
	struct fixture *f = aligned_alloc(64, (sizeof(*f) + 63) & ~(size_t)63);

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	f->memory = aligned_alloc(64, flow_table_bytes(flows));
	assert_non_null(f->memory);
	memset(f->memory, 0, flow_table_bytes(flows));
	lb_secret_expand((const uint8_t *)"0123456789abcdef", &f->secret);
	f->timeouts = (struct lb_flow_timeouts){ { 0, 100, 36000, 600, 50 } };
	for (uint32_t i = 0; i < N_INSTANCES; i++)
		f->instances[i].flags = LB_INSTANCE_SERVES;
	flow_table_init(&f->table, f->memory, flows, &f->stats, f->instance_stats);
	return f;
}

static void fixture_destroy(struct fixture *f)
{
	free(f->memory);
	free(f);
}

static bool insert(struct fixture *f, uint64_t key, uint16_t now, bool may_evict)
{
	const struct lb_flow_insert flow = {
		.key = key,
		.spread = lb_flow_spread(&f->secret, key),
		.home = (uint16_t)(key % N_INSTANCES),
		.now = now,
		.may_evict = may_evict,
		.secret = &f->secret,
		.timeouts = &f->timeouts,
	};

	return lb_table_insert(&f->table.table, &flow);
}

static bool find(const struct fixture *f, uint64_t key, struct lb_flow_ref *ref)
{
	return lb_table_find(&f->table.table, key, lb_flow_spread(&f->secret, key), ref);
}

static void state_set(struct fixture *f, uint64_t key, enum lb_flow_state state)
{
	struct lb_flow_ref ref;

	if (find(f, key, &ref))
		lb_bucket_state_set(ref.bucket, ref.slot, state);
	else
		fail();
}

static void sweep_all(struct fixture *f, uint16_t now)
{
	const struct flow_sweep sweep = { &f->secret, &f->timeouts, f->instances, N_INSTANCES,
					  now };

	for (uint32_t tick = 0; tick < FLOW_TABLE_SWEEP_TICKS; tick++) {
		flow_table_tick(&f->table);
		while (flow_table_sweep(&f->table, &sweep, 97))
			;
	}
}

/* Flows of their own shape: few clients, consecutive ports. */
static uint64_t key_of(uint32_t i)
{
	return lb_flow_key4(0x0100000a + (i / 60000) * 0x01000000, (uint16_t)(1024 + i % 60000), 1);
}

/* Spills and flows counted anew from the buckets themselves. */
static void check_exact(struct fixture *f)
{
	uint32_t *spill = calloc(f->table.table.n_buckets, sizeof(*spill));
	uint32_t flows[N_INSTANCES] = { 0 };
	uint64_t total = 0;

	assert_non_null(spill);
	for (uint32_t b = 0; b < f->table.table.n_buckets; b++) {
		const struct lb_bucket *bucket = &f->table.table.bucket[b];

		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
			uint64_t spread = lb_flow_spread(&f->secret, bucket->key[slot]);
			uint32_t primary = lb_table_primary(&f->table.table, spread);

			if (lb_bucket_state(bucket, slot) == LB_FLOW_FREE) {
				assert_int_equal(bucket->key[slot], 0);
				continue;
			}
			assert_int_equal(primary != b, lb_bucket_is_away(bucket, slot));
			spill[primary] += primary != b;
			flows[lb_bucket_instance(bucket, slot)]++;
			total++;
		}
	}
	for (uint32_t b = 0; b < f->table.table.n_buckets; b++)
		assert_int_equal(spill[b], lb_bucket_spill(&f->table.table.bucket[b]));
	for (uint32_t i = 0; i < N_INSTANCES; i++)
		assert_int_equal(flows[i], f->instance_stats[i].flows);
	assert_int_equal(total, f->stats.flows);
	free(spill);
}

static void rated_capacity_loses_none(void **state)
{
	const uint32_t flows = 300000;
	struct fixture *f = fixture_create(flows);
	uint64_t away = 0;
	struct lb_flow_ref ref;

	(void)state;
	for (uint32_t i = 0; i < flows; i++) {
		assert_true(insert(f, key_of(i), 0, false));
		state_set(f, key_of(i), LB_FLOW_ESTABLISHED);
	}
	for (uint32_t i = 0; i < flows; i++) {
		assert_true(find(f, key_of(i), &ref));
		assert_int_equal(lb_bucket_instance(ref.bucket, ref.slot), key_of(i) % N_INSTANCES);
		away += lb_bucket_is_away(ref.bucket, ref.slot);
	}
	check_exact(f);
	print_message("# load %.3f: %.2f %% of flows in their second line, %lu set aside\n",
		      (double)flows / f->table.table.n_buckets / LB_BUCKET_SLOTS,
		      100.0 * (double)away / flows, f->stats.flow_relocated);
	assert_true(away < flows / 20);
	assert_true((double)flow_table_bytes(flows) / flows <= 26);
	fixture_destroy(f);
}

static void beyond_capacity_new_flows_are_not_recorded(void **state)
{
	struct fixture *f = fixture_create(10000);
	uint32_t recorded = 0;
	struct lb_flow_ref ref;

	(void)state;
	for (uint32_t i = 0; i < 40000; i++) {
		if (!insert(f, key_of(i), 0, false))
			continue;
		state_set(f, key_of(i), LB_FLOW_ESTABLISHED);
		recorded++;
	}
	assert_int_equal(f->stats.flow_table_full, 40000 - recorded);
	assert_int_equal(f->stats.flows, recorded);
	assert_true(recorded > f->table.table.n_buckets * LB_BUCKET_SLOTS * 9 / 10);
	for (uint32_t i = 0; i < 10000; i++)
		assert_true(find(f, key_of(i), &ref));
	check_exact(f);
	fixture_destroy(f);
}

static void eviction_follows_the_order(void **state)
{
	struct fixture *f = fixture_create(1);
	uint32_t slots = f->table.table.n_buckets * LB_BUCKET_SLOTS, n = 0;
	struct lb_flow_ref ref;

	(void)state;
	for (uint32_t i = 0; n < slots && i < 100000; i++)
		if (insert(f, key_of(i), (uint16_t)(i / 2500), false)) {
			state_set(f, key_of(i), LB_FLOW_ESTABLISHED);
			n++;
		}
	assert_int_equal(n, slots); /* full of confirmed flows */
	assert_false(insert(f, 1ULL << 48 | 1, 50, false));

	/* the only closed flow of a pair goes before the only unconfirmed one */
	memset(f->memory, 0, flow_table_bytes(1));
	f->stats = (struct lb_worker_stats){ 0 };
	memset(f->instance_stats, 0, sizeof(f->instance_stats));
	for (uint32_t i = 0; i < 2000; i++) {
		if (!insert(f, key_of(i), 10, false))
			continue;
		state_set(f, key_of(i), i % 3 == 0 ? LB_FLOW_CLOSED : LB_FLOW_ESTABLISHED);
	}
	assert_true(f->stats.flow_evicted_closed > 0);
	assert_int_equal(f->stats.flow_evicted_unconfirmed, 0);
	assert_int_equal(f->stats.flow_evicted_confirmed, 0);
	check_exact(f);

	/* a pinned flow takes the place of the oldest confirmed one, and only then */
	for (uint32_t i = 0; i < 3000; i++)
		if (insert(f, key_of(i + 5000), 20, false))
			state_set(f, key_of(i + 5000), LB_FLOW_ESTABLISHED);
	assert_true(insert(f, key_of(90000), 21, true));
	assert_true(find(f, key_of(90000), &ref));
	check_exact(f);
	fixture_destroy(f);
}

static void flood_spares_confirmed_flows(void **state)
{
	const uint32_t flows = 20000;
	struct fixture *f = fixture_create(flows);
	struct lb_flow_ref ref;

	(void)state;
	for (uint32_t i = 0; i < flows; i++) {
		assert_true(insert(f, key_of(i), 0, false));
		state_set(f, key_of(i), LB_FLOW_ESTABLISHED);
	}
	for (uint32_t i = 0; i < 50 * flows; i++)
		insert(f, lb_flow_key4(0x80000000 + i, 7, 2), 1, false);
	for (uint32_t i = 0; i < flows; i++)
		assert_true(find(f, key_of(i), &ref));
	assert_int_equal(f->stats.flow_evicted_confirmed, 0);
	assert_true(f->stats.flow_evicted_unconfirmed > 0);
	check_exact(f);
	sweep_all(f, 200); /* the flood is forgotten, the flows are not */
	assert_int_equal(f->stats.flows, flows);
	check_exact(f);
	fixture_destroy(f);
}

static void sweep_forgets_what_it_should(void **state)
{
	struct fixture *f = fixture_create(1000);

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(insert(f, key_of(i), 0, false));
		if (i % 2)
			state_set(f, key_of(i), LB_FLOW_ESTABLISHED);
	}
	sweep_all(f, 100);
	assert_int_equal(f->stats.flows, 1000);
	sweep_all(f, 101);
	assert_int_equal(f->stats.flows, 500);
	f->instances[3].flags = 0; /* down: its flows are to move, so they are not counted there */
	sweep_all(f, 102);
	assert_int_equal(f->instance_stats[3].flows, 0);
	sweep_all(f, 36001);
	assert_int_equal(f->stats.flows, 0);
	check_exact(f);
	fixture_destroy(f);
}

static void time_wraps(void **state)
{
	struct fixture *f = fixture_create(10);
	struct lb_flow_ref ref;

	(void)state;
	assert_true(insert(f, key_of(1), 65530, false));
	sweep_all(f, 65535);
	sweep_all(f, 40); /* 46 ticks later */
	assert_true(find(f, key_of(1), &ref));
	sweep_all(f, 100);
	assert_false(find(f, key_of(1), &ref));
	fixture_destroy(f);
}

static uint32_t peek(const struct fixture *f, uint64_t key, uint16_t now)
{
	return lb_table_peek(&f->table.table, key, lb_flow_spread(&f->secret, key), now,
			     &f->timeouts);
}

/* What has expired may be known better elsewhere; also if time has wrapped around since. */
static void others_see_no_expired_flow(void **state)
{
	struct fixture *f = fixture_create(100);

	(void)state;
	assert_true(insert(f, key_of(1), 65530, false));
	assert_int_equal(peek(f, key_of(1), 65530), key_of(1) % N_INSTANCES);
	assert_int_equal(peek(f, key_of(1), 94), key_of(1) % N_INSTANCES);
	assert_int_equal(peek(f, key_of(1), 95), LB_INSTANCE_NONE);
	state_set(f, key_of(1), LB_FLOW_ESTABLISHED);
	assert_int_equal(peek(f, key_of(1), 95), key_of(1) % N_INSTANCES);
	fixture_destroy(f);
}

/* Sets and clears of random keys against a plain array. */
static void agrees_with_a_model(void **state)
{
	enum { KEYS = 4000, STEPS = 200000 };
	struct fixture *f = fixture_create(KEYS);
	uint16_t *model = calloc(KEYS, sizeof(*model));
	uint64_t random = 1;

	(void)state;
	assert_non_null(model);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint64_t r = random = lb_hash_mix(random + LB_HASH_MUL2);
		uint32_t k = (uint32_t)(r % KEYS);
		struct lb_flow_ref ref;
		bool there = find(f, key_of(k), &ref);

		assert_int_equal(there, model[k] != 0);
		if (there) {
			assert_int_equal(lb_bucket_instance(ref.bucket, ref.slot), model[k] - 1);
			assert_int_equal(peek(f, key_of(k), 0), model[k] - 1);
			lb_table_move(&f->table.table, ref, (uint16_t)((r >> 32) % N_INSTANCES));
			model[k] = (uint16_t)((r >> 32) % N_INSTANCES + 1);
		} else if (insert(f, key_of(k), 0, false)) {
			state_set(f, key_of(k), LB_FLOW_ESTABLISHED);
			model[k] = (uint16_t)(key_of(k) % N_INSTANCES + 1);
		}
	}
	check_exact(f);
	free(model);
	fixture_destroy(f);
}

__attribute__((target("avx2"))) static int find_avx2(const struct lb_bucket *b, uint64_t key)
{
	return flow_find_avx2(b, key);
}

__attribute__((target("avx512f"))) static int find_avx512(const struct lb_bucket *b, uint64_t key)
{
	return flow_find_avx512(b, key);
}

static void vector_searches_agree(void **state)
{
	struct lb_bucket bucket = { 0 };
	uint32_t tried = 0;

	(void)state;
	bucket.meta = 0xffffffff; /* as large a number behind the keys as can be */
	for (uint64_t key = 0; key < 40; key++) {
		for (uint32_t i = 0; i < LB_BUCKET_SLOTS; i++)
			bucket.key[i] = (key * 7 + i * 3) % 11 + 1;
		for (uint64_t sought = 0; sought < 14; sought++) {
			int expected = lb_bucket_find(&bucket, sought);

			if (__builtin_cpu_supports("avx2")) {
				assert_int_equal(find_avx2(&bucket, sought), expected);
				tried++;
			}
			if (__builtin_cpu_supports("avx512f")) {
				assert_int_equal(find_avx512(&bucket, sought), expected);
				tried++;
			}
		}
	}
	print_message("# %u vector searches compared\n", tried);
}

static void states_follow_the_packets(void **state)
{
	static const struct {
		uint8_t flags;
		enum lb_flow_state from, to;
	} rows[] = {
		{ LB_TCP_SYN, LB_FLOW_UNCONFIRMED, LB_FLOW_UNCONFIRMED },
		{ LB_TCP_ACK, LB_FLOW_UNCONFIRMED, LB_FLOW_ESTABLISHED },
		{ LB_TCP_ACK, LB_FLOW_ESTABLISHED, LB_FLOW_ESTABLISHED },
		{ LB_TCP_SYN, LB_FLOW_ESTABLISHED, LB_FLOW_ESTABLISHED },
		{ LB_TCP_FIN | LB_TCP_ACK, LB_FLOW_ESTABLISHED, LB_FLOW_FIN },
		{ LB_TCP_ACK, LB_FLOW_FIN, LB_FLOW_FIN },
		{ LB_TCP_SYN, LB_FLOW_FIN, LB_FLOW_UNCONFIRMED },
		{ LB_TCP_RST, LB_FLOW_ESTABLISHED, LB_FLOW_CLOSED },
		{ LB_TCP_RST | LB_TCP_ACK, LB_FLOW_FIN, LB_FLOW_CLOSED },
		{ LB_TCP_ACK, LB_FLOW_CLOSED, LB_FLOW_ESTABLISHED },
		{ LB_TCP_SYN, LB_FLOW_CLOSED, LB_FLOW_UNCONFIRMED },
		{ LB_TCP_RST, LB_FLOW_UNCONFIRMED, LB_FLOW_CLOSED },
		{ LB_TCP_FIN | LB_TCP_ACK, LB_FLOW_UNCONFIRMED, LB_FLOW_FIN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			lb_flow_step(lb_flow_steps(lb_flow_event(rows[i].flags)), rows[i].from) & 7,
			rows[i].to);
}

#define KEYS_SEEN 20000

static __attribute__((noinline)) void slot_put(struct lb_bucket *bucket, uint64_t key)
{
	lb_bucket_put(bucket, 2, key, key & LB_FLOW_INSTANCE, 0, LB_FLOW_UNCONFIRMED);
}

static __attribute__((noinline)) void slot_clear(struct lb_bucket *bucket)
{
	lb_bucket_clear(bucket, 2);
}

/* One flow after the other; each with the instance that its key says. */
static void *slot_changes(void *arg)
{
	struct lb_bucket *bucket = arg;

	for (uint64_t key = 1; lb_load_acquire(&bucket->key[4]) == 0; key++) {
		slot_put(bucket, key);
		slot_clear(bucket);
	}
	return NULL;
}

/* Another worker looks while a slot goes from flow to flow. */
static void peek_never_mixes_flows(void **state)
{
	const struct lb_flow_timeouts never = { { 65535, 65535, 65535, 65535, 65535 } };
	static struct lb_bucket bucket;
	uint64_t last = 0, end = clock() + 5 * CLOCKS_PER_SEC; /* of this process: both threads */
	uint32_t wrong = 0, seen = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, slot_changes, &bucket), 0);
	while (seen < KEYS_SEEN && (uint64_t)clock() < end) {
		uint64_t key = lb_load_acquire(&bucket.key[2]);
		uint32_t instance =
			key ? lb_bucket_peek(&bucket, key, 0, &never) : LB_INSTANCE_NONE;

		seen += key != last;
		last = key;
		wrong += instance != LB_INSTANCE_NONE && instance != (key & LB_FLOW_INSTANCE);
	}
	lb_store_release(&bucket.key[4], 1);
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rated_capacity_loses_none),
		cmocka_unit_test(beyond_capacity_new_flows_are_not_recorded),
		cmocka_unit_test(eviction_follows_the_order),
		cmocka_unit_test(flood_spares_confirmed_flows),
		cmocka_unit_test(sweep_forgets_what_it_should),
		cmocka_unit_test(time_wraps),
		cmocka_unit_test(others_see_no_expired_flow),
		cmocka_unit_test(agrees_with_a_model),
		cmocka_unit_test(vector_searches_agree),
		cmocka_unit_test(states_follow_the_packets),
		cmocka_unit_test(peek_never_mixes_flows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
