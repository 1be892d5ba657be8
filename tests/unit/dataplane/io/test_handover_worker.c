/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker on a port that the XDP program uses too: whose packets, whose flows, and what comes late. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "tests/support/rig.h"

#define N_BUCKETS 256
#define FLOWS_BYTES (N_BUCKETS * sizeof(struct lb_bucket))
#define LONG_NS (LB_BEAT_OLD_NS * 2)

/* What sluiced and the kernel have: it outlives workers. */
/*
 * In place of libc's: the clock of heartbeats stands still. A worker is stalled when a test says so, and not when
 * a busy machine keeps this process from its CPU.
 */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc has reserved names */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	static struct timespec coarse;

	if (clock != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, clock, now);
	if (coarse.tv_sec == 0)
		syscall(SYS_clock_gettime, clock, &coarse);
	*now = coarse;
	return 0;
}

struct world {
	struct rig *rig;
	struct handover_port shared;
	struct lb_handover queue;
	struct lb_bucket *flows; /* [N_BUCKETS], on pages of their own */
	struct lb_instance_stats xdp_counts[LB_INSTANCES_MAX];
};

static void steps(struct world *w, uint32_t n)
{
	while (n-- > 0)
		worker_step(w->rig->worker);
}

static void look(struct world *w, uint64_t at_ns)
{
	worker_look(w->rig->worker, consumer_tables(&w->rig->consumer), at_ns);
}

static int begin(void **state)
{
	struct world *w = aligned_alloc(64, sizeof(*w));

	assert_non_null(w);
	memset(w, 0, sizeof(*w));
	w->flows =
		mmap(NULL, FLOWS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(w->flows, MAP_FAILED);
	w->rig = rig_create(RIG_RINGS, 128, 128);
	w->queue.by_xdp = 1;
	w->shared = (struct handover_port){
		.flows = w->flows,
		.counts = w->xdp_counts,
		.queues = &w->queue,
		.n_workers = 1,
		.n_buckets = N_BUCKETS,
	};
	rig_restart(w->rig, &w->shared);
	w->queue.allowed = w->rig->segment.boot_id;
	rig_publish(w->rig);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	rig_destroy(w->rig);
	munmap(w->flows, FLOWS_BYTES);
	free(w);
	return 0;
}

static void xdp_takes_over(struct world *w)
{
	w->queue.lock = (w->queue.lock & ~LB_HANDOVER_HOLDER) + LB_HANDOVER_TERM;
	w->queue.by_xdp = 1;
}

static void beats_and_holds_no_lock_between_bursts(void **state)
{
	struct world *w = *state;

	steps(w, 1);
	assert_true(lb_handover_is_due(&w->queue, clock_coarse_ns()));
	rig_receive_syns(w->rig, 1000, 10);
	steps(w, 1);
	assert_int_equal(w->rig->worker->stats->tx_pkts, 10);
	assert_int_equal(w->queue.lock, 0);
	rig_check_accounting(w->rig);
}

static void ticks_are_those_of_the_kernels_clock(void **state)
{
	struct world *w = *state;

	steps(w, 1);
	assert_int_equal(w->rig->worker->now, (uint16_t)(clock_coarse_ns() / LB_FLOW_TICK_NS));
}

static void flows_outlive_the_worker(void **state)
{
	struct world *w = *state;
	const struct lb_worker_stats *stats = w->rig->worker->stats;

	rig_receive_syns(w->rig, 1000, 60);
	steps(w, 1);
	assert_int_equal(stats->flow_inserts, 60);
	rig_empty(w->rig->tx);
	rig_restart(w->rig, &w->shared);
	rig_receive_syns(w->rig, 1000, 60);
	steps(w, 1);
	assert_int_equal(w->rig->worker->stats->flow_inserts, 60);
	assert_int_equal(w->rig->worker->stats->flow_hits, 60);
	rig_check_accounting(w->rig);
}

/* RSS moves a flow from a queue that has no worker, where the XDP program has recorded it, to the worker's. */
static void flows_of_a_queue_without_a_worker_are_found(void **state)
{
	static struct lb_bucket others[N_BUCKETS] LB_ALIGNED(64);
	struct world *w = *state;
	const struct lb_worker_stats *stats;
	struct flow_table by_xdp;
	uint32_t moved = 0;

	rig_receive_syns(w->rig, 1000, 60);
	steps(w, 1);
	memcpy(others, w->flows, sizeof(others)); /* as if it had been there */
	memset(w->flows, 0, FLOWS_BYTES);
	rig_empty(w->rig->tx);
	w->shared.flows = others;
	handover_port_flows(&w->shared, 0, &by_xdp);
	w->shared.flows = w->flows;
	w->rig->regions[1] = &by_xdp.table;
	w->rig->n_regions = 2;
	rig_restart(w->rig, &w->shared);
	stats = w->rig->worker->stats;
	assert_int_equal(stats->flow_adopted, 0);
	rig_receive_syns(w->rig, 1000, 60);
	steps(w, 1);
	assert_int_equal(stats->flow_adopted, 60);
	for (uint32_t i = 0; i < N_BUCKETS; i++)
		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++)
			moved += (others[i].home[slot] & LB_FLOW_MOVED) != 0;
	assert_int_equal(moved, 60); /* of each one record is alive */
	rig_check_accounting(w->rig);
}

static void packets_of_a_dead_worker_are_accounted_for(void **state)
{
	struct world *w = *state;
	struct lb_worker_stats *stats = w->rig->worker->stats;

	rig_receive_syns(w->rig, 1000, 10);
	steps(w, 1);
	stats->rx_pkts += 7; /* killed when it had just got them */
	rig_restart(w->rig, &w->shared);
	assert_int_equal(stats->drop[LB_DROP_KILLED], 7);
	rig_check_accounting(w->rig);
	rig_restart(w->rig, &w->shared);
	assert_int_equal(stats->drop[LB_DROP_KILLED], 7);
}

/* Killed between the store that records a flow and its count. */
static void interrupted_change_is_completed(void **state)
{
	struct world *w = *state;
	const struct lb_worker_stats *stats = w->rig->worker->stats;
	struct lb_journal *journal = &w->queue.journal;

	rig_receive_syns(w->rig, 1000, 10);
	steps(w, 1);
	assert_int_equal(stats->flows, 10);
	assert_int_equal(journal->is_open, 0);
	assert_int_equal(journal->all, 9); /* before the last one */
	w->rig->worker->stats->flows--;
	w->rig->worker->pl.instance_stats[journal->instance[1]].flows--;
	journal->is_open = 1;
	w->queue.lock |= LB_HELD_BY_WORKER;
	rig_restart(w->rig, &w->shared);
	assert_int_equal(w->queue.lock, LB_HANDOVER_TERM);
	assert_int_equal(journal->is_open, 0);
	assert_int_equal(w->rig->worker->stats->flows, 10);
	assert_int_equal(w->rig->worker->pl.instance_stats[journal->instance[1]].flows, 10);
	rig_check_accounting(w->rig);
}

static void packets_queued_for_a_stopped_worker_are_late(void **state)
{
	struct world *w = *state;
	const struct lb_worker_stats *stats = w->rig->worker->stats;

	look(w, clock_coarse_ns() - LONG_NS);
	rig_receive_syns(w->rig, 1000, 100);
	xdp_takes_over(w);
	steps(w, 1); /* it looks first, and throws away all of it */
	assert_int_equal(stats->drop[LB_DROP_LATE], 100);
	assert_int_equal(stats->flows, 0);
	rig_receive_syns(w->rig, 1000, 10);
	steps(w, 1);
	assert_int_equal(stats->tx_pkts, 10);
	rig_check_accounting(w->rig);
}

/* Stopped between its check of the handover and its receive call. */
static void packets_received_while_stopped_are_late(void **state)
{
	struct world *w = *state;
	const struct lb_worker_stats *stats = w->rig->worker->stats;

	w->rig->worker->looked_ns = clock_coarse_ns() - LONG_NS;
	w->rig->worker->tsc_next_look = UINT64_MAX;
	rig_receive_syns(w->rig, 1000, 10);
	xdp_takes_over(w);
	steps(w, 1);
	assert_int_equal(stats->drop[LB_DROP_LATE], 10);
	rig_check_accounting(w->rig);
}

static void stopped_but_not_replaced_worker_continues(void **state)
{
	struct world *w = *state;

	look(w, clock_coarse_ns() - LONG_NS);
	rig_receive_syns(w->rig, 1000, 10);
	steps(w, 1);
	assert_int_equal(w->rig->worker->stats->tx_pkts, 10);
	rig_check_accounting(w->rig);
}

/* sluiced took its packets away for a moment, but the worker never stopped. */
static void worker_replaced_while_running_loses_no_packet(void **state)
{
	struct world *w = *state;

	steps(w, 1);
	rig_receive_syns(w->rig, 1000, 10);
	xdp_takes_over(w);
	steps(w, 1);
	assert_int_equal(w->rig->worker->stats->tx_pkts, 10);
	assert_int_equal(w->queue.lock, LB_HANDOVER_TERM);
	rig_check_accounting(w->rig);
}

static void only_the_active_side_sweeps(void **state)
{
	struct world *w = *state;
	const struct lb_worker_stats *stats = w->rig->worker->stats;

	rig_receive_syns(w->rig, 1000, 10);
	steps(w, 1);
	for (uint32_t i = 0; i < N_BUCKETS; i++)
		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++)
			w->flows[i].seen[slot] = (uint16_t)(w->rig->worker->now + 30000);
	w->queue.allowed = 0;
	for (uint32_t i = 0; i < 2 * FLOW_TABLE_SWEEP_TICKS; i++) {
		flow_table_tick(&w->rig->worker->flows);
		steps(w, 1);
	}
	assert_int_equal(stats->flows, 10);
	w->queue.allowed = w->rig->segment.boot_id;
	for (uint32_t i = 0; i < 2 * FLOW_TABLE_SWEEP_TICKS; i++) {
		flow_table_tick(&w->rig->worker->flows);
		steps(w, 1);
	}
	assert_int_equal(stats->flows, 0);
	assert_int_equal(w->queue.lock, 0);
}

/* What a worker counts of a region that XDP writes, too. */
static void check_counts(struct world *w, uint32_t flows)
{
	uint32_t held = 0, counted = 0;

	for (uint32_t i = 0; i < N_BUCKETS; i++)
		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++)
			held += w->flows[i].key[slot] != 0;
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		counted += w->rig->worker->pl.instance_stats[i].flows + w->xdp_counts[i].flows;
	assert_int_equal(held, flows);
	assert_int_equal(counted, flows);
}

static struct world *stopped;

/* In the middle of a burst: the XDP program takes the lock, and removes a flow that the worker removes, too. */
static void worker_stops(int number)
{
	struct world *w = stopped;
	uint16_t instance;
	uint32_t i = 0;

	(void)number;
	mprotect(w->flows, FLOWS_BYTES, PROT_READ | PROT_WRITE);
	if ((w->queue.lock & LB_HANDOVER_HOLDER) != LB_HELD_BY_WORKER)
		abort();
	xdp_takes_over(w);
	while (!w->flows[i].key[0])
		i++;
	instance = lb_bucket_instance(&w->flows[i], 0);
	lb_bucket_clear(&w->flows[i], 0);
	w->xdp_counts[instance].flows--;
	w->rig->worker->pl.instance_stats[instance].flows--;
	w->rig->worker->stats->flows--;
	w->queue.journal.is_doubtful = 1;
}

static void worker_that_lost_its_lock_recounts(void **state)
{
	const struct sigaction stop = { .sa_handler = worker_stops };
	struct sigaction before;
	struct world *w = *state;

	rig_receive_syns(w->rig, 1000, 60);
	steps(w, 1);
	check_counts(w, 60);
	stopped = w;
	assert_int_equal(sigaction(SIGSEGV, &stop, &before), 0);
	assert_int_equal(mprotect(w->flows, FLOWS_BYTES, PROT_NONE), 0);
	rig_receive_syns(w->rig, 2000, 10);
	steps(w, 1);
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	assert_int_equal(w->queue.lock, LB_HANDOVER_TERM);
	assert_int_equal(w->rig->worker->stats->flow_table_full, 10); /* it may not record them */
	check_counts(w, 59);
	assert_int_equal(w->rig->worker->stats->flows, 60); /* one of them was XDP's to remove */
	assert_int_equal(w->queue.process, LB_HANDOVER_NO_PACKETS);
	assert_int_equal(w->queue.journal.is_doubtful, 0);
	look(w, clock_coarse_ns());
	assert_true(lb_handover_is_due(&w->queue, clock_coarse_ns()));
}

/* Killed when it had finished a change too late, before it had counted. */
static void successor_recounts(void **state)
{
	struct world *w = *state;
	uint32_t i = 0;

	rig_receive_syns(w->rig, 1000, 60);
	steps(w, 1);
	while (!w->flows[i].key[0])
		i++;
	w->rig->worker->pl.instance_stats[lb_bucket_instance(&w->flows[i], 0)].flows--;
	w->rig->worker->stats->flows--;
	w->queue.journal.is_doubtful = 1;
	rig_empty(w->rig->tx);
	rig_restart(w->rig, &w->shared);
	assert_int_equal(w->queue.journal.is_doubtful, 0);
	assert_int_equal(w->rig->worker->stats->flows, 60);
	check_counts(w, 60);
}

/* It may hold the lock still, and so it beats; but it wants no packets. */
static void an_ending_worker_is_alive(void **state)
{
	struct world *w = *state;

	steps(w, 1);
	assert_true(lb_handover_is_due(&w->queue, clock_coarse_ns()));
	w->rig->worker->is_ending = true;
	look(w, clock_coarse_ns());
	assert_false(lb_handover_is_due(&w->queue, clock_coarse_ns()));
	assert_true(lb_handover_is_beating(&w->queue, w->queue.process, clock_coarse_ns()));
}

/* On the request to end it returns the queue at once, and forwards what is in flight. */
static void ending_is_announced(void **state)
{
	struct world *w = *state;

	steps(w, 1);
	rig_receive_syns(w->rig, 1000, 10);
	w->rig->stop = true;
	worker_main(w->rig->worker);
	assert_int_equal(w->queue.beat_ns, 0);
	assert_int_equal(w->rig->worker->stats->tx_pkts, 10);
	rig_check_accounting(w->rig);
}

#define WORKER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WORKER_TEST(beats_and_holds_no_lock_between_bursts),
		WORKER_TEST(ticks_are_those_of_the_kernels_clock),
		WORKER_TEST(flows_outlive_the_worker),
		WORKER_TEST(flows_of_a_queue_without_a_worker_are_found),
		WORKER_TEST(packets_of_a_dead_worker_are_accounted_for),
		WORKER_TEST(interrupted_change_is_completed),
		WORKER_TEST(packets_queued_for_a_stopped_worker_are_late),
		WORKER_TEST(packets_received_while_stopped_are_late),
		WORKER_TEST(stopped_but_not_replaced_worker_continues),
		WORKER_TEST(worker_replaced_while_running_loses_no_packet),
		WORKER_TEST(only_the_active_side_sweeps),
		WORKER_TEST(worker_that_lost_its_lock_recounts),
		WORKER_TEST(successor_recounts),
		WORKER_TEST(an_ending_worker_is_alive),
		WORKER_TEST(ending_is_announced),
	};

	(void)argc;
	rig_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
