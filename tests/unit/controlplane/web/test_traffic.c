/* SPDX-License-Identifier: BSD-3-Clause */
/* The hour behind the plots of the status page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/api/stats.h"
#include "controlplane/web/traffic.h"

#define START_NS 1000000000000u

static struct traffic traffic;
static struct stats_node figures;

static int setup(void **state)
{
	(void)state;
	traffic = (struct traffic){ .count = 0 };
	figures =
		(struct stats_node){ .rx_bytes = 1000, .rx_pkts = 10, .new_flows = 1, .flows = 7 };
	return 0;
}

static void samples_are_rates(void **state)
{
	const double *sample;

	(void)state;
	assert_false(traffic_look(&traffic, &figures, START_NS));
	figures.rx_bytes += 5000;
	figures.rx_pkts += 40;
	figures.new_flows += 30;
	figures.drops += 20;
	figures.flows = 9;
	assert_false(traffic_look(&traffic, &figures, START_NS + TRAFFIC_STEP_NS - 1));
	assert_true(traffic_look(&traffic, &figures, START_NS + 2 * (uint64_t)TRAFFIC_STEP_NS));
	assert_int_equal(traffic.count, 1);
	sample = traffic_at(&traffic, 0);
	assert_true(sample[TRAFFIC_BITS] == 2000);
	assert_true(sample[TRAFFIC_PACKETS] == 2);
	assert_true(sample[TRAFFIC_NEW] == 1.5);
	assert_true(sample[TRAFFIC_DROPS] == 1);
	assert_true(sample[TRAFFIC_FLOWS] == 9);
}

static void counters_may_begin_anew(void **state)
{
	(void)state;
	traffic_look(&traffic, &figures, START_NS);
	figures.rx_pkts = 3;
	assert_true(traffic_look(&traffic, &figures, START_NS + TRAFFIC_STEP_NS));
	assert_true(traffic_at(&traffic, 0)[TRAFFIC_PACKETS] == 0);
	figures.rx_pkts = 23;
	assert_true(traffic_look(&traffic, &figures, START_NS + 2 * (uint64_t)TRAFFIC_STEP_NS));
	assert_true(traffic_at(&traffic, 1)[TRAFFIC_PACKETS] == 2);
}

static void an_hour_is_kept(void **state)
{
	(void)state;
	for (uint64_t i = 0; i <= TRAFFIC_SAMPLES + 5; i++) {
		figures.flows = i;
		traffic_look(&traffic, &figures, START_NS + i * TRAFFIC_STEP_NS);
	}
	assert_int_equal(traffic.count, TRAFFIC_SAMPLES);
	assert_true(traffic_at(&traffic, 0)[TRAFFIC_FLOWS] == 6);
	assert_true(traffic_at(&traffic, TRAFFIC_SAMPLES - 1)[TRAFFIC_FLOWS] ==
		    TRAFFIC_SAMPLES + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(samples_are_rates, setup),
		cmocka_unit_test_setup(counters_may_begin_anew, setup),
		cmocka_unit_test_setup(an_hour_is_kept, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
