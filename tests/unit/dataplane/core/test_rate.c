/* SPDX-License-Identifier: BSD-3-Clause */
/* What a limit lets through of more than it allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dataplane/core/lb_rate.h"

enum { ASKED_PER_TICK = 1000000 };

static uint32_t taken(struct lb_rate *rate)
{
	uint32_t n = 0;

	while (n < ASKED_PER_TICK && lb_rate_take(rate, 0))
		n++;
	return n;
}

static void test_rates(void **state)
{
	static const struct {
		uint32_t per_second, at_once, in_ten_seconds;
	} rows[] = {
		{ 0, 0, 0 },
		{ 1, 64, 10 },
		{ 5, 64, 50 },
		{ 640, 64, 6400 },
		{ 641, 64, 6410 },
		{ 1000, 100, 10000 },
		{ 1000000, 100000, 1000000 * 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct lb_rate_limit limit = lb_rate_limit_make(rows[i].per_second);
		struct lb_rate rate = { .tokens = limit.burst };
		uint32_t passed = 0;

		assert_int_equal(taken(&rate), rows[i].at_once);
		for (uint32_t tick = 0; tick < 10 * LB_TICKS_PER_SECOND; tick++) {
			lb_rate_refill(&rate, &limit, 1);
			passed += taken(&rate);
		}
		/* less by what a tick's 256ths of a token round off */
		assert_true(passed <= rows[i].in_ten_seconds);
		assert_true(passed + 1 >= rows[i].in_ten_seconds - rows[i].in_ten_seconds / 50);
	}
}

/* A limit that is lowered holds from the next tick on. */
static void test_lowered_limit_holds_from_the_next_tick(void **state)
{
	const struct lb_rate_limit none = lb_rate_limit_make(0);
	struct lb_rate rate = { .tokens = lb_rate_limit_make(1000).burst };

	(void)state;
	lb_rate_refill(&rate, &none, 1);
	assert_int_equal(taken(&rate), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_lowered_limit_holds_from_the_next_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
