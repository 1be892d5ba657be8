/* SPDX-License-Identifier: BSD-3-Clause */
/* Durations, counted in buckets. Context: one thread. */
#ifndef CONTROLPLANE_METRICS_HISTOGRAM_H
#define CONTROLPLANE_METRICS_HISTOGRAM_H

#include <stdint.h>

#define METRIC_BUCKETS_MAX 16

/* The upper ends of buckets, ascending; one more bucket has no end. */
struct metric_bounds {
	uint32_t count;
	double seconds[METRIC_BUCKETS_MAX];
};

struct metric_histogram {
	uint64_t buckets[METRIC_BUCKETS_MAX + 1]; /* each of those in no lower one */
	uint64_t sum_ns;
};

/** Count a duration. */
void metric_observe(struct metric_histogram *histogram, const struct metric_bounds *bounds,
		    uint64_t ns);

#endif
