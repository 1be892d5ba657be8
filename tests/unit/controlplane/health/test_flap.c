/* SPDX-License-Identifier: BSD-3-Clause */
/* When an instance that flaps is taken out, retried, and left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/health/flap.h"

#define MINUTE 60000ull

static const struct config_flapping rule = {
	.times = 5,
	.within_ms = 5 * MINUTE,
	.retry_in_ms = 10 * MINUTE,
	.retry_times = 3,
	.retry_within_ms = 120 * MINUTE,
};

/* @n changes, one each second. Return: the last outcome; all before are none. */
static enum flap_outcome changes(struct flap *flap, uint32_t n, bool is_last, uint64_t *now_ms)
{
	for (uint32_t i = 1; i < n; i++, *now_ms += 1000)
		assert_int_equal(flap_change(flap, &rule, is_last, *now_ms), FLAP_NOTHING);
	return flap_change(flap, &rule, is_last, *now_ms);
}

static void out_and_retried(void **state)
{
	struct flap flap = { .state = FLAP_IN };
	uint64_t now_ms = 1;

	(void)state;
	assert_int_equal(changes(&flap, 5, false, &now_ms), FLAP_IS_OUT);
	assert_int_equal(flap.state, FLAP_OUT);
	assert_int_equal(flap.until_ms, now_ms + 10 * MINUTE);
	/* What it does meanwhile doesn't count. */
	assert_int_equal(changes(&flap, 50, false, &now_ms), FLAP_NOTHING);
	assert_int_equal(flap_tick(&flap, flap.until_ms - 1), FLAP_NOTHING);
	now_ms = flap.until_ms;
	assert_int_equal(flap_tick(&flap, now_ms), FLAP_IS_RETRIED);
	assert_int_equal(flap.state, FLAP_IN);
	assert_int_equal(changes(&flap, 4, false, &now_ms), FLAP_NOTHING);
}

static void slow_changes_do_not_count(void **state)
{
	struct flap flap = { .state = FLAP_IN };

	(void)state;
	for (uint64_t now_ms = 0; now_ms < 1000 * MINUTE; now_ms += 75000) /* 4 in 5 minutes */
		assert_int_equal(flap_change(&flap, &rule, false, now_ms), FLAP_NOTHING);
}

static void left_out_at_last(void **state)
{
	struct flap flap = { .state = FLAP_IN };
	uint64_t now_ms = 1;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(changes(&flap, 5, false, &now_ms), FLAP_IS_OUT);
		now_ms = flap.until_ms;
		assert_int_equal(flap_tick(&flap, now_ms), FLAP_IS_RETRIED);
	}
	assert_int_equal(changes(&flap, 5, false, &now_ms), FLAP_IS_LEFT_OUT);
	assert_int_equal(flap_tick(&flap, now_ms + 100000 * MINUTE), FLAP_NOTHING);
	assert_int_equal(flap.state, FLAP_LEFT_OUT);
}

/* Outs that are older than retry_within are forgotten. */
static void rare_outs_are_retried_for_ever(void **state)
{
	struct flap flap = { .state = FLAP_IN };
	uint64_t now_ms = 1;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(changes(&flap, 5, false, &now_ms), FLAP_IS_OUT);
		now_ms += 61 * MINUTE;
		assert_int_equal(flap_tick(&flap, now_ms), FLAP_IS_RETRIED);
	}
}

/* It is told once, and taken out as soon as another one takes flows. */
static void last_one_is_spared(void **state)
{
	struct flap flap = { .state = FLAP_IN };
	uint64_t now_ms = 1;

	(void)state;
	assert_int_equal(changes(&flap, 5, true, &now_ms), FLAP_IS_SPARED);
	assert_int_equal(changes(&flap, 50, true, &now_ms), FLAP_NOTHING);
	assert_int_equal(flap.state, FLAP_IN);
	assert_int_equal(flap_change(&flap, &rule, false, now_ms), FLAP_IS_OUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_and_retried),
		cmocka_unit_test(slow_changes_do_not_count),
		cmocka_unit_test(left_out_at_last),
		cmocka_unit_test(rare_outs_are_retried_for_ever),
		cmocka_unit_test(last_one_is_spared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
