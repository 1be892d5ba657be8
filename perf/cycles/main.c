/* SPDX-License-Identifier: BSD-3-Clause */
/* cycles [-n] [-j FILE] [-r REPETITIONS] [-m MAX_FLOWS]: see cycles.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "perf/cycles/cycles.h"

#define MEMORY_MB 1100 /* mbufs 150 and 75, flow table of 10 M flows 245, rte_hash of as many 460 */
#define PACKETS 65536  /* of one repetition */
#define INSERTS 1000000
#define SEED 88172645463325252ULL

struct options {
	const char *json_path;
	uint32_t reps;
	uint32_t max_flows;
	enum pipeline_simd simd;
	bool only_nat;
};

/* One repetition of each in turn, so that disturbances on the machine affect all of them. */
static void measure_in_turns(struct world *w, struct measure *rows, uint32_t n,
			     const struct options *options)
{
	for (uint32_t rep = 0; rep < options->reps; rep++)
		for (uint32_t i = 0; i < n; i++)
			measure_once(w, &rows[i], PACKETS);
}

static void rows_report(struct report *r, struct measure *rows, uint32_t n, uint32_t flows)
{
	for (uint32_t i = 0; i < n; i++)
		report_row(r, &rows[i], flows);
}

static void run_hits4(struct world *w, struct report *r, uint32_t flows,
		      const struct options *options)
{
	const struct traffic t = { CYCLES_HIT, 4, LB_TCP_ACK, flows, 0, SEED };
	struct rte_hash *hash = rivals_hash_create(flows);
	static struct measure rows[10];
	uint32_t n = 0;

	memset(rows, 0, sizeof(rows));
	rows[n++] = (struct measure){ "IPv4 l2", MEASURE_PIPELINE, LB_FORWARD_L2, t };
	rows[n++] = (struct measure){ "IPv4 l2", MEASURE_STAGES, LB_FORWARD_L2, t };
	rows[n++] = (struct measure){ "IPv4 ipip", MEASURE_PIPELINE, LB_FORWARD_IPIP, t };
	rows[n++] = (struct measure){ "IPv4 ipip", MEASURE_STAGES, LB_FORWARD_IPIP, t };
	rows[n++] = (struct measure){ "IPv4 gue", MEASURE_PIPELINE, LB_FORWARD_GUE, t };
	rows[n++] = (struct measure){ "IPv4 gue", MEASURE_STAGES, LB_FORWARD_GUE, t };
	rows[n++] = (struct measure){ "  floor: memory only", MEASURE_FLOOR, LB_FORWARD_L2, t };
	rows[n++] = (struct measure){ "  macswap", MEASURE_MACSWAP, LB_FORWARD_L2, t };
	rows[n++] = (struct measure){ "  flow table, 64 keys", MEASURE_FLOWS, LB_FORWARD_L2, t };
	if (hash)
		rows[n++] = (struct measure){ "  rte_hash_lookup_bulk, 64 keys", MEASURE_HASH,
					      LB_FORWARD_L2, t, hash };
	measure_in_turns(w, rows, n, options);
	rows_report(r, rows, n, flows);
	rivals_hash_destroy(hash);
}

static void run_hits6(struct world *w, struct report *r, uint32_t flows,
		      const struct options *options)
{
	const struct traffic t = { CYCLES_HIT, 6, LB_TCP_ACK, flows, 0, SEED };
	static struct measure rows[6];

	memset(rows, 0, sizeof(rows));
	rows[0] = (struct measure){ "IPv6 l2", MEASURE_PIPELINE, LB_FORWARD_L2, t };
	rows[1] = (struct measure){ "IPv6 l2", MEASURE_STAGES, LB_FORWARD_L2, t };
	rows[2] = (struct measure){ "IPv6 ipip", MEASURE_PIPELINE, LB_FORWARD_IPIP, t };
	rows[3] = (struct measure){ "IPv6 ipip", MEASURE_STAGES, LB_FORWARD_IPIP, t };
	rows[4] = (struct measure){ "IPv6 gue", MEASURE_PIPELINE, LB_FORWARD_GUE, t };
	rows[5] = (struct measure){ "IPv6 gue", MEASURE_STAGES, LB_FORWARD_GUE, t };
	measure_in_turns(w, rows, 6, options);
	rows_report(r, rows, 6, flows);
}

/* In random order, which no CPU can predict. */
static void run_hits_mixed(struct world *w, struct report *r, uint32_t flows,
			   const struct options *options)
{
	const struct traffic t = { CYCLES_HIT, 0, LB_TCP_ACK, flows, 0, SEED };
	static struct measure rows[2];

	memset(rows, 0, sizeof(rows));
	rows[0] = (struct measure){ "IPv4 and IPv6 ipip", MEASURE_PIPELINE, LB_FORWARD_IPIP, t };
	rows[1] = (struct measure){ "IPv4 and IPv6 ipip", MEASURE_STAGES, LB_FORWARD_IPIP, t };
	measure_in_turns(w, rows, 2, options);
	rows_report(r, rows, 2, flows);
}

static void run_hits(struct world *w, struct report *r, const struct options *options)
{
	static const uint32_t sizes[] = { 1000, 1000000, 10000000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i] > options->max_flows || world_table(w, sizes[i])) {
			printf("no memory for %u flows, or not wanted\n", sizes[i]);
			continue;
		}
		report_section("existing flows");
		world_open_flows(w, 4);
		run_hits4(w, r, sizes[i], options);
		world_table(w, sizes[i]);
		world_open_flows(w, 6);
		run_hits6(w, r, sizes[i], options);
		world_table(w, sizes[i]);
		world_open_flows(w, 0);
		run_hits_mixed(w, r, sizes[i], options);
	}
}

static void run_nat(struct world *w, struct report *r, const struct options *options)
{
	static const uint32_t sizes[] = { 1000, 1000000, 4000000 };

	report_section("translation");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] <= options->max_flows)
			scenario_nat(w, r, sizes[i], options->reps);
}

/* New flows into an empty table, up to its rated capacity. */
static void run_inserts(struct world *w, struct report *r, uint8_t family,
			const struct options *options)
{
	static struct measure rows[2];

	memset(rows, 0, sizeof(rows));
	for (uint32_t i = 0; i < 2; i++)
		rows[i] = (struct measure){
			.name = family == 4 ? "insert IPv4 ipip" : "insert IPv6 ipip",
			.what = i ? MEASURE_STAGES : MEASURE_PIPELINE,
			.forward = LB_FORWARD_IPIP,
			.traffic = { CYCLES_OPEN, family, LB_TCP_SYN, INSERTS, 0, SEED },
		};
	for (uint32_t rep = 0; rep < options->reps; rep++) {
		for (uint32_t i = 0; i < 2; i++) {
			world_table(w, INSERTS);
			rows[i].traffic.next = 0;
			measure_once(w, &rows[i], INSERTS);
		}
	}
	rows_report(r, rows, 2, INSERTS);
}

static void run_errors(struct world *w, struct report *r, const struct options *options)
{
	const struct traffic errors = { CYCLES_ERRORS, 4, 0, INSERTS, 0, SEED };
	static struct measure rows[2];

	rows[0] = (struct measure){ "ICMP errors", MEASURE_PIPELINE, LB_FORWARD_IPIP, errors };
	rows[1] = (struct measure){ "ICMP errors", MEASURE_STAGES, LB_FORWARD_IPIP, errors };
	world_table(w, INSERTS);
	world_open_flows(w, 4);
	measure_in_turns(w, rows, 2, options);
	rows_report(r, rows, 2, INSERTS);
}

static void run_others(struct world *w, struct report *r, const struct options *options)
{
	run_hits(w, r, options);
	report_section("new flows, floods, errors");
	run_inserts(w, r, 4, options);
	run_inserts(w, r, 6, options);
	scenario_access(w, r, options->reps);
	run_errors(w, r, options);
	scenario_flood(w, r, options->reps);
	scenario_connections(w, r, options->reps);
	scenario_workers(w, r, options->reps);
	scenario_shared(w, r, options->reps);
	scenario_memory(w, r);
}

static int simd_read(const char *name, enum pipeline_simd *simd)
{
	for (uint32_t i = 0; i <= pipeline_simd_best(); i++) {
		*simd = (enum pipeline_simd)i;
		if (!strcmp(name, pipeline_simd_name(*simd)))
			return 0;
	}
	fprintf(stderr, "cycles: -s %s: not one of this CPU's; its best is %s\n", name,
		pipeline_simd_name(pipeline_simd_best()));
	return -1;
}

static int options_read(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "nj:r:m:s:")) != -1) {
		if (option == 'n')
			options->only_nat = true;
		else if (option == 'j')
			options->json_path = optarg;
		else if (option == 'r')
			options->reps = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'm')
			options->max_flows = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option != 's' || simd_read(optarg, &options->simd))
			return -1;
	}
	return options->reps >= 1 && options->reps <= CYCLES_REPS_MAX && optind == argc ? 0 : -1;
}

/* Priority over everything but the system: within this session, and of the session over others. */
static void priority_take(void)
{
	FILE *f = fopen("/proc/self/autogroup", "w");

	if (f) {
		fputs("-20", f);
		fclose(f);
	}
	if (setpriority(PRIO_PROCESS, 0, -20))
		printf("no priority: %s\n", strerror(errno));
}

int main(int argc, char **argv)
{
	struct options options = { .reps = 21,
				   .max_flows = 10000000,
				   .simd = pipeline_simd_best() };
	struct report report = { .rows = json_array(), .figures = json_object() };
	struct world *w;
	json_t *machine;
	bool hugepages;
	int err;

	if (options_read(argc, argv, &options)) {
		fprintf(stderr, "usage: cycles [-n] [-j FILE] [-r REPETITIONS] [-m MAX_FLOWS]\n"
				"              [-s portable|avx2|avx512]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* so that an error message comes last */
	priority_take();
	hugepages = world_eal_start(argv[0], MEMORY_MB);
	w = world_create("cycles", CYCLES_MBUFS, options.simd);
	report.tsc_ghz = (double)rte_get_tsc_hz() / 1e9;
	machine = report_machine(report.tsc_ghz, hugepages, options.simd);
	measure_calibrate();
	if (!options.only_nat)
		run_others(w, &report, &options);
	run_nat(w, &report, &options);
	err = report_write(&report, machine, options.json_path);
	json_decref(machine);
	json_decref(report.rows);
	json_decref(report.figures);
	return err ? 1 : 0;
}
