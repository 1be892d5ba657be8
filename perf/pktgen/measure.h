/* SPDX-License-Identifier: BSD-3-Clause */
/* One run of the worker from the outside, and what came of it. */
#ifndef PKTGEN_MEASURE_H
#define PKTGEN_MEASURE_H

#include "perf/pktgen/generator.h"

struct measure_latency {
	uint64_t count;
	double p50_us, p90_us, p99_us, p999_us, max_us;
};

struct result {
	struct run run;
	double seconds; /* in which was sent */
	struct sender_stats tx;
	struct receiver_stats rx;
	struct faults faults;
	struct measure_latency latency;
	uint64_t instance_pkts[INSTANCES_MAX];
	uint64_t lost;	     /* of what was sent */
	uint64_t lost_flows; /* of these, packets of flows */
	double loss;	     /* share of what was offered that did not come back */
	uint64_t missed;     /* by our own device */
	/* Longest that the worker's thread, and a thread of --watch, waited for a CPU, all together. */
	double waited_us, watched_us;
};

/**
 * Run, print a line each second unless told not to, and gather.
 * Context: main thread.
 */
void measure_run(struct generator *g, const struct run *run, struct result *result);

/** Whether a CPU was taken away meanwhile for so long that packets may have been lost for it. */
bool measure_was_disturbed(const struct result *result);

double measure_tx_pps(const struct result *result);
double measure_rx_pps(const struct result *result);

#endif
