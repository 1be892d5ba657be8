/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "perf/pktgen/histogram.h"

/* Every value lies in its bucket, buckets follow each other, and none is wider than 1/128. */
static void test_buckets(void **state)
{
	(void)state;
	for (uint32_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		uint64_t top = histogram_value(i);

		assert_int_equal(histogram_index((uint32_t)top), i);
		assert_int_equal(histogram_index((uint32_t)top + 1), i + 1);
		if (i)
			assert_true((top - histogram_value(i - 1)) * HISTOGRAM_SUB <=
				    top + HISTOGRAM_SUB);
	}
	assert_int_equal(histogram_index(UINT32_MAX), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_value(HISTOGRAM_BUCKETS - 1), UINT32_MAX);
}

static void test_quantiles(void **state)
{
	static struct histogram h;

	(void)state;
	memset(&h, 0, sizeof(h));
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
	for (uint32_t i = 1; i <= 100; i++)
		histogram_add(&h, i);
	assert_int_equal(histogram_count(&h), 100);
	assert_int_equal(histogram_quantile(&h, 0.5), 50);
	assert_int_equal(histogram_quantile(&h, 0.99), 99);
	assert_int_equal(histogram_quantile(&h, 1), 100);
	histogram_add(&h, 1000000);
	assert_in_range(histogram_quantile(&h, 1), 1000000, 1000000 + 1000000 / 128);
	assert_int_equal(histogram_quantile(&h, 0.5), 51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_quantiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
