/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cost of the XDP dataplane per packet, above a bare XDP_TX that is timed the same way:
 * BPF_PROG_TEST_RUN runs a program that restores the packet, writes source address and port of the
 * next of F flows, and tail-calls the target. All targets take turns in each round, so that
 * disturbances on the machine affect all of them.
 *
 *   hit      the flows are in the table, established; ours holds nothing else, or with --full as
 *            many others as make up a million, which it is rated for
 *   insert   as many flows are in the table, and each packet begins another one
 *
 * Other programs can be measured beside ours: --peer NAME=PATH of a pin. Their VIPs must be
 * configured already; the packets go to 203.0.113.10:443 and [2001:db8:f::10]:443. For a program
 * that records only so many new flows per second: --peer NAME=PATH,100000. With --regions N ours
 * has the tables of N CPUs, and checks on each hit whether its record is the valid one. --pin
 * leaves our own program at a path, for comparison in another run (of another version).
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/sluice_xdp.h"
#include "perf/xdp/bench.h"

#define ROUNDS 9u

struct options {
	struct target targets[BENCH_TARGETS_MAX];
	uint32_t n;
	uint32_t rounds;
	bool l2;
	bool hit_only;
	bool full;
	uint32_t regions;
	const char *pin;
	const char *json;
};

void die(const char *what)
{
	fprintf(stderr, "xdp_bench: %s%s%s\n", what, errno ? ": " : "",
		errno ? strerror(errno) : "");
	exit(1);
}

static void usage(void)
{
	fprintf(stderr,
		"usage: xdp_bench [--l2] [--regions N] [--hit] [--full] [--rounds N] [--json FILE]\n"
		"                 [--peer NAME=PATH[,PER_SECOND]]...\n"
		"       xdp_bench [--l2] [--regions N] --pin PATH\n");
	exit(2);
}

static uint32_t cpu_bind(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	if (cpu < 0)
		die("sched_getcpu");
	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
	return (uint32_t)cpu;
}

static void peer_add(struct options *opt, char *arg)
{
	struct target *t = &opt->targets[opt->n];
	char *path = strchr(arg, '=');
	char *rate;

	if (!path || opt->n == BENCH_TARGETS_MAX)
		usage();
	*path++ = '\0';
	rate = strchr(path, ',');
	if (rate) {
		*rate++ = '\0';
		t->per_second = (uint32_t)strtoul(rate, NULL, 10);
	}
	snprintf(t->name, sizeof(t->name), "%s", arg);
	t->fd = bpf_obj_get(path);
	if (t->fd < 0)
		die(path);
	opt->n++;
}

static void options_read(struct options *opt, int argc, char **argv)
{
	static const struct option longs[] = { { "peer", required_argument, NULL, 'p' },
					       { "l2", no_argument, NULL, 'l' },
					       { "hit", no_argument, NULL, 'h' },
					       { "full", no_argument, NULL, 'f' },
					       { "regions", required_argument, NULL, 'R' },
					       { "rounds", required_argument, NULL, 'r' },
					       { "json", required_argument, NULL, 'j' },
					       { "pin", required_argument, NULL, 'P' },
					       { NULL, 0, NULL, 0 } };
	int c;

	*opt = (struct options){
		.n = 1, .rounds = ROUNDS, .regions = 1, .targets[0].name = "sluice"
	};
	while ((c = getopt_long(argc, argv, "p:lhfR:r:j:P:", longs, NULL)) != -1) {
		if (c == 'p')
			peer_add(opt, optarg);
		else if (c == 'l')
			opt->l2 = true;
		else if (c == 'h')
			opt->hit_only = true;
		else if (c == 'f')
			opt->full = true;
		else if (c == 'R')
			opt->regions = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'r')
			opt->rounds = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'j')
			opt->json = optarg;
		else if (c == 'P')
			opt->pin = optarg;
		else
			usage();
	}
	if (opt->rounds < 1 || opt->rounds > BENCH_ROUNDS_MAX || opt->regions < 1 ||
	    opt->regions > LB_XDP_REGIONS_MAX || optind != argc)
		usage();
}

static void measure(struct options *opt)
{
	static const uint32_t sizes[] = { 1, 1000, 100000, BENCH_FLOWS_MAX };
	struct report *r = report_begin(opt->targets, opt->n, opt->rounds);
	struct figures f = { .rounds = opt->rounds };

	for (uint32_t family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			own_empty();
			if (opt->full)
				trial_fill(&opt->targets[0], family == 4 ? 6 : 4,
					   BENCH_FLOWS_MAX - sizes[i]);
			trial_hit(opt->targets, opt->n, family, sizes[i], &f);
			report_row(r, opt->targets, "hit", family, sizes[i], &f);
			if (opt->hit_only)
				continue;
			trial_insert(opt->targets, opt->n, family, &f);
			report_row(r, opt->targets, "insert", family, sizes[i], &f);
		}
	}
	report_end(r, opt->json);
}

int main(int argc, char **argv)
{
	uint32_t cpu = cpu_bind();
	struct options opt;

	options_read(&opt, argc, argv);
	opt.targets[0].fd = own_load(opt.l2, cpu, opt.regions);
	if (opt.pin) {
		if (bpf_obj_pin(opt.targets[0].fd, opt.pin))
			die(opt.pin);
		printf("pinned for CPU %u\n", cpu);
		return 0;
	}
	trial_init();
	measure(&opt);
	return 0;
}
