/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp_grace.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/clock.h"

#define WAITS 101

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

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void is_over_soon(void **state)
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_the_thread_as_it_was),
		cmocka_unit_test(is_over_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
