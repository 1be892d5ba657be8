/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A histogram of times, with buckets of equal width within each power of two (as HDR histograms):
 * 128 of them, so that a value is known to within 0.8 %.
 */
#ifndef PKTGEN_HISTOGRAM_H
#define PKTGEN_HISTOGRAM_H

#include "dataplane/core/lb_base.h"

#define HISTOGRAM_SUB_LOG2 7
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_LOG2)
#define HISTOGRAM_BUCKETS ((33 - HISTOGRAM_SUB_LOG2) * HISTOGRAM_SUB)

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

LB_INLINE uint32_t histogram_index(uint32_t value)
{
	uint32_t shift;

	if (value < HISTOGRAM_SUB)
		return value;
	shift = 31 - HISTOGRAM_SUB_LOG2 - (uint32_t)__builtin_clz(value);
	return (shift + 1) * HISTOGRAM_SUB + (value >> shift) - HISTOGRAM_SUB;
}

LB_INLINE void histogram_add(struct histogram *h, uint32_t value)
{
	h->bucket[histogram_index(value)]++;
}

/** The largest value in a bucket. */
uint32_t histogram_value(uint32_t index);

uint64_t histogram_count(const struct histogram *h);

/** The value that @fraction of all do not exceed (1: the largest); 0 if there are none. */
uint32_t histogram_quantile(const struct histogram *h, double fraction);

#endif
