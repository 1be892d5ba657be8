/* SPDX-License-Identifier: BSD-3-Clause */
/* pktgen: a traffic generator that checks what a load balancer does. See --help. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "perf/pktgen/device.h"
#include "perf/pktgen/report.h"

#define EXIT_FAULT 1
#define EXIT_USAGE 2
#define EXIT_DEVICE 3
#define WORDS_MAX 256

static struct generator generator;
static struct options options;

static void on_signal(int number)
{
	(void)number;
	generator.stop = true;
}

static void signals_catch(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int wire_make(struct generator *g)
{
	const struct options *o = g->options;
	const struct wire_setup setup = {
		.targets = o->target,
		.n_targets = o->n_targets,
		.sizes = o->size,
		.n_sizes = o->n_sizes,
		.client4 = o->client4,
		.client6 = o->client6,
		.src_mac = g->receiver.mac,
		.dst_mac = o->node_mac,
	};

	return wire_init(&g->wire, &setup);
}

static bool sends_ipv4(const struct options *o)
{
	for (uint32_t t = 0; t < o->n_targets; t++)
		if (o->target[t].family == 4)
			return true;
	return false;
}

/* Packets that come back are told apart by their source: a flood's, or a flow's. */
static int clients_check(const struct options *o)
{
	uint64_t first = lb_be32_to_cpu(o->client4);
	uint64_t tuples = (o->cps ? 2ull : 1ull) * o->flows;
	uint64_t last = first + ((tuples - 1) >> WIRE_PORTS_LOG2);
	const uint64_t flood = WIRE_FLOOD_NET, behind = flood + ~WIRE_FLOOD_MASK + 1ull;

	if (!sends_ipv4(o) || (last <= UINT32_MAX && (last < flood || first >= behind)))
		return 0;
	fprintf(stderr, "pktgen: --clients: the addresses for this many flows overlap 128.0.0.0/2,"
			" which is for floods, or pass the last address\n");
	return -EINVAL;
}

static int flows_make(struct generator *g)
{
	const struct options *o = g->options;
	struct flows_setup setup = {
		.flows = o->flows,
		.cps = o->cps,
		.data = o->data,
		.flood_share = o->flood >= 1 ? UINT32_MAX : (uint32_t)(o->flood * 4294967296.0),
		.zipf = o->zipf,
		.size_weight = o->weight,
		.n_sizes = o->n_sizes,
		.seed = o->seed,
	};
	int err = flows_init(&g->flows, &setup);

	if (err == -EINVAL)
		fprintf(stderr, "pktgen: --cps: this rate needs more --flows\n");
	return err;
}

static void parts_free(struct generator *g)
{
	flows_fini(&g->flows);
	wire_fini(&g->wire);
	predict_destroy(g->receiver.predict);
	g->receiver.predict = NULL;
}

static int receiver_make(struct generator *g)
{
	struct receiver *r = &g->receiver;
	const struct options *o = g->options;

	r->wire = &g->wire;
	r->flows = &g->flows;
	r->instances = &o->instances;
	r->mode = o->mode;
	r->knows4 = r->knows6 = false;
	memcpy(r->node_mac, o->node_mac, LB_ETH_ALEN);
	r->has_next_hop = o->has_next_hop;
	memcpy(r->next_hop, o->next_hop, LB_ETH_ALEN);
	if (!o->config)
		return 0;
	r->predict = predict_create(o->config, o->target, o->n_targets, r->instances);
	return r->predict ? 0 : -EINVAL;
}

static int parts_make(struct generator *g)
{
	int err = device_check(g);

	g->burst = g->options->burst;
	if (!err)
		err = clients_check(g->options);
	if (!err)
		err = wire_make(g);
	if (!err)
		err = flows_make(g);
	if (!err)
		err = receiver_make(g);
	if (err)
		fprintf(stderr, "pktgen: cannot prepare the traffic: %s\n", strerror(-err));
	else
		device_fill(g);
	return err;
}

/* A SYN and an ACK for each flow. Return: faults that count. */
static uint64_t flows_begin_all(struct generator *g, json_t *report)
{
	static struct result result;
	const struct run run = { .rate_pps = g->options->open_pps, .open_flows = true };

	if (g->options->opened) {
		flows_assume_open(&g->flows);
		return 0;
	}
	measure_run(g, &run, &result);
	printf("opened %u flows: ", g->options->flows);
	report_print(g, &result);
	json_object_set_new(report, "opened", report_result(g, &result));
	return report_verdict(g, &result);
}

static uint64_t measure_once(struct generator *g, json_t *report)
{
	static struct result result;
	const struct run run = {
		.rate_pps = g->options->rate_pps,
		.packets = g->options->packets,
		.duration_s = g->options->packets ? 0 : g->options->duration_s,
	};

	measure_run(g, &run, &result);
	report_print(g, &result);
	json_object_set_new(report, "result", report_result(g, &result));
	return report_verdict(g, &result);
}

static uint64_t measure_search(struct generator *g, json_t *report)
{
	static struct search search;

	search_run(g, &search);
	report_print_search(&search);
	json_object_set_new(report, "search", report_search(g, &search));
	return search.faults;
}

static int measure(struct generator *g)
{
	json_t *report = report_head(g);
	uint64_t faults = flows_begin_all(g, report);
	bool has_link;

	if (!g->stop)
		faults += g->options->search ? measure_search(g, report) : measure_once(g, report);
	has_link = device_has_link(g);
	json_object_set_new(report, "stopped", json_boolean(g->stop));
	json_object_set_new(report, "has_link", json_boolean(has_link));
	json_object_set_new(report, "faults", json_integer((json_int_t)faults));
	if (g->options->json && json_dump_file(report, g->options->json, JSON_INDENT(1))) {
		fprintf(stderr, "pktgen: cannot write %s\n", g->options->json);
		faults++;
	}
	json_decref(report);
	if (!has_link)
		return EXIT_DEVICE;
	return faults ? EXIT_FAULT : EXIT_SUCCESS;
}

static int run_once(struct generator *g)
{
	int code = parts_make(g) ? EXIT_USAGE : measure(g);

	parts_free(g);
	return code;
}

/* The words of the command line, followed by those of @line. Return: their number. */
static int words_join(int argc, char **argv, char *line, char **words)
{
	int n = 0;

	for (; n < argc && n < WORDS_MAX; n++)
		words[n] = argv[n];
	for (char *word = strtok(line, " \n"); word && n < WORDS_MAX; word = strtok(NULL, " \n"))
		words[n++] = word;
	words[n] = NULL;
	return n;
}

/*
 * Several runs over one connection to the device: what a driver does when its peer disconnects is
 * not a subject of the measurement.
 */
static void serve(struct generator *g, int argc, char **argv)
{
	static char *words[WORDS_MAX + 1];
	char *line = NULL;
	size_t size = 0;

	puts("ready");
	fflush(stdout);
	while (!g->stop && getline(&line, &size, stdin) > 0) {
		int n = words_join(argc, argv, line, words);
		int code;

		optind = 0;
		code = options_parse(n, words, &options);
		if (code == OPTIONS_GO_ON)
			code = run_once(g);
		printf("done %d\n", code);
		fflush(stdout);
	}
	free(line);
}

int main(int argc, char **argv)
{
	struct generator *g = &generator;
	int code = options_parse(argc, argv, &options);

	if (code != OPTIONS_GO_ON)
		return code;
	g->options = &options;
	signals_catch();
	if (device_eal_start(&options, argv[0]))
		return EXIT_DEVICE;
	g->tsc_hz = rte_get_tsc_hz();
	code = device_start(g) ? EXIT_DEVICE : EXIT_SUCCESS;
	if (!code && options.serve)
		serve(g, argc, argv);
	else if (!code)
		code = run_once(g);
	device_stop(g);
	return code;
}
