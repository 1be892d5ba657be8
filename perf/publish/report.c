/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "perf/publish/publish.h"

static const double percentiles[] = { 10, 25, 50, 75, 90, 95, 99, 99.9, 100 };

static int compare(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* @sorted: nanoseconds. Return: microseconds. */
static double percentile_us(const uint64_t *sorted, uint32_t n, double percent)
{
	uint32_t at = (uint32_t)((double)n * percent / 100);

	return (double)sorted[at < n ? at : n - 1] / 1000;
}

static json_t *leg_json(uint64_t *values, uint32_t n)
{
	json_t *points = json_array();

	qsort(values, n, sizeof(*values), compare);
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		json_array_append_new(points, json_pack("[f, f]", percentiles[i],
							percentile_us(values, n, percentiles[i])));
	return points;
}

static json_t *times_json(struct publish_times *times)
{
	static const char *const names[PUBLISH_LEGS] = { "wake_us", "stage_us", "grace_us",
							 "took_us" };
	json_t *row = json_pack("{s:s, s:i, s:i}", "name", times->name, "bytes", times->bytes, "n",
				times->n);

	for (uint32_t leg = 0; leg < PUBLISH_LEGS; leg++)
		json_object_set_new(row, names[leg], leg_json(times->leg[leg], times->n));
	return row;
}

static double at_us(const struct publish_times *times, enum publish_leg leg, double percent)
{
	return percentile_us(times->leg[leg], times->n, percent);
}

static void times_print(const struct publish_times *times)
{
	printf("  %-10s %8u %7u %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f\n", times->name,
	       times->bytes, times->n, at_us(times, PUBLISH_WHOLE, 50),
	       at_us(times, PUBLISH_WHOLE, 90), at_us(times, PUBLISH_WHOLE, 99),
	       at_us(times, PUBLISH_WHOLE, 100), at_us(times, PUBLISH_WAKE, 50),
	       at_us(times, PUBLISH_STAGE, 50), at_us(times, PUBLISH_GRACE, 50));
}

static json_t *builds_report(const struct publish_build *builds)
{
	json_t *rows = json_array();

	printf("microseconds of CPU time for building a table\n"
	       "  %8s %10s %-10s %9s %9s %9s\n",
	       "slots", "instances", "weights", "median", "p10", "p90");
	for (uint32_t i = 0; i < PUBLISH_BUILDS; i++) {
		const struct publish_build *b = &builds[i];

		printf("  %8u %10u %-10s %9.0f %9.0f %9.0f\n", b->slots, b->instances,
		       b->equal ? "equal" : "different", b->median_us, b->low_us, b->high_us);
		json_array_append_new(rows, json_pack("{s:i, s:i, s:b, s:f, s:f, s:f}", "slots",
						      b->slots, "instances", b->instances, "equal",
						      b->equal, "low_us", b->low_us, "median_us",
						      b->median_us, "high_us", b->high_us));
	}
	return rows;
}

int report_write(struct publish_times *const *times, uint32_t n, const struct publish_load *load,
		 const struct publish_build *builds, const char *path)
{
	json_t *rows = json_array(), *all;
	int err = 0;

	printf("microseconds from a publish to the last worker's acknowledgement; %u worker%s busy in %.0f %% of"
	       " the loops, %.2f Mpps\n",
	       load->workers, load->workers == 1 ? "" : "s", load->busy * 100,
	       (double)load->packets / load->seconds / 1e6);
	printf("  %-10s %8s %7s %9s %9s %9s %9s %9s %9s %9s\n", "change of", "bytes", "changes",
	       "median", "p90", "p99", "worst", "wake", "stage", "grace");
	for (uint32_t i = 0; i < n; i++) {
		json_array_append_new(rows, times_json(times[i]));
		times_print(times[i]);
	}
	printf("  wake, stage, grace: medians of the parts\n"
	       "  CPU time of a change in the control plane: %.0f\n\n",
	       load->change_cpu_us);
	all = json_pack("{s:{s:i, s:i, s:f, s:f, s:f}, s:o, s:o}", "load", "workers", load->workers,
			"instances", load->instances, "mpps",
			(double)load->packets / load->seconds / 1e6, "busy", load->busy,
			"change_cpu_us", load->change_cpu_us, "rows", rows, "builds",
			builds_report(builds));
	if (path && json_dump_file(all, path, JSON_INDENT(1))) {
		fflush(stdout);
		fprintf(stderr, "publish: cannot write %s\n", path);
		err = -EIO;
	}
	json_decref(all);
	return err;
}
