/* SPDX-License-Identifier: BSD-3-Clause */
/* The search for the highest rate, over a device that is only a few numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <rte_cycles.h>

#include "perf/pktgen/search.h"

/* What is sent above a rate is lost, a part of it. */
static struct {
	double zero_pps; /* up to here nothing is lost */
	double drop_pps; /* up to here little is lost */
	double free_pps; /* comes back if all is sent that goes */
	uint32_t runs;
	enum fault fault;
	uint64_t faults; /* of each run */
} device;

void measure_run(struct generator *g, const struct run *run, struct result *r)
{
	double rate_pps = run->rate_pps > 0 ? run->rate_pps : 2 * device.free_pps;
	double share = rate_pps <= device.zero_pps ? 0 : rate_pps <= device.drop_pps ? 1e-4 : 0.1;

	(void)g;
	if (run->rate_pps == 0)
		share = 0.5;
	*r = (struct result){ .run = *run, .seconds = 1, .loss = share };
	r->tx.pkts = (uint64_t)rate_pps;
	r->rx.good = (uint64_t)(rate_pps * (1 - share));
	r->faults.count[device.fault] = device.faults;
	device.runs++;
}

bool measure_was_disturbed(const struct result *r)
{
	(void)r;
	return false;
}

double measure_tx_pps(const struct result *r)
{
	return (double)r->tx.pkts / r->seconds;
}

double measure_rx_pps(const struct result *r)
{
	return (double)r->rx.good / r->seconds;
}

static struct options options;
static struct generator generator;
static struct search search;

static void search_device(double zero_pps, double drop_pps, double free_pps)
{
	options.search_min_pps = 1e4;
	options.search_max_pps = 100e6;
	options.trial_s = 1;
	options.precision = 0.01;
	options.drop = 0.001;
	options.tries = 3;
	options.quiet = true;
	generator = (struct generator){ .options = &options, .tsc_hz = 1000000000 };
	device.zero_pps = zero_pps;
	device.drop_pps = drop_pps;
	device.free_pps = free_pps;
	device.runs = 0;
	search_run(&generator, &search);
}

static void near(double value, double wanted)
{
	if (value > wanted * 1.0001 || value < wanted * 0.98)
		fail_msg("%.0f, not %.0f", value, wanted);
}

static void found(double zero_pps, double drop_pps)
{
	near(measure_tx_pps(&search.zero), zero_pps);
	near(measure_tx_pps(&search.drop), drop_pps);
	assert_true(device.runs < 40);
}

static void search_finds_both_rates(void **state)
{
	(void)state;
	search_device(9e6, 10e6, 10.1e6);
	found(9e6, 10e6);
	assert_true(search.zero_failed_pps > 9e6 && search.zero_failed_pps < 9.2e6);
	search_device(20e3, 9e6, 10e6);
	found(20e3, 9e6);
}

/* A device that does less when it is given too much, or a machine that was slow at first. */
static void unlimited_run_may_underestimate(void **state)
{
	(void)state;
	search_device(9e6, 10e6, 2e6);
	found(9e6, 10e6);
	assert_true(search.zero_failed_pps > 9e6 && search.drop_failed_pps > 10e6);
}

static void nothing_is_tried_outside_the_limits(void **state)
{
	(void)state;
	search_device(1e9, 1e9, 90e6);
	near(measure_tx_pps(&search.zero), 100e6);
	search_device(0, 0, 1e6);
	assert_true(search.zero.run.rate_pps == 0 && search.drop.run.rate_pps == 0);
	search_device(9e6, 10e6, 0);
	found(9e6, 10e6);
}

static void tolerated_faults_do_not_count(void **state)
{
	(void)state;
	device.fault = FAULT_REORDERED;
	device.faults = 1;
	search_device(9e6, 10e6, 10e6);
	assert_int_equal(search.faults, device.runs);
	options.tolerated = 1u << FAULT_REORDERED;
	search_device(9e6, 10e6, 10e6);
	assert_int_equal(search.faults, 0);
	device.faults = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(search_finds_both_rates),
		cmocka_unit_test(unlimited_run_may_underestimate),
		cmocka_unit_test(nothing_is_tried_outside_the_limits),
		cmocka_unit_test(tolerated_faults_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
