/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/grace.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/clock.h"

#define WAITS 101
#define SPIN_NS 700000000ull
#define TRIES 5

/* Two grace periods of the kernel's take 20 ms at rest, and a thread without priority waits its turn. */
#define MEDIAN_MAX_NS 2000000ull

static void leaves_the_thread_as_it_was(void **state)
{
	cpu_set_t before, after;
	int policy = sched_getscheduler(0);

	(void)state;
	CPU_ZERO(&before);
	CPU_SET(sched_getcpu(), &before); /* only one, so that a wider set would show */
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(xdp_grace_wait(), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
	assert_int_equal(sched_getscheduler(0), policy);
}

struct spinner {
	pthread_t thread;
	uint64_t end_ns;
	bool spins, is_over;
};

/* In the kernel's books it never sleeps, as a polling worker. */
static void *spin(void *arg)
{
	struct spinner *spinner = arg;

	__atomic_store_n(&spinner->spins, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&spinner->is_over, __ATOMIC_ACQUIRE) &&
	       clock_now_ns() < spinner->end_ns)
		;
	return NULL;
}

static int spinner_start(struct spinner *spinner, int cpu)
{
	const struct sched_param urgent = { .sched_priority = 50 };
	pthread_attr_t attr;
	cpu_set_t set;
	int err;

	*spinner = (struct spinner){ .end_ns = clock_now_ns() + SPIN_NS };
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &urgent);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	err = pthread_create(&spinner->thread, &attr, spin, spinner);
	pthread_attr_destroy(&attr);
	return err;
}

static bool is_over_before(int cpu)
{
	struct spinner spinner;
	bool is_before;

	if (spinner_start(&spinner, cpu))
		skip();
	while (!__atomic_load_n(&spinner.spins, __ATOMIC_ACQUIRE))
		sched_yield();
	assert_int_equal(xdp_grace_wait(), 0);
	is_before = clock_now_ns() < spinner.end_ns;
	__atomic_store_n(&spinner.is_over, true, __ATOMIC_RELEASE);
	pthread_join(spinner.thread, NULL);
	return is_before;
}

/*
 * Another thread of a real-time priority polls continuously: the kernel runs others on that CPU
 * once a second at best. If the machine is stopped meanwhile, a try or two may fail.
 */
static void grace_period_waits_for_no_worker(void **state)
{
	int cpu = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1, tries = 0;
	cpu_set_t mine;

	(void)state;
	CPU_ZERO(&mine);
	CPU_SET(0, &mine);
	if (cpu < 1 || sched_setaffinity(0, sizeof(mine), &mine))
		skip();
	while (!is_over_before(cpu))
		assert_true(++tries < TRIES);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void grace_period_is_short(void **state)
{
	uint64_t ns[WAITS], median_ns;

	(void)state;
	for (uint32_t i = 0; i < WAITS; i++) {
		uint64_t began_ns = clock_now_ns();

		assert_int_equal(xdp_grace_wait(), 0);
		ns[i] = clock_now_ns() - began_ns;
	}
	qsort(ns, WAITS, sizeof(ns[0]), by_size);
	median_ns = ns[WAITS / 2];
	printf("# figure: a grace period takes %.0f us (median of %u; worst %.0f us)\n",
	       (double)median_ns / 1e3, WAITS, (double)ns[WAITS - 1] / 1e3);
	assert_in_range(median_ns, 0, MEDIAN_MAX_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_the_thread_as_it_was),
		cmocka_unit_test(grace_period_is_short),
		cmocka_unit_test(grace_period_waits_for_no_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
