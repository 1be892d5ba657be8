/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker that gets nothing is named when that cannot be chance, and not before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/model/spread.h"

#define SECOND 1000000000ull
#define BOOT 0x1234

static struct spread spread;
static uint64_t now_ns;

static bool look(struct spread_worker *workers, uint32_t n)
{
	return spread_look(&spread, BOOT, workers, n, now_ns);
}

static int begin(void **state)
{
	(void)state;
	memset(&spread, 0, sizeof(spread));
	now_ns = 100 * SECOND;
	return 0;
}

/* Everything in one queue, as vmxnet3 had it. */
static void silent_worker_is_named_once(void **state)
{
	struct spread_worker workers[] = { { .cpu = 2, .flows = 500 }, { .cpu = 3, .flows = 400 } };
	uint32_t said = 0;

	(void)state;
	assert_false(look(workers, 2));
	for (int i = 0; i < 60; i++) {
		now_ns += SECOND;
		workers[0].flows += 20;
		said += look(workers, 2);
		if (i < 8)
			assert_string_equal(spread.note, "");
	}
	assert_int_equal(said, 1);
	assert_non_null(strstr(spread.note, "no flows on CPU 3 of node.cpus"));
	workers[1].flows++;
	assert_false(look(workers, 2));
	assert_string_equal(spread.note, "");
}

/* Not even in an hour: of so few flows chance may send all to one worker. */
static void few_flows_prove_nothing(void **state)
{
	struct spread_worker workers[] = { { .cpu = 0 }, { .cpu = 1 }, { .cpu = 2 }, { .cpu = 3 } };

	(void)state;
	for (int i = 0; i < 3600; i++) {
		now_ns += SECOND;
		if (i % 20 == 0)
			workers[0].flows++;
		assert_false(look(workers, 4));
	}
	assert_string_equal(spread.note, "");
}

/* Many flows within milliseconds: packets for the other workers may still be in flight. */
static void short_burst_is_no_evidence(void **state)
{
	struct spread_worker workers[] = { { .cpu = 0 }, { .cpu = 1 } };

	(void)state;
	look(workers, 2);
	workers[0].flows += 1000000;
	now_ns += 9 * SECOND;
	assert_false(look(workers, 2));
	workers[1].flows++;
	now_ns += 2 * SECOND;
	assert_false(look(workers, 2));
	assert_string_equal(spread.note, "");
}

static void single_worker_has_no_peer(void **state)
{
	struct spread_worker workers[] = { { .cpu = 7 } };

	(void)state;
	for (int i = 0; i < 100; i++) {
		now_ns += SECOND;
		assert_false(look(workers, 1));
		workers[0].flows += i < 50 ? 100 : 0;
	}
	assert_string_equal(spread.note, "");
}

/* Another process: its counts begin anew. */
static void restart_begins_anew(void **state)
{
	struct spread_worker workers[] = { { .cpu = 0, .flows = 9 }, { .cpu = 1, .flows = 9 } };

	(void)state;
	look(workers, 2);
	workers[0].flows = 5;
	workers[1].flows = 0;
	now_ns += 100 * SECOND;
	assert_false(spread_look(&spread, BOOT + 1, workers, 2, now_ns));
	assert_string_equal(spread.note, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(silent_worker_is_named_once, begin),
		cmocka_unit_test_setup(few_flows_prove_nothing, begin),
		cmocka_unit_test_setup(short_burst_is_no_evidence, begin),
		cmocka_unit_test_setup(single_worker_has_no_peer, begin),
		cmocka_unit_test_setup(restart_begins_anew, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
