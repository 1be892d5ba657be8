/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/lb_parse_plain.h"
#include "perf/cycles/cycles.h"

#define PORT_FIRST 1024
#define PORT_LAST 32767
#define PORTS (PORT_LAST - PORT_FIRST + 1)
#define ADDRESSES 4
#define PACKETS 65536
#define SEED 88172645463325252ULL

/* Records for that many flows, as sluice-dataplane sizes them; none is in use. */
static bool records_make(struct world *w, uint32_t flows)
{
	struct lb_nat_params params = harness_nat_params(PORT_FIRST, PORT_LAST);
	uint32_t spaces = (uint32_t)(((uint64_t)flows * 5 / 4 + PORTS - 1) / PORTS);
	size_t bytes;
	void *start;

	spaces = spaces < 4 ? 4 : spaces;
	bytes = lb_nat_bytes((uint64_t)spaces * PORTS);
	for (uint32_t i = 2; i < 1 + ADDRESSES; i++) {
		memcpy(params.address[i], params.address[0], 16);
		params.address[i][15] = (uint8_t)(params.address[0][15] + i - 1);
		params.flags[i] = params.flags[0];
	}
	harness_nat(&w->h, &params);
	free(w->nat.area);
	w->nat = (struct lb_nat_memory){ 0 };
	start = world_memory(bytes);
	if (!start)
		return false;
	w->nat = lb_nat_memory_at(start);
	w->h.pl.nat.memory = &w->nat;
	w->h.pl.nat.n_spaces = spaces;
	w->h.pl.nat.room = PORTS;
	return true;
}

/* One packet. @sent: its ends as it left. Return: whether it did. */
static bool packet_pass(struct world *w, struct traffic *t, struct traffic_ends *sent)
{
	struct pipeline_out out;
	struct rte_mbuf *pkt;

	if (rte_pktmbuf_alloc_bulk(w->h.pool, &pkt, 1))
		return false;
	traffic_write(t, pkt);
	pipeline_burst(&w->h.pl, w->h.tables, w->h.now, &pkt, 1, &out);
	if (out.n_tx) {
		const struct lb_tcp4 *headers = rte_pktmbuf_mtod(out.tx[0], const struct lb_tcp4 *);

		*sent = (struct traffic_ends){ headers->ip.src, headers->ip.dst, headers->tcp.sport,
					       headers->tcp.dport };
	}
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	rte_pktmbuf_free_bulk(out.kernel, out.n_kernel);
	return out.n_tx == 1;
}

/* Packets of a flow in both directions, after which its connection is established. */
static bool flow_establish(struct world *w, uint32_t n, struct traffic_ends *ends)
{
	struct traffic forth = { CYCLES_OPEN, 4, LB_TCP_ACK, 1, n, SEED };
	struct traffic back = { CYCLES_REPLY, 4, LB_TCP_ACK, 1, 0, SEED };
	struct traffic_ends ignored;

	back.ends = ends;
	if (!packet_pass(w, &forth, ends) || !packet_pass(w, &back, &ignored))
		return false;
	forth.next = n;
	return packet_pass(w, &forth, &ignored);
}

/*
 * @ends: what instances have seen of each flow. A flow that got no port, since spaces are not all
 * as full as each other, has those of another one. Return: flows that are translated.
 */
static uint32_t ends_learn(struct world *w, uint32_t flows, struct traffic_ends *ends)
{
	uint32_t n_known = 0, last = 0;

	for (uint32_t n = 0; n < flows; n++) {
		if (flow_establish(w, n, &ends[n])) {
			n_known++;
			last = n;
		} else {
			ends[n] = ends[last];
		}
	}
	return n_known;
}

static void rows_measure(struct world *w, struct report *r, uint32_t flows,
			 const struct traffic_ends *ends, uint32_t reps)
{
	const struct traffic forth = { CYCLES_HIT, 4, LB_TCP_ACK, flows, 0, SEED };
	struct traffic back = { CYCLES_REPLY, 4, LB_TCP_ACK, flows, 0, SEED };
	static struct measure rows[5];

	memset(rows, 0, sizeof(rows));
	back.ends = ends;
	rows[0] = (struct measure){ "IPv4 ipip, beside nat", MEASURE_PIPELINE, LB_FORWARD_IPIP,
				    forth };
	rows[1] = (struct measure){ "IPv4 nat", MEASURE_PIPELINE, LB_FORWARD_NAT, forth };
	rows[2] = (struct measure){ "IPv4 nat", MEASURE_STAGES, LB_FORWARD_NAT, forth };
	rows[3] = (struct measure){ "IPv4 nat, reply", MEASURE_PIPELINE, LB_FORWARD_NAT, back };
	rows[4] = (struct measure){ "IPv4 nat, reply", MEASURE_STAGES, LB_FORWARD_NAT, back };
	for (uint32_t rep = 0; rep < reps; rep++)
		for (uint32_t i = 0; i < 5; i++)
			measure_once(w, &rows[i], PACKETS);
	for (uint32_t i = 0; i < 5; i++)
		report_row(r, &rows[i], flows);
}

void scenario_nat(struct world *w, struct report *r, uint32_t flows, uint32_t reps)
{
	struct traffic_ends *ends = calloc(flows, sizeof(*ends));
	uint32_t n = 0;

	if (ends && !world_table(w, flows) && records_make(w, flows)) {
		world_forward(w, LB_FORWARD_NAT);
		world_open_flows(w, 4);
		n = ends_learn(w, flows, ends);
	}
	if (n < flows)
		printf("nat: %u of %u flows are translated\n", n, flows);
	if (n)
		rows_measure(w, r, flows, ends, reps);
	free(ends);
	free(w->nat.area);
	w->nat = (struct lb_nat_memory){ 0 };
	w->h.pl.nat = (struct lb_nat){ .memory = NULL };
}
