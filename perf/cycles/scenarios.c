/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/cycles/cycles.h"

#define FLOWS 1000000
#define SEED 88172645463325252ULL
#define PACKETS (4 * CYCLES_CHUNK)
#define FLOOD_BEFORE                                                                               \
	(4 * FLOWS) /* spoofed SYNs: every free slot is taken before the clock starts */
/*
 * Ticks that time advances per chunk of connections, so that connections whose FIN was seen expire
 * once there are about 660,000 of them (those of 600 ticks): the table is at two thirds of its
 * rating.
 */
#define LIFE_TICKS 3
#define LIFE_WARM 300 /* chunks */

static void pass(struct world *w, struct traffic *t, uint32_t chunks)
{
	struct measure m = { .what = MEASURE_PIPELINE, .forward = LB_FORWARD_IPIP, .traffic = *t };

	for (uint32_t i = 0; i < chunks; i++) {
		m.reps = 0;
		measure_once(w, &m, CYCLES_CHUNK);
	}
	*t = m.traffic;
}

void scenario_connections(struct world *w, struct report *r, uint32_t reps)
{
	const struct traffic t = { CYCLES_LIFE, 4, 0, 0, 0, SEED };
	static struct measure rows[2];
	double rate[CYCLES_REPS_MAX], spread[3];
	uint64_t unrecorded;
	char note[128];

	rows[0] = (struct measure){ "connection's packet, IPv4 ipip", MEASURE_PIPELINE,
				    LB_FORWARD_IPIP, t };
	rows[1] = (struct measure){ "connection's packet", MEASURE_STAGES, LB_FORWARD_IPIP, t };
	world_table(w, FLOWS);
	w->chunk_ticks = LIFE_TICKS;
	pass(w, &rows[0].traffic, LIFE_WARM);
	unrecorded = w->h.stats.flow_table_full;
	for (uint32_t rep = 0; rep < reps; rep++) {
		measure_once(w, &rows[0], PACKETS);
		rate[rep] = r->tsc_ghz * 1000 / rows[0].cycles[rep] / TRAFFIC_LIFE_PACKETS;
	}
	rows[1].traffic = rows[0].traffic;
	for (uint32_t rep = 0; rep < reps; rep++)
		measure_once(w, &rows[1], PACKETS);
	w->chunk_ticks = 0;
	report_row(r, &rows[0], FLOWS);
	report_row(r, &rows[1], FLOWS);
	snprintf(note, sizeof(note),
		 "%u packets each; %llu flows in the table, expired ones too; %llu unrecorded",
		 TRAFFIC_LIFE_PACKETS, (unsigned long long)w->h.stats.flows,
		 (unsigned long long)(w->h.stats.flow_table_full - unrecorded));
	report_spread(rate, reps, spread);
	report_figure(r, "connections.4", "connections, IPv4 ipip", spread, "M/s", note);
}

/* The table's state of each flow: its instance if the flow is established there. */
static void homes_read(const struct world *w, uint16_t *home)
{
	for (uint32_t n = 0; n < FLOWS; n++) {
		uint64_t key = traffic_key4(n, 1);
		uint64_t spread = lb_flow_spread(&w->h.tables->secret, key);
		struct lb_flow_ref ref;

		home[n] = LB_INSTANCE_NONE;
		if (lb_table_find(&w->h.flows.table, key, spread, &ref) &&
		    lb_bucket_state(ref.bucket, ref.slot) == LB_FLOW_ESTABLISHED)
			home[n] = lb_bucket_instance(ref.bucket, ref.slot);
	}
}

static void homes_compare(struct report *r, const uint16_t *before, const uint16_t *after,
			  uint64_t spoofed)
{
	double moved[3] = { 0, NAN, NAN }, lost[3] = { 0, NAN, NAN };
	uint32_t established = 0;
	char note[64];

	for (uint32_t n = 0; n < FLOWS; n++) {
		established += before[n] != LB_INSTANCE_NONE;
		if (before[n] == LB_INSTANCE_NONE)
			continue;
		if (after[n] == LB_INSTANCE_NONE)
			lost[0]++;
		else if (after[n] != before[n])
			moved[0]++;
	}
	snprintf(note, sizeof(note), "of %u, by %llu spoofed SYNs", established,
		 (unsigned long long)spoofed);
	report_figure(r, "flood.moved", "SYN flood: established flows moved", moved, "flows", note);
	report_figure(r, "flood.lost", "SYN flood: established flows lost", lost, "flows", note);
}

static uint64_t drops_of(const struct world *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LB_DROP_COUNT; i++)
		sum += w->h.stats.drop[i];
	return sum;
}

static void flood_measure(struct world *w, struct report *r, struct measure *rows, uint32_t reps)
{
	double packets = (double)reps * 3 * PACKETS, kept[3] = { 0, NAN, NAN }, cycles[3];
	uint64_t drops = drops_of(w);

	for (uint32_t rep = 0; rep < reps; rep++)
		for (uint32_t i = 0; i < 3; i++)
			measure_once(w, &rows[i], PACKETS);
	for (uint32_t i = 0; i < 3; i++)
		report_row(r, &rows[i], FLOWS);
	kept[0] = 100 * (1 - (double)(drops_of(w) - drops) / packets);
	report_figure(r, "flood.kept", "SYN flood: packets forwarded", kept, "%",
		      "of the flood and of the established flows beside it");
	report_spread(rows[1].cycles, reps, cycles);
	report_figure(r, "flood.beside", "SYN flood and as many established packets", cycles,
		      "cycles", "a packet of either kind");
}

void scenario_flood(struct world *w, struct report *r, uint32_t reps)
{
	const struct traffic flood = { CYCLES_FLOOD, 4, LB_TCP_SYN, FLOWS, 0, SEED };
	const struct traffic beside = { CYCLES_BESIDE, 4, LB_TCP_SYN, FLOWS, 0, SEED };
	uint16_t *before = malloc(FLOWS * sizeof(*before)), *after = malloc(FLOWS * sizeof(*after));
	static struct measure rows[3];
	uint64_t spoofed;

	rows[0] = (struct measure){ "SYN flood, table at its rating", MEASURE_PIPELINE,
				    LB_FORWARD_IPIP, flood };
	rows[1] = (struct measure){ "SYN flood beside established", MEASURE_PIPELINE,
				    LB_FORWARD_IPIP, beside };
	rows[2] = (struct measure){ "SYN flood", MEASURE_STAGES, LB_FORWARD_IPIP, flood };
	rows[2].traffic.random = ~SEED;
	world_table(w, FLOWS);
	world_open_flows(w, 4);
	if (before && after) {
		homes_read(w, before);
		spoofed = w->h.stats.flow_misses;
		pass(w, &rows[0].traffic, FLOOD_BEFORE / CYCLES_CHUNK);
		flood_measure(w, r, rows, reps);
		homes_read(w, after);
		homes_compare(r, before, after, w->h.stats.flow_misses - spoofed);
	}
	free(before);
	free(after);
}

static double memory_of(struct world *w, uint8_t family)
{
	world_table(w, FLOWS);
	world_open_flows(w, family);
	return (double)flow_table_bytes(FLOWS) / (double)w->h.stats.flows;
}

void scenario_memory(struct world *w, struct report *r)
{
	double slot[3] = { (double)sizeof(struct lb_bucket) / LB_BUCKET_SLOTS, NAN, NAN };
	double flow4[3] = { memory_of(w, 4), NAN, NAN }, flow6[3] = { memory_of(w, 6), NAN, NAN };

	report_figure(r, "memory.slot", "flow table, a slot", slot, "bytes", "");
	report_figure(r, "memory.flow.4", "flow table, a live flow, IPv4", flow4, "bytes", "");
	report_figure(r, "memory.flow.6", "flow table, a live flow, IPv6", flow6, "bytes", "");
	report_figure(r, "memory.flow", "flow table, a live flow",
		      flow4[0] > flow6[0] ? flow4 : flow6, "bytes", "the larger of both");
}
