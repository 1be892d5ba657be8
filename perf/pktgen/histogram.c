/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/histogram.h"

#include <math.h>

uint32_t histogram_value(uint32_t index)
{
	uint32_t shift = index / HISTOGRAM_SUB;

	if (shift == 0)
		return index;
	shift--;
	return (uint32_t)((((uint64_t)(HISTOGRAM_SUB + index % HISTOGRAM_SUB) + 1) << shift) - 1);
}

uint64_t histogram_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->bucket[i];
	return n;
}

uint32_t histogram_quantile(const struct histogram *h, double fraction)
{
	uint64_t n = histogram_count(h), seen = 0;
	uint64_t want = (uint64_t)ceil(fraction * (double)n);

	if (!n)
		return 0;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= want && seen)
			return histogram_value(i);
	}
	return UINT32_MAX;
}
