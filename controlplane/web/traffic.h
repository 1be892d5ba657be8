/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic of the last hour, a sample each ten seconds, for the plots of the status page. Context:
 * the event loop's thread.
 */
#ifndef CONTROLPLANE_WEB_TRAFFIC_H
#define CONTROLPLANE_WEB_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

struct stats_node;

#define TRAFFIC_SAMPLES 360u
#define TRAFFIC_STEP_NS 10000000000u

enum traffic_series {
	TRAFFIC_BITS,	 /* received, per second */
	TRAFFIC_PACKETS, /* likewise */
	TRAFFIC_NEW,	 /* flows per second */
	TRAFFIC_FLOWS,
	TRAFFIC_DROPS, /* packets per second */
	TRAFFIC_SERIES,
};

extern const char *const traffic_names[TRAFFIC_SERIES];

struct traffic {
	double samples[TRAFFIC_SAMPLES][TRAFFIC_SERIES]; /* a ring */
	uint32_t first, count;
	/* Private: the counters at the last look. */
	uint64_t last[TRAFFIC_SERIES];
	uint64_t last_ns;
};

/**
 * Look at the counters.
 * @now_ns: monotonic.
 * Return: whether that made a sample: TRAFFIC_STEP_NS after the last one. The first look makes none.
 */
bool traffic_look(struct traffic *traffic, const struct stats_node *figures, uint64_t now_ns);

/** A sample; 0 is the oldest. */
const double *traffic_at(const struct traffic *traffic, uint32_t i);

#endif
