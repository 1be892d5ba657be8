/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/pipeline.h"

#include <string.h>

#include <rte_prefetch.h>

#include "dataplane/engine/pipeline_internal.h"

static void stage_prefetch(struct burst *b)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		b->data[i] = rte_pktmbuf_mtod(b->pkt[i], const uint8_t *);
		rte_prefetch0(b->data[i]);
		b->lengths[i] = lb_load64(&b->pkt[i]->pkt_len);
		bytes += (uint32_t)b->lengths[i];
	}
	b->pl->stats->rx_bytes += bytes;
}

/* Return: whether the packet is to be transmitted. */
static bool sort_one(struct burst *b, uint32_t i, struct pipeline_out *out)
{
	lb_result result = b->result[i];

	if (result == LB_VERDICT_KERNEL)
		result = b->result[i] = pipeline_run(b, i);
	switch (lb_result_verdict(result)) {
	case LB_VERDICT_FORWARD:
	case LB_VERDICT_REPLY:
		return true;
	case LB_VERDICT_KERNEL:
		out->kernel[out->n_kernel++] = b->pkt[i];
		return false;
	case LB_VERDICT_DROP:
		pipeline_drop(b->pl, b->pkt[i], lb_result_reason(result));
		return false;
	}
	return false;
}

/* In order of arrival, even if the packets were grouped meanwhile. */
static void stage_sort(struct burst *b, struct pipeline_out *out)
{
	uint32_t at[2] = { 0, b->n - (uint32_t)__builtin_popcountll(b->six) };
	uint16_t n_tx = 0;

	if (lb_likely(!b->n_other)) {
		memcpy(out->tx, b->arrived, b->n * sizeof(*out->tx));
		out->n_tx = b->n;
		return;
	}
	for (uint32_t n = 0; n < b->n; n++) {
		uint32_t i = at[b->six >> n & 1]++;

		out->tx[n_tx] = b->pkt[i];
		n_tx += sort_one(b, i, out);
	}
	out->n_tx = n_tx;
}

void pipeline_burst(struct pipeline *pl, const struct tables *tables, uint16_t now,
		    struct rte_mbuf **pkts, uint16_t n, struct pipeline_out *out)
{
	struct burst b;

	b.pl = pl;
	b.tables = tables;
	b.arrived = b.pkt = pkts;
	b.n = n;
	b.now = now;
	b.n_flow = b.n_miss = b.n_other = 0;
	b.errors = b.six = b.plain4 = b.plain6 = b.in_place = b.second_bit = b.full = b.second = 0;
	b.replies = 0;
	b.has_env = false;
	b.nat = pipeline_nat(pl, tables);
	out->n_tx = out->n_kernel = 0;
	pl->stats->rx_pkts += n;

	stage_prefetch(&b);
	if (lb_unlikely(tables->services->n_networks))
		pipeline_parse_trunk(&b);
	else
		pl->parse(&b);
	pl->lookup(&b);
	if (lb_unlikely(b.n_miss))
		pipeline_misses(&b);
	if (lb_unlikely(b.nat))
		pipeline_nat_find(&b);
	if (lb_unlikely(pl->capture))
		pipeline_capture_keep(&b);
	pipeline_rewrite(&b);
	if (lb_unlikely(b.replies))
		pipeline_nat_replies(&b);
	stage_sort(&b, out);
	if (lb_unlikely(pl->capture))
		pipeline_capture_end(&b);
}

void pipeline_drop(struct pipeline *pl, struct rte_mbuf *pkt, enum lb_drop reason)
{
	pl->stats->drop[reason]++;
	if (lb_unlikely(pl->capture))
		capture_drop(pl->capture, pkt, reason);
	rte_pktmbuf_free(pkt);
}

void pipeline_rate_set(struct pipeline_rate *rate, uint32_t per_second)
{
	rate->limit = lb_rate_limit_make(per_second);
	rate->rate = (struct lb_rate){ .tokens = rate->limit.burst };
}

void pipeline_tick(struct pipeline *pl)
{
	lb_rate_refill(&pl->kernel_rate.rate, &pl->kernel_rate.limit, 1);
	lb_rate_refill(&pl->icmp_rate.rate, &pl->icmp_rate.limit, 1);
	lb_rate_refill(&pl->peek_rate.rate, &pl->peek_rate.limit, 1);
	nat_sweep_tick(&pl->nat_sweep);
}
