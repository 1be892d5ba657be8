/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows that a predecessor has left: counted, expired, and repaired. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/engine/flow_table.h"

#define FLOWS 20000
#define WORKERS 2
#define INSTANCES 16
#define ENDED 1000000ull /* a tick; not 0 modulo 2^16 */

static struct lb_instance_stats counts[WORKERS][LB_INSTANCES_MAX];

struct fixture {
	struct flow_table flows[WORKERS];
	struct lb_table *peers[WORKERS];
	struct lb_worker_stats stats[WORKERS];
	struct lb_secret secret;
	struct lb_flow_timeouts timeouts;
	struct flow_keep keep;
	void *memory[WORKERS];
};

static int fixture_start(void **state)
{
	struct fixture *f = aligned_alloc(64, (sizeof(*f) + 63) & ~(size_t)63);

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	memset(counts, 0, sizeof(counts));
	lb_secret_expand((const uint8_t *)"0123456789abcdef", &f->secret);
	f->timeouts = (struct lb_flow_timeouts){ { 0, 100, 36000, 600, 50 } };
	for (uint32_t i = 0; i < WORKERS; i++) {
		f->memory[i] = aligned_alloc(64, flow_table_bytes(FLOWS));
		assert_non_null(f->memory[i]);
		memset(f->memory[i], 0, flow_table_bytes(FLOWS));
		flow_table_init(&f->flows[i], f->memory[i], FLOWS, &f->stats[i], counts[i]);
		f->peers[i] = &f->flows[i].table;
	}
	flow_keep_init(&f->keep, &f->secret, &f->timeouts);
	f->keep.ended = ENDED;
	f->keep.now = ENDED + 10;
	f->keep.peers = f->peers;
	f->keep.n_peers = WORKERS;
	*state = f;
	return 0;
}

static int fixture_stop(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < WORKERS; i++)
		free(f->memory[i]);
	free(f);
	return 0;
}

static uint64_t key_of(uint32_t i)
{
	return lb_flow_key4(0x0100000a + (i / 60000) * 0x01000000, (uint16_t)(1024 + i % 60000), 1);
}

static struct lb_bucket nowhere; /* of a flow that was not found */

static void insert(struct fixture *f, uint32_t worker, uint64_t key, uint64_t seen)
{
	const struct lb_flow_insert flow = {
		.key = key,
		.spread = lb_flow_spread(&f->secret, key),
		.home = (uint16_t)(key % INSTANCES),
		.now = (uint16_t)seen,
		.secret = &f->secret,
		.timeouts = &f->timeouts,
	};
	struct lb_flow_ref ref = { .bucket = &nowhere };

	assert_true(lb_table_insert(f->peers[worker], &flow));
	assert_true(lb_table_find(f->peers[worker], key, flow.spread, &ref));
	lb_bucket_state_set(ref.bucket, ref.slot, LB_FLOW_ESTABLISHED);
}

static bool find(struct fixture *f, uint32_t worker, uint64_t key, struct lb_flow_ref *ref)
{
	return lb_table_find(f->peers[worker], key, lb_flow_spread(&f->secret, key), ref);
}

/* The predecessor's books are gone, or not to be trusted. */
static void keep(struct fixture *f)
{
	for (uint32_t i = 0; i < WORKERS; i++) {
		f->stats[i].flows = 77777;
		for (uint32_t j = 0; j < LB_INSTANCES_MAX; j++)
			counts[i][j].flows = 5;
	}
	for (uint32_t i = 0; i < WORKERS; i++)
		flow_table_keep(&f->flows[i], &f->keep);
}

/* Counts, spills and away bits are what the buckets say. */
static void check_exact(struct fixture *f, uint32_t worker, uint64_t expected)
{
	const struct lb_table *table = f->peers[worker];
	uint32_t *spill = calloc(table->n_buckets, sizeof(*spill));
	uint32_t by_instance[LB_INSTANCES_MAX] = { 0 };
	uint64_t all = 0;

	assert_non_null(spill);
	for (uint32_t b = 0; b < table->n_buckets; b++) {
		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
			const struct lb_bucket *bucket = &table->bucket[b];
			uint64_t key = bucket->key[slot];
			uint32_t primary;

			if (!key) {
				assert_int_equal(lb_bucket_nibble(bucket, slot), 0);
				continue;
			}
			primary = lb_table_primary(table, lb_flow_spread(&f->secret, key));
			assert_int_equal(lb_bucket_is_away(bucket, slot), primary != b);
			spill[primary] += primary != b;
			by_instance[lb_bucket_instance(bucket, slot)]++;
			all++;
		}
	}
	for (uint32_t b = 0; b < table->n_buckets; b++)
		assert_int_equal(lb_bucket_spill(&table->bucket[b]), spill[b]);
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		assert_int_equal(counts[worker][i].flows, by_instance[i]);
	assert_int_equal(f->stats[worker].flows, all);
	assert_int_equal(all, expected);
	free(spill);
}

static void all_are_kept_and_counted(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 15000; i++)
		insert(f, i % WORKERS, key_of(i), ENDED - 2 * (15000 - i)); /* oldest first */
	keep(f);
	check_exact(f, 0, 7500);
	check_exact(f, 1, 7500);
	assert_int_equal(f->stats[0].flow_expired, 0);
}

/* Idle times count over both lives, also where 16 bits have wrapped meanwhile. */
static void what_has_expired_meanwhile_is_removed(void **state)
{
	struct fixture *f = *state;
	struct lb_flow_ref ref = { .bucket = &nowhere };

	insert(f, 0, key_of(1), ENDED - 30000);
	insert(f, 0, key_of(2), ENDED);
	insert(f, 0, key_of(3), ENDED + 3); /* after the last sign of life */
	insert(f, 0, key_of(4), ENDED - 30000);
	assert_true(find(f, 0, key_of(4), &ref));
	lb_bucket_state_set(ref.bucket, ref.slot, LB_FLOW_FIN);
	f->keep.now = ENDED + 6000;
	keep(f);
	check_exact(f, 0, 3);
	assert_false(find(f, 0, key_of(4), &ref));

	f->keep.now = ENDED + 6001;
	keep(f);
	check_exact(f, 0, 2);
	assert_false(find(f, 0, key_of(1), &ref));

	f->keep.now = ENDED + 36000;
	keep(f);
	check_exact(f, 0, 2);
	f->keep.now = ENDED + 36001;
	keep(f);
	check_exact(f, 0, 0);
	assert_int_equal(f->stats[0].flow_expired, 4);
}

/* In the 16 bits of the ticks this flow, idle for longer than they count, would seem to be fresh. */
static void long_absence_does_not_wrap(void **state)
{
	struct fixture *f = *state;

	insert(f, 0, key_of(1), ENDED - 30000);
	f->keep.now = ENDED - 30000 + 65536 + 5;
	keep(f);
	check_exact(f, 0, 0);
}

static void torn_slots_are_repaired(void **state)
{
	struct fixture *f = *state;
	struct lb_flow_ref ref = { .bucket = &nowhere };

	insert(f, 0, key_of(1), ENDED);
	insert(f, 0, key_of(2), ENDED);
	/* killed in lb_bucket_clear(), after the key */
	assert_true(find(f, 0, key_of(1), &ref));
	ref.bucket->key[ref.slot] = 0;
	/* killed in lb_bucket_put(), before the key */
	assert_true(find(f, 0, key_of(2), &ref));
	ref.slot = (ref.slot + 1) % LB_BUCKET_SLOTS;
	assert_int_equal(ref.bucket->key[ref.slot], 0);
	ref.bucket->home[ref.slot] = 3;
	ref.bucket->meta |= (uint32_t)LB_FLOW_UNCONFIRMED << 4 * ref.slot;
	keep(f);
	check_exact(f, 0, 1);
	insert(f, 0, key_of(1), ENDED);
	check_exact(f, 0, 2);
}

/* Killed in lb_table_relocate(), between the two places. */
static void flow_that_is_there_twice_is_counted_once(void **state)
{
	struct fixture *f = *state;
	struct lb_table *table = f->peers[0];
	uint64_t key = key_of(1), spread = lb_flow_spread(&f->secret, key);
	uint32_t primary = lb_table_primary(table, spread);
	uint32_t other = lb_table_other(table, spread, primary);
	struct lb_flow_ref ref = { .bucket = &nowhere };

	assert_int_not_equal(primary, other);
	insert(f, 0, key, ENDED);
	assert_true(find(f, 0, key, &ref));
	lb_bucket_spill_add(ref.bucket);
	lb_bucket_put(&table->bucket[other], 2, key, ref.bucket->home[ref.slot],
		      ref.bucket->seen[ref.slot], LB_FLOW_ESTABLISHED | LB_BUCKET_AWAY);
	keep(f);
	check_exact(f, 0, 1);
	assert_true(find(f, 0, key, &ref));
	assert_ptr_equal(ref.bucket, &table->bucket[primary]);
}

/* One worker had marked the other one's record, and was killed before it had one itself, or after. */
static void flow_on_its_way_to_another_worker_is_not_lost(void **state)
{
	struct fixture *f = *state;
	struct lb_flow_ref ref = { .bucket = &nowhere };
	uint16_t home;

	for (uint32_t i = 1; i <= 2; i++) {
		insert(f, 0, key_of(i), ENDED);
		assert_true(find(f, 0, key_of(i), &ref));
		ref.bucket->home[ref.slot] |= LB_FLOW_MOVED;
		ref.bucket->seen[ref.slot] = (uint16_t)(ENDED - 36001);
	}
	insert(f, 1, key_of(2), ENDED);
	keep(f);
	check_exact(f, 0, 1);
	check_exact(f, 1, 1);
	assert_true(find(f, 0, key_of(1), &ref));
	home = ref.bucket->home[ref.slot];
	assert_int_equal(home, key_of(1) % INSTANCES);
	assert_false(lb_bucket_expired(ref.bucket, ref.slot, (uint16_t)f->keep.now, &f->timeouts));
	assert_false(find(f, 0, key_of(2), &ref));
	assert_true(find(f, 1, key_of(2), &ref));
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void two_million(void **state)
{
	struct fixture *f = *state;
	const uint32_t n = 2000000;
	uint64_t began, took;

	free(f->memory[0]);
	f->memory[0] = aligned_alloc(64, flow_table_bytes(n));
	assert_non_null(f->memory[0]);
	memset(f->memory[0], 0, flow_table_bytes(n));
	flow_table_init(&f->flows[0], f->memory[0], n, &f->stats[0], counts[0]);
	for (uint32_t i = 0; i < n; i++)
		insert(f, 0, key_of(i), ENDED);
	began = cpu_ns();
	flow_table_keep(&f->flows[0], &f->keep);
	took = cpu_ns() - began;
	check_exact(f, 0, n);
	print_message("# figure: 2,000,000 flows gone through in %.0f ms of one CPU\n",
		      (double)took / 1e6);
	assert_true(took < 1000000000);
}

int main(void)
{
#define KEEP_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)
	const struct CMUnitTest tests[] = {
		KEEP_TEST(all_are_kept_and_counted),
		KEEP_TEST(what_has_expired_meanwhile_is_removed),
		KEEP_TEST(long_absence_does_not_wrap),
		KEEP_TEST(torn_slots_are_repaired),
		KEEP_TEST(flow_that_is_there_twice_is_counted_once),
		KEEP_TEST(flow_on_its_way_to_another_worker_is_not_lost),
		KEEP_TEST(two_million),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
