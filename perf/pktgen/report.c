/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/report.h"

#include <arpa/inet.h>
#include <inttypes.h>

#include "perf/machine.h"
#include "perf/pktgen/device.h"

static const char *const mode_names[] = { "l2", "ipip", "macswap" };

static json_int_t count(uint64_t value)
{
	return (json_int_t)value;
}

uint64_t report_verdict(const struct generator *g, const struct result *r)
{
	/* Forwarding nothing at all is always a fault. */
	bool may_lose = !g->options->no_loss && r->rx.pkts;
	uint64_t lost = may_lose ? 0 : r->lost + r->tx.dropped;

	return lost + faults_total(&r->faults, g->options->tolerated);
}

static void example_print(const struct generator *g, const struct result *r, enum fault fault)
{
	const struct instances *instances = &g->options->instances;
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	if (r->faults.flow[fault] != FLOWS_FLOOD)
		printf("    flow %u", r->faults.flow[fault]);
	if (r->faults.from[fault] != INSTANCES_NONE)
		printf(", %s %s", fault == FAULT_UNEXPECTED ? "wanted" : "from",
		       instances_text(instances, r->faults.from[fault], from, sizeof(from)));
	if (r->faults.to[fault] != INSTANCES_NONE)
		printf(", at %s", instances_text(instances, r->faults.to[fault], to, sizeof(to)));
	for (uint32_t i = 0; i < r->faults.bytes[fault]; i++)
		printf("%s%02x", i % 32 ? (i % 4 ? "" : " ") : "\n      ",
		       r->faults.example[fault][i]);
	printf("\n");
}

static void faults_print(const struct generator *g, const struct result *r)
{
	for (uint32_t i = 0; i < FAULT_COUNT; i++) {
		if (!r->faults.count[i])
			continue;
		printf("  %s: %" PRIu64 ": %s%s; the first one:\n", faults_name((enum fault)i),
		       r->faults.count[i], faults_text((enum fault)i),
		       g->options->tolerated >> i & 1 ? " (tolerated)" : "");
		example_print(g, r, (enum fault)i);
	}
}

void report_print(const struct generator *g, const struct result *r)
{
	const struct measure_latency *l = &r->latency;

	printf("sent %" PRIu64 " packets in %.3f s: %.3f Mpps; back %.3f Mpps; lost %" PRIu64
	       " (%.6f %%)\n",
	       r->tx.pkts, r->seconds, measure_tx_pps(r) / 1e6, measure_rx_pps(r) / 1e6, r->lost,
	       r->loss * 100);
	if (r->tx.pkts && !r->rx.pkts)
		printf("nothing came back: check --node-mac, --vip, --mode, and that instances "
		       "are reachable\n");
	if (r->tx.dropped || r->tx.late)
		printf("not sent: %" PRIu64 " refused by the device, %" PRIu64
		       " while this CPU was preempted\n",
		       r->tx.dropped, r->tx.late);
	if (r->tx.flood)
		printf("flood: %" PRIu64 " sent, %" PRIu64 " back; flows: %" PRIu64
		       " sent, %" PRIu64 " back\n",
		       r->tx.flood, r->rx.flood, r->tx.flows, r->rx.good);
	if (g->options->cps && !r->run.open_flows)
		printf("connections: %.0f opened and %.0f closed per second\n",
		       (double)r->rx.syns / r->seconds, (double)r->rx.fins / r->seconds);
	if (l->count && !r->run.open_flows)
		printf("latency in microseconds: p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n",
		       l->p50_us, l->p90_us, l->p99_us, l->p999_us, l->max_us);
	if (r->rx.left)
		printf("flows that left an instance of --may-leave: %" PRIu64 "\n", r->rx.left);
	faults_print(g, r);
	fflush(stdout);
}

void report_print_search(const struct search *s)
{
	printf("zero loss: %.3f Mpps; with a loss of %.3f %%: %.3f Mpps; %u trials%s\n",
	       measure_tx_pps(&s->zero) / 1e6, s->drop.loss * 100, measure_tx_pps(&s->drop) / 1e6,
	       s->n_trials, s->limited ? "; limited by the generator" : "");
}

static json_t *tx_pack(const struct generator *g, const struct result *r)
{
	const struct sender_stats *tx = &r->tx;

	return json_pack("{s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "pkts",
			 count(tx->pkts), "bytes", count(tx->bytes), "pps", measure_tx_pps(r),
			 "flows", count(tx->flows), "flood", count(tx->flood), "syns",
			 count(tx->syns), "fins", count(tx->fins), "dropped", count(tx->dropped),
			 "late", count(tx->late), "answers", count(tx->answers), "stalls",
			 count(tx->stalls), "stall_max_us",
			 (double)tx->stall_tsc * 1e6 / (double)g->tsc_hz);
}

static json_t *rx_pack(const struct result *r)
{
	const struct receiver_stats *rx = &r->rx;

	return json_pack("{s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "pkts",
			 count(rx->pkts), "bytes", count(rx->bytes), "pps", measure_rx_pps(r),
			 "good", count(rx->good), "flood", count(rx->flood), "bad", count(rx->bad),
			 "other", count(rx->other), "left", count(rx->left), "syns",
			 count(rx->syns), "fins", count(rx->fins), "missed", count(r->missed));
}

static json_t *faults_pack(const struct result *r)
{
	json_t *faults = json_object();

	for (uint32_t i = 0; i < FAULT_COUNT; i++)
		json_object_set_new(faults, faults_name((enum fault)i),
				    json_integer(count(r->faults.count[i])));
	return faults;
}

static json_t *instances_pack(const struct generator *g, const struct result *r)
{
	json_t *instances = json_array();
	char text[INET6_ADDRSTRLEN];

	for (uint32_t i = 0; i < g->options->instances.count; i++)
		json_array_append_new(instances, json_pack("{s:s, s:I}", "address",
							   instances_text(&g->options->instances, i,
									  text, sizeof(text)),
							   "pkts", count(r->instance_pkts[i])));
	return instances;
}

json_t *report_result(const struct generator *g, const struct result *r)
{
	const struct measure_latency *l = &r->latency;
	json_t *latency = json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "count", count(l->count),
				    "p50", l->p50_us, "p90", l->p90_us, "p99", l->p99_us, "p99.9",
				    l->p999_us, "max", l->max_us);

	return json_pack("{s:f, s:f, s:o, s:o, s:I, s:I, s:f, s:o, s:o, s:I, s:o, s:f, s:f, s:b}",
			 "rate_pps", r->run.rate_pps, "seconds", r->seconds, "tx", tx_pack(g, r),
			 "rx", rx_pack(r), "lost", count(r->lost), "lost_flows",
			 count(r->lost_flows), "loss", r->loss, "latency_us", latency, "faults",
			 faults_pack(r), "verdict", count(report_verdict(g, r)), "instances",
			 instances_pack(g, r), "waited_us", r->waited_us, "watched_us",
			 r->watched_us, "disturbed", measure_was_disturbed(r));
}

json_t *report_search(const struct generator *g, const struct search *s)
{
	json_t *trials = json_array();

	for (uint32_t i = 0; i < s->n_trials; i++)
		json_array_append_new(trials,
				      json_pack("{s:f, s:f, s:f, s:f, s:b, s:b}", "rate_pps",
						s->trial[i].rate_pps, "tx_pps", s->trial[i].tx_pps,
						"loss", s->trial[i].loss, "max_loss",
						s->trial[i].max_loss, "passed", s->trial[i].passed,
						"disturbed", s->trial[i].disturbed));
	return json_pack("{s:f, s:f, s:f, s:f, s:b, s:I, s:o, s:o, s:o}", "zero_loss_pps",
			 measure_tx_pps(&s->zero), "zero_failed_pps", s->zero_failed_pps,
			 "drop_pps", measure_tx_pps(&s->drop), "drop_failed_pps",
			 s->drop_failed_pps, "generator_limited", s->limited, "faults",
			 count(s->faults), "zero_loss", report_result(g, &s->zero), "drop",
			 report_result(g, &s->drop), "trials", trials);
}

static json_t *sizes_pack(const struct options *o)
{
	json_t *sizes = json_array();

	for (uint32_t s = 0; s < o->n_sizes; s++)
		json_array_append_new(sizes, json_pack("{s:i, s:i}", "bytes", o->size[s], "weight",
						       o->weight[s]));
	return sizes;
}

json_t *report_head(const struct generator *g)
{
	const struct options *o = g->options;
	struct machine machine;
	json_t *cps = o->cps == FLOWS_CPS_MAX ? json_string("max") : json_integer(o->cps);
	json_t *parameters = json_pack(
		"{s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:o, s:o, s:i, s:f, s:f, s:f, s:i, s:b}",
		"port", o->port, "driver", device_driver(g), "mode", mode_names[o->mode], "vips",
		(int)o->n_targets, "instances", (int)o->instances.count, "flows", (int)o->flows,
		"zipf", o->zipf, "sizes", sizes_pack(o), "cps", cps, "data", (int)o->data, "flood",
		o->flood, "rate_pps", o->rate_pps, "time_s", o->duration_s, "burst", (int)o->burst,
		"predicted", g->receiver.predict != NULL);

	machine_look(&machine, (double)g->tsc_hz / 1e9, device_has_hugepages());
	return json_pack("{s:s, s:o, s:o}", "program", "pktgen", "machine", machine_pack(&machine),
			 "parameters", parameters);
}
