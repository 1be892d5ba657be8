/* SPDX-License-Identifier: BSD-3-Clause */
/* One run of the worker, observed from outside, and its result. */
#ifndef PKTGEN_MEASURE_H
#define PKTGEN_MEASURE_H

#include "perf/pktgen/generator.h"

struct measure_latency {
	uint64_t count;
	double p50_us, p90_us, p99_us, p999_us, max_us;
};

struct result {
	struct run run;
	double seconds; /* during which packets were sent */
	struct sender_stats tx;
	struct receiver_stats rx;
	struct faults faults;
	struct measure_latency latency;
	uint64_t instance_pkts[INSTANCES_MAX];
	uint64_t lost;	     /* of the packets sent */
	uint64_t lost_flows; /* of these, packets of flows */
	double loss;	     /* share of what was offered that did not come back */
	uint64_t missed;     /* by our own device */
	/* Longest total wait of a thread for a CPU: of a thread of ours, and of one of --watch. */
	double waited_us, watched_us;
};

/**
 * Run, print a line each second unless told not to, and collect the result.
 * Context: main thread.
 */
void measure_run(struct generator *g, const struct run *run, struct result *result);

/** Whether a CPU was taken away for so long that packets may have been lost because of it. */
bool measure_was_disturbed(const struct result *result);

double measure_tx_pps(const struct result *result);
double measure_rx_pps(const struct result *result);

#endif
