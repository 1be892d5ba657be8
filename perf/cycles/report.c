/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_version.h>

#include "perf/cycles/cycles.h"
#include "perf/machine.h"

struct spread {
	double median, p10, p90;
};

static int compare(const void *a, const void *b)
{
	const double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static struct spread spread_of(const double *values, uint32_t n)
{
	double sorted[CYCLES_REPS_MAX];

	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), compare);
	return (struct spread){ sorted[n / 2], sorted[n / 10], sorted[n - 1 - n / 10] };
}

void report_section(const char *title)
{
	printf("\n%-34s %9s %7s %7s %7s %8s %8s %8s %8s %8s\n", title, "flows", "bytes", "bytes",
	       "found", "cycles", "p10", "p90", "ns", "M/s");
	printf("%-34s %9s %7s %7s\n", "", "", "in", "out");
}

static void print_count(uint32_t n)
{
	if (n >= 1000000)
		printf(" %7u M", n / 1000000);
	else
		printf(" %7u K", n / 1000);
}

/* Of a frame; not each row is about frames. */
static void print_bytes(uint32_t bytes)
{
	if (bytes)
		printf(" %7u", bytes);
	else
		printf(" %7s", "");
}

static json_t *row_stages(struct measure *m)
{
	json_t *stages = json_object();

	printf("    cycles by stage:");
	for (uint32_t s = 0; s < STAGES; s++) {
		struct spread cycles = spread_of(m->stage[s], m->reps);

		if (cycles.median < 0.05)
			continue;
		printf(" %s %.1f;", stage_names[s], cycles.median);
		json_object_set_new(stages, stage_names[s], json_real(cycles.median));
	}
	printf("\n");
	return stages;
}

void report_row(struct report *r, struct measure *m, uint32_t flows)
{
	struct spread cycles = spread_of(m->cycles, m->reps);
	json_t *row = json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:i, s:I}", "name",
				m->name, "flows", flows, "frame_in", m->bytes_in, "frame_out",
				m->bytes_out, "hit_rate", m->hit_rate, "cycles", cycles.median,
				"cycles_p10", cycles.p10, "cycles_p90", cycles.p90, "ns",
				cycles.median / r->tsc_ghz, "repetitions", m->reps, "interrupted",
				(json_int_t)m->interrupted);

	if (m->what == MEASURE_STAGES) {
		json_object_set_new(row, "stages", row_stages(m));
		json_array_append_new(r->rows, row);
		return;
	}
	printf("  %-32s", m->name);
	print_count(flows);
	print_bytes(m->bytes_in);
	print_bytes(m->bytes_out);
	printf(" %5.1f %% %8.1f %8.1f %8.1f %8.1f %8.1f\n", m->hit_rate * 100, cycles.median,
	       cycles.p10, cycles.p90, cycles.median / r->tsc_ghz,
	       r->tsc_ghz * 1000 / cycles.median);
	json_array_append_new(r->rows, row);
}

void report_spread(const double *values, uint32_t n, double spread[3])
{
	const struct spread s = spread_of(values, n);

	spread[0] = s.median;
	spread[1] = s.p10;
	spread[2] = s.p90;
}

static json_t *number_or_null(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

void report_figure(struct report *r, const char *key, const char *what, const double value[3],
		   const char *unit, const char *note)
{
	char range[48] = "";

	if (!isnan(value[1]))
		snprintf(range, sizeof(range), "(p10 %.2f, p90 %.2f)", value[1], value[2]);
	printf("  %-48s %10.2f %-6s %-26s %s\n", what, value[0], unit, range, note);
	json_object_set_new(r->figures, key,
			    json_pack("{s:f, s:s, s:o, s:o, s:s}", "value", value[0], "unit", unit,
				      "low", number_or_null(value[1]), "high",
				      number_or_null(value[2]), "note", note));
}

json_t *report_machine(double tsc_ghz, bool hugepages, enum pipeline_simd simd)
{
	struct machine machine;
	json_t *pack;

	machine_look(&machine, tsc_ghz, hugepages);
	printf("%s (%s), %ld CPUs of which one is used, TSC %.2f GHz, %s, load %.1f, %s\n",
	       machine.cpu, pipeline_simd_name(simd), machine.n_cpus, tsc_ghz,
	       hugepages ? "2 MB pages" : "packets on 4 KB pages: no free hugepages", machine.load,
	       rte_version());
	printf("cycles: of the TSC, for a packet or key, median of all rounds; bytes: of a frame without its checksum;\n"
	       "found: packets whose flow was in the table\n");
	pack = machine_pack(&machine);
	json_object_set_new(pack, "simd", json_string(pipeline_simd_name(simd)));
	return pack;
}

int report_write(const struct report *r, json_t *machine, const char *path)
{
	json_t *all;
	int err;

	if (!path)
		return 0;
	all = json_pack("{s:O, s:O, s:O}", "machine", machine, "rows", r->rows, "figures",
			r->figures);
	err = json_dump_file(all, path, JSON_INDENT(1)) ? -EIO : 0;
	if (err)
		fprintf(stderr, "cycles: cannot write %s\n", path);
	json_decref(all);
	return err;
}
