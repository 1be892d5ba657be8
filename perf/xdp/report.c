/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include <jansson.h>

#include "perf/xdp/bench.h"

struct report {
	json_t *rows;
	uint32_t n; /* targets */
};

struct spread {
	double p25, median, p75;
};

static int compare(const void *a, const void *b)
{
	const double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static struct spread spread_of(double *values, uint32_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return (struct spread){ values[n / 4], values[n / 2], values[n - 1 - n / 4] };
}

/* A target's cost above the bare one of the same round. */
static struct spread cost_of(const struct figures *f, uint32_t target)
{
	double cost[BENCH_ROUNDS_MAX];

	for (uint32_t i = 0; i < f->rounds; i++)
		cost[i] = f->target[target][i] - f->bare[i];
	return spread_of(cost, f->rounds);
}

/* The first target's cost relative to another one's, in the same round. */
static struct spread ratio_of(const struct figures *f, uint32_t target)
{
	double ratio[BENCH_ROUNDS_MAX];

	for (uint32_t i = 0; i < f->rounds; i++)
		ratio[i] = (f->target[0][i] - f->bare[i]) / (f->target[target][i] - f->bare[i]);
	return spread_of(ratio, f->rounds);
}

struct report *report_begin(const struct target *targets, uint32_t n, uint32_t rounds)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r)
		die("report");
	r->n = n;
	r->rows = json_array();
	printf("ns per packet above a bare XDP_TX (bare: that one), %u instances;\n"
	       "medians of %u rounds in turn, in brackets their quartiles\n",
	       BENCH_INSTANCES, rounds);
	printf("%-6s %-6s %8s %5s", "", "", "flows", "bare");
	for (uint32_t i = 0; i < n; i++)
		printf("  %-16.16s", targets[i].name);
	for (uint32_t i = 1; i < n; i++)
		printf("  /%-14.14s", targets[i].name);
	printf("\n");
	return r;
}

static json_t *spread_json(struct spread s)
{
	return json_pack("{s:f, s:f, s:f}", "p25", s.p25, "median", s.median, "p75", s.p75);
}

void report_row(struct report *r, const struct target *targets, const char *what, uint32_t family,
		uint32_t flows, const struct figures *f)
{
	double bare[BENCH_ROUNDS_MAX];
	json_t *row;

	memcpy(bare, f->bare, sizeof(bare));
	row = json_pack("{s:i, s:s, s:i, s:o}", "family", family, "what", what, "flows", flows,
			"bare", spread_json(spread_of(bare, f->rounds)));
	printf("IPv%u   %-6s %8u %5.0f", family, what, flows, bare[f->rounds / 2]);
	for (uint32_t i = 0; i < r->n; i++) {
		struct spread ns = cost_of(f, i);

		printf("  %4.0f (%3.0f-%3.0f)  ", ns.median, ns.p25, ns.p75);
		json_object_set_new(row, targets[i].name, spread_json(ns));
	}
	for (uint32_t i = 1; i < r->n; i++) {
		struct spread ratio = ratio_of(f, i);
		char name[48];

		printf("  %.2f (%.2f-%.2f)", ratio.median, ratio.p25, ratio.p75);
		snprintf(name, sizeof(name), "ratio_to_%s", targets[i].name);
		json_object_set_new(row, name, spread_json(ratio));
	}
	printf("\n");
	for (uint32_t i = 0; i < r->n && flows == 1 && strcmp(what, "hit") == 0; i++)
		printf("       %s sends %u bytes: %s\n", targets[i].name, targets[i].len_out,
		       targets[i].sent);
	fflush(stdout);
	json_array_append_new(r->rows, row);
}

void report_end(struct report *r, const char *path)
{
	const char *commit = getenv("SLUICE_COMMIT");
	struct utsname uts;
	json_t *all;

	if (path && uname(&uts) == 0) {
		all = json_pack("{s:s, s:s, s:I, s:i, s:O}", "kernel", uts.release, "commit",
				commit ? commit : "", "time", (json_int_t)time(NULL), "instances",
				BENCH_INSTANCES, "rows", r->rows);
		if (json_dump_file(all, path, JSON_INDENT(1)))
			die(path);
		json_decref(all);
	}
	json_decref(r->rows);
	free(r);
}
