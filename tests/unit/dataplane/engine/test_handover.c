/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's end of the handover, with this test as the XDP program and as sluiced. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/engine/handover.h"

#define PROCESS 77u
#define NOW_NS 5000000000ull

static struct lb_handover queue;
static struct handover handover;

static int begin(void **state)
{
	(void)state;
	queue = (struct lb_handover){ .by_xdp = 1 };
	handover = (struct handover){ .queue = &queue, .process = PROCESS };
	assert_false(handover_start(&handover));
	return 0;
}

/* As bpf/sluice_xdp_handover.h does. */
static void xdp_takes_over(void)
{
	queue.lock = (queue.lock & ~LB_HANDOVER_HOLDER) + LB_HANDOVER_TERM;
}

static void only_a_fresh_heartbeat_of_the_chosen_process_counts(void **state)
{
	(void)state;
	assert_false(lb_handover_is_due(&queue, NOW_NS));
	handover_beat(&handover, NOW_NS);
	assert_false(lb_handover_is_due(&queue, NOW_NS)); /* nobody was chosen */
	assert_false(handover_is_allowed(&handover));
	queue.allowed = PROCESS;
	assert_true(handover_is_allowed(&handover));
	assert_true(lb_handover_is_due(&queue, NOW_NS));
	assert_true(lb_handover_is_due(&queue, NOW_NS - 4000000)); /* clocks of two CPUs */
	assert_true(lb_handover_is_due(&queue, NOW_NS + LB_BEAT_OLD_NS - 1));
	assert_false(lb_handover_is_due(&queue, NOW_NS + LB_BEAT_OLD_NS));
	handover_beat(&handover, 0);
	assert_false(lb_handover_is_due(&queue, NOW_NS));
	handover_beat(&handover, NOW_NS);
	queue.allowed = PROCESS + 1;
	assert_false(lb_handover_is_due(&queue, NOW_NS));
}

static void lock_is_held_and_given_back(void **state)
{
	(void)state;
	assert_true(handover_lock(&handover));
	assert_int_equal(queue.lock, LB_HELD_BY_WORKER);
	handover_unlock(&handover);
	assert_int_equal(queue.lock, 0);
	assert_false(handover_is_replaced(&handover));
}

static void replaced_worker_gets_no_lock_until_it_follows(void **state)
{
	(void)state;
	xdp_takes_over();
	assert_true(handover_is_replaced(&handover));
	assert_false(handover_lock(&handover));
	handover_follow(&handover);
	assert_true(handover_lock(&handover));
	assert_int_equal(queue.lock, LB_HANDOVER_TERM | LB_HELD_BY_WORKER);
	handover_unlock(&handover);
}

/* Stopped in the middle of a burst, it does not free what is another one's by now. */
static void worker_that_lost_its_lock_does_not_release_it(void **state)
{
	(void)state;
	assert_true(handover_lock(&handover));
	xdp_takes_over();
	queue.lock |= LB_HELD_BY_XDP;
	assert_false(handover_unlock(&handover));
	assert_int_equal(queue.lock, LB_HANDOVER_TERM | LB_HELD_BY_XDP);
	assert_false(handover_lock(&handover));
}

static void dead_predecessor_blocks_nothing(void **state)
{
	(void)state;
	assert_true(handover_lock(&handover));
	handover = (struct handover){ .queue = &queue, .process = PROCESS + 1 };
	assert_true(handover_start(&handover));
	assert_int_equal(queue.lock, handover_held(&handover));
	handover_unlock(&handover);
	assert_true(handover_lock(&handover));
	handover_unlock(&handover);
	assert_int_equal(queue.lock, LB_HANDOVER_TERM);
}

/* The XDP program has taken the dead one's lock, and is about to complete its change. */
static void *xdp_recovers(void *arg)
{
	(void)arg;
	usleep(20000);
	queue.journal.is_open = 0;
	__atomic_store_n(&queue.lock, LB_HANDOVER_TERM, __ATOMIC_RELEASE);
	return NULL;
}

static void kernel_never_loses_its_lock(void **state)
{
	pthread_t xdp;

	(void)state;
	queue.lock = LB_HANDOVER_TERM | LB_HELD_BY_XDP;
	queue.journal.is_open = 1;
	assert_int_equal(pthread_create(&xdp, NULL, xdp_recovers, NULL), 0);
	assert_false(handover_start(&handover));
	assert_int_equal(queue.lock, LB_HANDOVER_TERM);
	assert_int_equal(handover.term, LB_HANDOVER_TERM);
	pthread_join(xdp, NULL);
}

/* Its sockets are there before its tables: what it gets would be lost to the service. */
static void dead_predecessor_gets_no_packets_for_its_successor(void **state)
{
	(void)state;
	queue.allowed = PROCESS;
	handover_beat(&handover, NOW_NS);
	assert_true(lb_handover_is_due(&queue, NOW_NS));
	handover_clear(&queue);
	assert_false(lb_handover_is_due(&queue, NOW_NS));
}

static void no_wait_is_endless(void **state)
{
	(void)state;
	queue.lock = LB_HELD_BY_SWEEP;
	assert_false(handover_lock(&handover));
	queue.lock = LB_HELD_BY_NOBODY;
	assert_true(handover_lock(&handover));
}

#define HANDOVER_TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDOVER_TEST(only_a_fresh_heartbeat_of_the_chosen_process_counts),
		HANDOVER_TEST(lock_is_held_and_given_back),
		HANDOVER_TEST(replaced_worker_gets_no_lock_until_it_follows),
		HANDOVER_TEST(worker_that_lost_its_lock_does_not_release_it),
		HANDOVER_TEST(dead_predecessor_blocks_nothing),
		HANDOVER_TEST(kernel_never_loses_its_lock),
		HANDOVER_TEST(dead_predecessor_gets_no_packets_for_its_successor),
		HANDOVER_TEST(no_wait_is_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
