/* SPDX-License-Identifier: BSD-3-Clause */
#include <immintrin.h>
#include <string.h>

#include <rte_cycles.h>

#include "perf/cycles/cycles.h"

/* No burst takes this long: another process had the CPU meanwhile, and the burst is not counted. */
#define INTERRUPTED_CYCLES 100000

static uint64_t clock_cycles; /* difference between two consecutive readings */

/* Sums of the current repetition. */
struct sum {
	uint64_t cycles;
	uint64_t stage[STAGES];
	uint64_t bursts; /* that were counted */
	uint64_t interrupted;
	uint64_t found;
};

static inline uint64_t clock_read(void)
{
	_mm_lfence();
	return rte_rdtsc();
}

void measure_calibrate(void)
{
	clock_cycles = UINT64_MAX;
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t since = clock_read();
		uint64_t took = clock_read() - since;

		clock_cycles = took < clock_cycles ? took : clock_cycles;
	}
}

/* What a driver has just written: the receive fields of the mbuf, in its first line. */
static void burst_receive(struct rte_mbuf **pkts)
{
	for (uint32_t i = 0; i < PIPELINE_BURST; i++) {
		volatile uint16_t *port = &pkts[i]->port;

		*port = 0;
	}
}

static uint64_t clock_since(uint64_t since)
{
	uint64_t took = clock_read() - since;

	return took > clock_cycles ? took - clock_cycles : 0;
}

static bool sum_add(struct sum *sum, uint64_t cycles)
{
	if (cycles > INTERRUPTED_CYCLES) {
		sum->interrupted++;
		return false;
	}
	sum->cycles += cycles;
	sum->bursts++;
	return true;
}

static void burst_pipeline(struct world *w, struct rte_mbuf **pkts, struct measure *m,
			   struct sum *sum)
{
	struct pipeline_out out;
	uint64_t since = clock_read();

	pipeline_burst(&w->h.pl, w->h.tables, w->h.now, pkts, PIPELINE_BURST, &out);
	sum_add(sum, clock_since(since));
	if (out.n_tx)
		m->bytes_out = out.tx[0]->pkt_len;
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	rte_pktmbuf_free_bulk(out.kernel, out.n_kernel);
}

static void burst_stages(struct world *w, struct rte_mbuf **pkts, struct sum *sum)
{
	uint64_t stage[STAGES], all = 0;
	struct pipeline_out out;

	memset(stage, 0, sizeof(stage));
	stages_burst(w, pkts, &out, stage);
	for (uint32_t s = 0; s < STAGES; s++) {
		stage[s] -= stage[s] < clock_cycles ? stage[s] : clock_cycles;
		all += stage[s];
	}
	if (sum_add(sum, all))
		for (uint32_t s = 0; s < STAGES; s++)
			sum->stage[s] += stage[s];
	rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	rte_pktmbuf_free_bulk(out.kernel, out.n_kernel);
}

static void burst_rival(struct world *w, struct rte_mbuf **pkts, struct measure *m, struct sum *sum)
{
	uint64_t since = clock_read();

	if (m->what == MEASURE_MACSWAP)
		rivals_macswap(pkts);
	else
		rivals_floor(w, pkts);
	sum_add(sum, clock_since(since));
	m->bytes_out = pkts[0]->pkt_len;
	rte_pktmbuf_free_bulk(pkts, PIPELINE_BURST);
}

static void chunk_of_packets(struct world *w, struct measure *m, struct sum *sum)
{
	world_fill(w, &m->traffic);
	m->bytes_in = w->chunk[0]->pkt_len;
	for (uint32_t i = 0; i < CYCLES_CHUNK; i += PIPELINE_BURST) {
		struct rte_mbuf **pkts = &w->chunk[i];

		burst_receive(pkts);
		if (m->what == MEASURE_PIPELINE)
			burst_pipeline(w, pkts, m, sum);
		else if (m->what == MEASURE_STAGES)
			burst_stages(w, pkts, sum);
		else
			burst_rival(w, pkts, m, sum);
	}
}

static void chunk_of_keys(const struct world *w, struct measure *m, struct sum *sum)
{
	static struct rival_keys keys;

	rivals_keys(&keys, m->traffic.flows, &m->traffic.random);
	for (uint32_t i = 0; i < CYCLES_CHUNK; i += PIPELINE_BURST) {
		uint64_t since = clock_read();

		if (m->what == MEASURE_HASH)
			sum->found += rivals_hash_lookup(m->hash, &keys, i);
		else
			sum->found += rivals_flow_lookup(w, &keys, i);
		sum_add(sum, clock_since(since));
	}
}

void measure_once(struct world *w, struct measure *m, uint32_t packets)
{
	uint64_t hits = w->h.stats.flow_hits, misses = w->h.stats.flow_misses;
	struct sum sum = { 0 };
	uint32_t done = 0;
	double counted;

	if (m->what == MEASURE_PIPELINE || m->what == MEASURE_STAGES)
		world_forward(w, m->forward);
	for (; done < packets; done += CYCLES_CHUNK) {
		if (m->what == MEASURE_HASH || m->what == MEASURE_FLOWS)
			chunk_of_keys(w, m, &sum);
		else
			chunk_of_packets(w, m, &sum);
	}
	hits = w->h.stats.flow_hits - hits;
	misses = w->h.stats.flow_misses - misses;
	m->hit_rate =
		hits + misses ? (double)hits / (double)(hits + misses) : (double)sum.found / done;
	counted = (double)(sum.bursts ? sum.bursts : 1) * PIPELINE_BURST;
	m->interrupted += sum.interrupted;
	m->cycles[m->reps] = (double)sum.cycles / counted;
	for (uint32_t s = 0; s < STAGES; s++)
		m->stage[s][m->reps] = (double)sum.stage[s] / counted;
	m->reps++;
}
