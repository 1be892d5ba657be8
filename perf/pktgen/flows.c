/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/flows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LAG_MAX 1024u
#define HUGE_BYTES (2ul << 20)

#define SYN LB_TCP_SYN
#define ACK LB_TCP_ACK
#define DATA (LB_TCP_ACK | LB_TCP_PSH)
#define FIN (LB_TCP_FIN | LB_TCP_ACK)

static int memory_make(struct flows *flows)
{
	flows->bytes = (flows->tuples * sizeof(struct flow) + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	flows->flow = aligned_alloc(HUGE_BYTES, flows->bytes);
	if (!flows->flow)
		return -ENOMEM;
	madvise(flows->flow, flows->bytes, MADV_HUGEPAGE);
	memset(flows->flow, 0, flows->bytes);
	for (uint32_t i = 0; i < flows->tuples; i++)
		flows->flow[i].instance = FLOWS_INSTANCE_NONE;
	return 0;
}

/*
 * Ranks at evenly spaced probabilities, so that a random number finds its rank with one lookup and
 * linear interpolation: exact for popular flows, which span many quantiles, and uniform within a
 * quantile for the others.
 */
static int quantiles_make(struct flows *flows, double exponent)
{
	double total = 0, sum = 0;
	uint32_t rank = 0;

	flows->quantile = malloc((FLOWS_QUANTILES + 1) * sizeof(*flows->quantile));
	if (!flows->quantile)
		return -ENOMEM;
	for (uint32_t i = 0; i < flows->open; i++)
		total += pow((double)i + 1, -exponent);
	for (uint32_t q = 0; q < FLOWS_QUANTILES; q++) {
		while (rank + 1 < flows->open &&
		       sum + pow((double)rank + 1, -exponent) <= total * q / FLOWS_QUANTILES)
			sum += pow((double)rank++ + 1, -exponent);
		flows->quantile[q] = rank;
	}
	flows->quantile[FLOWS_QUANTILES] = flows->open;
	return 0;
}

static void sizes_make(struct flows *flows, const struct flows_setup *setup)
{
	uint32_t total = 0, at = 0, sum = 0;

	for (uint32_t s = 0; s < setup->n_sizes; s++)
		total += setup->size_weight ? setup->size_weight[s] : 1;
	for (uint32_t s = 0; s < setup->n_sizes; s++) {
		sum += setup->size_weight ? setup->size_weight[s] : 1;
		for (; at < 256 * sum / total; at++)
			flows->size_by[at] = (uint8_t)s;
	}
}

int flows_init(struct flows *flows, const struct flows_setup *setup)
{
	uint32_t lag = setup->cps / 1000;
	int err;

	*flows = (struct flows){
		.open = setup->flows,
		.tuples = setup->cps ? 2 * setup->flows : setup->flows,
		.data = setup->data,
		.cps = setup->cps,
		.lag = lag < 1	       ? 1
		       : lag > LAG_MAX ? LAG_MAX
				       : lag,
		.random = setup->seed,
		.flood_share = setup->flood_share,
		.n_sizes = setup->n_sizes,
	};
	if (setup->cps && flows->open < flows->lag * (4 + flows->data))
		return -EINVAL;
	sizes_make(flows, setup);
	err = memory_make(flows);
	if (!err && setup->zipf > 0)
		err = quantiles_make(flows, setup->zipf);
	if (err)
		flows_fini(flows);
	return err;
}

void flows_fini(struct flows *flows)
{
	free(flows->flow);
	free(flows->quantile);
	flows->flow = NULL;
	flows->quantile = NULL;
}

void flows_begin(struct flows *flows, uint64_t now)
{
	flows->began = now;
	flows->begun = 0;
	flows->due = 0;
}

void flows_assume_open(struct flows *flows)
{
	flows->head = flows->open;
	flows->head_tuple = flows->open == flows->tuples ? 0 : flows->open;
}

/* Once an ACK has been sent for all, the window of open connections is full. */
uint32_t flows_open(struct flows *flows, uint64_t *next, struct flows_pick *picks, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n && *next < 2ull * flows->open; i++, (*next)++)
		picks[i] = (struct flows_pick){
			.flow = (uint32_t)(*next % flows->open),
			.tcp_flags = *next < flows->open ? SYN : ACK,
			.size = (uint8_t)flows->n_sizes,
		};
	if (*next >= 2ull * flows->open)
		flows_assume_open(flows);
	return i;
}

/* The flow of the connection that began @back connections before the next one. */
static inline uint32_t flow_back(const struct flows *flows, uint32_t back)
{
	uint32_t head = flows->head_tuple;

	return head >= back ? head - back : head + flows->tuples - back;
}

static inline uint32_t rank_pick(const struct flows *flows, uint64_t random, uint32_t ranks)
{
	uint32_t high = (uint32_t)(random >> 32), low, width;

	if (!flows->quantile)
		return (uint32_t)((uint64_t)high * ranks >> 32);
	low = flows->quantile[high >> 18];
	width = flows->quantile[(high >> 18) + 1] - low;
	low += (uint32_t)((uint64_t)(high << 14) * width >> 32);
	return low < ranks ? low : ranks - 1;
}

/* Field by field in place: a struct assembled in registers would stall when stored. */
static inline void pick_bare(const struct flows *flows, struct flows_pick *pick, uint32_t flow,
			     uint8_t flags)
{
	pick->flow = flow;
	pick->tcp_flags = flags;
	pick->size = (uint8_t)flows->n_sizes;
}

static inline void pick_data(const struct flows *flows, struct flows_pick *pick, uint32_t flow,
			     uint64_t random)
{
	pick->flow = flow;
	pick->tcp_flags = DATA;
	pick->size = flows->size_by[random & 0xff];
}

static inline void connection_begin(struct flows *flows, struct flows_pick *pick)
{
	uint32_t flow = flows->head_tuple;

	flows->head++;
	flows->begun++;
	flows->head_tuple = flow + 1 == flows->tuples ? 0 : flow + 1;
	pick_bare(flows, pick, flow, SYN);
}

/* Whole connections one after the other: SYN, ACK, data and FIN of four that differ in age. */
static void pick_cycle(struct flows *flows, struct flows_pick *pick, uint64_t random)
{
	uint32_t step = flows->step++;

	if (step == 0) {
		connection_begin(flows, pick);
	} else if (step == 1) {
		pick_bare(flows, pick, flow_back(flows, 1 + flows->lag), ACK);
	} else if (step < 2 + flows->data) {
		pick_data(flows, pick, flow_back(flows, 1 + flows->lag * step), random);
	} else {
		flows->step = 0;
		pick_bare(flows, pick, flow_back(flows, flows->open + 1), FIN);
	}
}

/* Connections at a rate: SYN, ACK and FIN when they are due, else data for any open one. */
static void pick_paced(struct flows *flows, struct flows_pick *pick, uint64_t random)
{
	uint32_t margin = flows->lag + 1, step;

	if (!flows->due) {
		uint32_t rank = rank_pick(flows, random, flows->open - 2 * margin);

		pick_data(flows, pick, flow_back(flows, 1 + margin + rank), random);
		return;
	}
	step = (uint32_t)(--flows->due % 3);
	if (step == 2)
		connection_begin(flows, pick);
	else if (step == 1)
		pick_bare(flows, pick, flow_back(flows, 1 + flows->lag), ACK);
	else
		pick_bare(flows, pick, flow_back(flows, flows->open + 1), FIN);
}

static void cycles_due(struct flows *flows, uint64_t now, uint64_t tsc_hz)
{
	uint64_t elapsed = now > flows->began ? now - flows->began : 0;
	uint64_t target = (uint64_t)((double)elapsed / (double)tsc_hz * flows->cps);
	uint64_t begun = flows->begun + flows->due / 3;

	if (target > begun)
		flows->due += 3 * (target - begun);
}

static inline void pick_one(struct flows *flows, struct flows_pick *pick)
{
	uint64_t random = flows_random(&flows->random);

	if (flows->flood_share && (uint32_t)flows_random(&flows->random) < flows->flood_share) {
		pick->flow = FLOWS_FLOOD;
		pick->random = (uint32_t)(random >> 20);
		pick->tcp_flags = SYN;
		pick->size = (uint8_t)(flows->n_sizes + WIRE_FLOOD);
	} else if (flows->cps == 0) {
		pick_data(flows, pick, rank_pick(flows, random, flows->open), random);
	} else if (flows->cps == FLOWS_CPS_MAX) {
		pick_cycle(flows, pick, random);
	} else {
		pick_paced(flows, pick, random);
	}
}

void flows_pick(struct flows *flows, uint64_t now, uint64_t tsc_hz, struct flows_pick *picks,
		uint32_t n)
{
	if (flows->cps && flows->cps != FLOWS_CPS_MAX)
		cycles_due(flows, now, tsc_hz);
	for (uint32_t i = 0; i < n; i++)
		pick_one(flows, &picks[i]);
}
