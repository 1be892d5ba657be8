/* SPDX-License-Identifier: BSD-3-Clause */
/* pktgen: a traffic generator that knows what a load balancer has to do. See --help. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "perf/pktgen/device.h"
#include "perf/pktgen/report.h"

#define EXIT_FAULT 1
#define EXIT_USAGE 2
#define EXIT_DEVICE 3

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
		fprintf(stderr, "pktgen: --cps: so many connections need more --flows\n");
	return err;
}

static int parts_make(struct generator *g)
{
	struct receiver *r = &g->receiver;
	int err = wire_make(g);

	if (!err)
		err = flows_make(g);
	if (err) {
		fprintf(stderr, "pktgen: cannot prepare the traffic: %s\n", strerror(-err));
		return err;
	}
	r->wire = &g->wire;
	r->flows = &g->flows;
	r->instances = &g->options->instances;
	r->mode = g->options->mode;
	memcpy(r->node_mac, g->options->node_mac, LB_ETH_ALEN);
	if (g->options->config) {
		r->predict = predict_create(g->options->config, g->options->target,
					    g->options->n_targets, r->instances);
		if (!r->predict)
			return -EINVAL;
	}
	r->has_next_hop = g->options->has_next_hop;
	memcpy(r->next_hop, g->options->next_hop, LB_ETH_ALEN);
	device_fill(g);
	return 0;
}

/* A SYN and an ACK for each flow. Return: faults that count. */
static uint64_t flows_begin_all(struct generator *g, json_t *report)
{
	static struct result result;
	const struct run run = { .rate_pps = g->options->open_pps, .open_flows = true };

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

	if (!g->stop)
		faults += g->options->search ? measure_search(g, report) : measure_once(g, report);
	json_object_set_new(report, "stopped", json_boolean(g->stop));
	json_object_set_new(report, "faults", json_integer((json_int_t)faults));
	if (g->options->json && json_dump_file(report, g->options->json, JSON_INDENT(1))) {
		fprintf(stderr, "pktgen: cannot write %s\n", g->options->json);
		faults++;
	}
	json_decref(report);
	return faults ? EXIT_FAULT : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct generator *g = &generator;
	int code = options_parse(argc, argv, &options);

	if (code != OPTIONS_GO_ON)
		return code;
	g->options = &options;
	g->burst = options.burst;
	signals_catch();
	if (device_eal_start(&options, argv[0]))
		return EXIT_DEVICE;
	g->tsc_hz = rte_get_tsc_hz();
	code = EXIT_DEVICE;
	if (device_start(g) == 0 && parts_make(g) == 0)
		code = measure(g);
	device_stop(g);
	predict_destroy((struct predict *)(uintptr_t)g->receiver.predict);
	flows_fini(&g->flows);
	wire_fini(&g->wire);
	return code;
}
