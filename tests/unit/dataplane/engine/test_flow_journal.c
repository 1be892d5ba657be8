/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A writer of the flow table that is killed: after each of its instructions, what is counted has to follow from
 * what the table holds. And one that was only stopped, and goes on where another one has put things in order.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/engine/flow_table.h"

#define N_INSTANCES 8
#define N_BUCKETS 6 /* so few that flows are moved aside, and evicted */
#define KEYS 48
#define FILL 300   /* changes before */
#define CHANGES 60 /* that are watched */
#define STOPS 100
#define LONGEST 50 /* instructions, and a bit more than a change has */
#define TERM 0x100u

/* What outlives the writer. */
struct shared {
	struct lb_bucket bucket[N_BUCKETS];
	struct lb_worker_stats stats;
	struct lb_instance_stats counts[LB_INSTANCES_MAX];
	struct lb_journal journal;
	uint32_t lock;
};

/* Of it, what changes; the rest of counts[] is nobody's. */
#define WATCHED offsetof(struct shared, counts[N_INSTANCES])

struct world {
	struct lb_secret secret;
	struct lb_flow_timeouts timeouts;
	uint64_t random;
	struct shared *shared;
};

static struct flow_table table_of(struct shared *s)
{
	struct flow_table table;

	flow_table_adopt(&table, s->bucket, N_BUCKETS, &s->stats, s->counts);
	table.table.journal = &s->journal;
	table.table.lock = &s->lock;
	table.table.held = TERM;
	return table;
}

static uint64_t draw(struct world *w)
{
	w->random = lb_hash_mix(w->random + LB_HASH_MUL2);
	return w->random >> 8;
}

static void insert(struct world *w, struct flow_table *table, uint64_t key, uint64_t r)
{
	const struct lb_flow_insert flow = {
		.key = key,
		.spread = lb_flow_spread(&w->secret, key),
		.home = (uint16_t)(r % N_INSTANCES),
		.now = (uint16_t)(r >> 8 & 31),
		.may_evict = r >> 16 & 1,
		.secret = &w->secret,
		.timeouts = &w->timeouts,
	};

	lb_table_insert(&table->table, &flow);
}

static void sweep(struct world *w, struct flow_table *table, uint64_t r)
{
	struct lb_instance instances[N_INSTANCES] = { 0 };
	const struct flow_sweep what = { &w->secret, &w->timeouts, instances, N_INSTANCES, 0 };

	for (uint32_t i = 0; i < N_INSTANCES; i++)
		instances[i].flags = i == r % N_INSTANCES ? 0 : LB_INSTANCE_SERVES;
	flow_table_tick(table);
	table->sweep_next = (uint32_t)(r >> 16) % N_BUCKETS;
	flow_table_sweep(table, &what, 1);
}

static void change(struct world *w, struct flow_table *table)
{
	uint64_t r = draw(w), key = 1000 + r % KEYS;
	struct lb_flow_ref ref;

	r = draw(w);
	if ((r >> 24 & 15) == 0)
		sweep(w, table, r);
	else if (!lb_table_find(&table->table, key, lb_flow_spread(&w->secret, key), &ref))
		insert(w, table, key, r);
	else if ((r >> 28 & 3) == 0)
		lb_table_move(&table->table, ref, (uint16_t)(r % N_INSTANCES));
	else
		lb_bucket_touch(ref.bucket, ref.slot, LB_TCP_ACK, 0);
}

static struct world *world_create(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	struct flow_table table;

	assert_non_null(w);
	w->shared = mmap(NULL, sizeof(*w->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(w->shared, MAP_FAILED);
	lb_secret_expand((const uint8_t *)"0123456789abcdef", &w->secret);
	w->timeouts = (struct lb_flow_timeouts){ { 0, 100, 36000, 600, 50 } };
	w->random = seed;
	w->shared->lock = TERM;
	table = table_of(w->shared);
	for (uint32_t i = 0; i < FILL; i++)
		change(w, &table);
	return w;
}

static void world_destroy(struct world *w)
{
	munmap(w->shared, sizeof(*w->shared));
	free(w);
}

/* The counts are what the table holds, and whatever it holds is found. */
static void check_exact(const struct world *w, struct shared *s)
{
	const struct flow_table table = table_of(s);
	uint32_t flows[N_INSTANCES] = { 0 }, all = 0;
	struct lb_flow_ref ref;

	for (uint32_t b = 0; b < N_BUCKETS; b++) {
		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
			uint64_t key = s->bucket[b].key[slot];

			if (!key)
				continue;
			flows[lb_bucket_instance(&s->bucket[b], slot)]++;
			all++;
			assert_true(lb_table_find(&table.table, key,
						  lb_flow_spread(&w->secret, key), &ref));
		}
	}
	for (uint32_t i = 0; i < N_INSTANCES; i++)
		assert_int_equal(s->counts[i].flows, flows[i]);
	assert_int_equal(s->stats.flows, all);
}

/* A slot is free by its key and by its state. */
static void check_slots(const struct shared *s)
{
	for (uint32_t b = 0; b < N_BUCKETS; b++)
		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++)
			assert_int_equal(s->bucket[b].key[slot] == 0,
					 lb_bucket_nibble(&s->bucket[b], slot) == 0);
}

/* As who takes the lock does. */
static void recover(struct shared *s)
{
	struct flow_table table = table_of(s);

	lb_table_recover(&table.table, &s->journal);
	assert_int_equal(s->journal.is_open, 0);
}

/* A writer that waits for its tracer before it changes anything; 0: it may not be traced here. */
static pid_t writer_start(struct world *w, uint32_t changes)
{
	struct flow_table table = table_of(w->shared);
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(77);
		raise(SIGSTOP);
		for (uint32_t i = 0; i < changes; i++)
			change(w, &table);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSTOPPED(status) ? pid : 0;
}

/* Return: false if it has ended. */
static bool writer_step(pid_t pid)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSTOPPED(status);
}

static void killed_after_any_instruction(void **state)
{
	struct world *w = world_create(1);
	struct shared *before = malloc(sizeof(*before)), *copy = malloc(sizeof(*copy));
	uint32_t steps = 0, stores = 0, open = 0;
	pid_t pid = writer_start(w, CHANGES);

	(void)state;
	assert_true(before && copy);
	if (!pid)
		skip();
	memcpy(before, w->shared, sizeof(*before));
	for (; writer_step(pid); steps++) {
		if (!memcmp(before, w->shared, WATCHED) &&
		    !memcmp(&before->journal, &w->shared->journal, sizeof(before->journal)))
			continue;
		memcpy(before, w->shared, sizeof(*before));
		memcpy(copy, before, sizeof(*copy));
		stores++;
		open += copy->journal.is_open;
		recover(copy);
		check_exact(w, copy);
		check_slots(copy);
	}
	assert_true(stores > CHANGES * 5 && open > CHANGES);
	assert_true(w->shared->stats.flow_relocated > 0);
	assert_true(w->shared->stats.flow_evicted_confirmed > 0);
	assert_true(w->shared->stats.flow_expired > 0);
	print_message("# %u instructions, %u stores, %u of them within a change\n", steps, stores,
		      open);
	free(before);
	free(copy);
	world_destroy(w);
}

/* What it was about to do it does, and nothing after that: the table is another one's. */
static void stopped_after_any_instruction(void **state)
{
	uint32_t open = 0, doubtful = 0;
	int status;

	(void)state;
	for (uint32_t i = 0; i < STOPS; i++) {
		struct world *w = world_create(100 + i);
		pid_t pid = writer_start(w, CHANGES);
		uint64_t lost;

		if (!pid)
			skip();
		while (writer_step(pid) && !w->shared->journal.is_open)
			;
		for (uint32_t n = i % LONGEST; n; n--)
			writer_step(pid);
		open += w->shared->journal.is_open;
		recover(w->shared);
		check_exact(w, w->shared);
		w->shared->lock += TERM;
		lost = w->shared->stats.flow_table_full;
		assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		check_exact(w, w->shared);
		assert_true(w->shared->stats.flow_table_full > lost);
		doubtful += w->shared->journal.is_doubtful;
		world_destroy(w);
	}
	assert_true(open > STOPS / 4);
	assert_true(doubtful >= open); /* what was open has ended after the lock was lost */
	print_message("# %u of %u were stopped within a change\n", open, STOPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_after_any_instruction),
		cmocka_unit_test(stopped_after_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
