/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/metrics/histogram.h"

void metric_observe(struct metric_histogram *histogram, const struct metric_bounds *bounds,
		    uint64_t ns)
{
	const double seconds = (double)ns / 1e9;
	uint32_t i = 0;

	while (i < bounds->count && seconds > bounds->seconds[i])
		i++;
	histogram->buckets[i]++;
	histogram->sum_ns += ns;
}
