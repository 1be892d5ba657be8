/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a change takes from the publisher to the last worker's acknowledgement. This program
 * uses sluiced's model, tables and publisher, and sends one change after the other to a dataplane
 * that meanwhile forwards at full speed (started by perf/suite/publish.py).
 *
 *   flags   an instance is drained: the instances block is sent at once
 *   table   the pool's Maglev table, which is built and sent next
 *   both    the drain is undone: the previous table, and the instances with it
 *   build   building a table, without a dataplane: pools and tables of several sizes
 */
#ifndef PERF_PUBLISH_H
#define PERF_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#define PUBLISH_CHANGES_MAX 100000

enum publish_leg {
	PUBLISH_WAKE,  /* from the command ring to the main lcore that reads it */
	PUBLISH_STAGE, /* copy, checks, new tables, up to the swap of the pointer */
	PUBLISH_GRACE, /* until the last worker has begun another burst */
	PUBLISH_WHOLE,
	PUBLISH_LEGS
};

/* One kind of change; durations in nanoseconds. */
struct publish_times {
	const char *name;
	uint32_t bytes; /* of the block that is sent */
	uint32_t n;
	uint64_t leg[PUBLISH_LEGS][PUBLISH_CHANGES_MAX];
};

/* Activity of the workers meanwhile. */
struct publish_load {
	double seconds;
	uint64_t packets;
	double busy; /* share of their loops that had packets */
	uint32_t workers;
	uint32_t instances;
	double change_cpu_us; /* of this thread, for one change: flags, a table, and their answers */
};

/* Building tables; CPU time of one. */
struct publish_build {
	uint32_t instances;
	uint32_t slots;
	bool equal;			   /* weights; otherwise 20 different ones */
	double low_us, median_us, high_us; /* p10 and p90 */
};

#define PUBLISH_BUILDS 12

void build_run(struct publish_build builds[PUBLISH_BUILDS]);

/** Print the figures; write them to @path unless it is NULL. Return: 0 or -errno. */
int report_write(struct publish_times *const *times, uint32_t n, const struct publish_load *load,
		 const struct publish_build *builds, const char *path);

#endif
