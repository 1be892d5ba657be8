/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/pipeline.h"

#include <rte_prefetch.h>

#include "dataplane/engine/pipeline_internal.h"

#define PEEKS_PER_SECOND 1000000 /* looks into other workers' tables, of each worker */

static void stage_prefetch(const struct burst *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b->pkt[i], void *));
}

static inline void flow_hash(struct burst *b, uint32_t i, const struct lb_service *service)
{
	const struct lb_meta *meta = &b->meta[i];
	const struct lb_secret *secret = &b->tables->secret;

	b->key[i] = lb_steer_key(secret, meta, service->id, service->salt);
	b->spread[i] = lb_flow_spread(secret, b->key[i]);
	b->service[i] = service;
}

static inline lb_result classify(struct burst *b, uint32_t i)
{
	const struct lb_meta *meta = &b->meta[i];
	const struct lb_service *service;
	const struct lb_table *flows = &b->pl->flows->table;

	if (lb_likely(meta->class <= LB_CLASS_ICMP_ERROR)) {
		service = lb_service_find(b->tables->services, meta);
		if (!service)
			return LB_VERDICT_KERNEL;
		flow_hash(b, i, service);
		rte_prefetch0(&flows->bucket[lb_table_primary(flows, b->spread[i])]);
		if (service->forward != LB_FORWARD_L2) /* the line that the tunnel header goes to */
			__builtin_prefetch(rte_pktmbuf_mtod(b->pkt[i], uint8_t *) - 1, 1);
		if (lb_likely(meta->class == LB_CLASS_FLOW))
			b->flow[b->n_flow++] = (uint8_t)i;
		else
			b->icmp[b->n_icmp++] = (uint8_t)i;
		return LB_VERDICT_FORWARD;
	}
	if (meta->class == LB_CLASS_DROP ||
	    (meta->class == LB_CLASS_BAD && lb_service_is_vip(b->tables->services, meta)))
		return lb_result_drop((enum lb_drop)meta->reason);
	return LB_VERDICT_KERNEL;
}

/* Parse, find the service, hash, and have the bucket brought to the cache. */
static void stage_parse(struct burst *b)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct rte_mbuf *m = b->pkt[i];
		const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
		const struct lb_frame frame = { data, data + m->data_len, m->pkt_len };

		bytes += m->pkt_len;
		lb_parse(&frame, b->pl->port_mac, &b->meta[i]);
		b->result[i] = classify(b, i);
	}
	b->pl->stats->rx_bytes += bytes;
}

/*
 * The kernel's share is limited, and what anyone on the internet can send to a
 * VIP may use only half of it: ARP and the answers to health checks need the rest.
 */
static bool kernel_may_take(struct burst *b, uint32_t i)
{
	struct pipeline_rate *rate = &b->pl->kernel_rate;
	bool for_vip = lb_service_is_vip(b->tables->services, &b->meta[i]);

	return lb_rate_take(&rate->rate, for_vip ? rate->limit.burst / 2 : 0);
}

static void stage_sort(struct burst *b, struct pipeline_out *out)
{
	for (uint32_t i = 0; i < b->n; i++) {
		lb_result result = b->result[i];

		if (lb_likely(result == LB_VERDICT_FORWARD))
			result = pipeline_rewrite(b, i);
		switch (lb_result_verdict(result)) {
		case LB_VERDICT_FORWARD:
			out->tx[out->n_tx++] = b->pkt[i];
			break;
		case LB_VERDICT_REPLY:
			b->pl->stats->reply_pkts++;
			out->tx[out->n_tx++] = b->pkt[i];
			break;
		case LB_VERDICT_KERNEL:
			if (kernel_may_take(b, i))
				out->kernel[out->n_kernel++] = b->pkt[i];
			else
				pipeline_drop(b->pl, b->pkt[i], LB_DROP_KERNEL_RATE);
			break;
		case LB_VERDICT_DROP:
			pipeline_drop(b->pl, b->pkt[i], lb_result_reason(result));
			break;
		}
	}
}

void pipeline_burst(struct pipeline *pl, const struct tables *tables, uint16_t now,
		    struct rte_mbuf **pkts, uint16_t n, struct pipeline_out *out)
{
	struct burst b;

	b.pl = pl;
	b.tables = tables;
	b.pkt = pkts;
	b.n = n;
	b.now = now;
	b.n_flow = b.n_miss = b.n_icmp = 0;
	out->n_tx = out->n_kernel = 0;
	pl->stats->rx_pkts += n;

	stage_prefetch(&b);
	stage_parse(&b);
	pl->lookup(&b);
	if (lb_unlikely(b.n_miss))
		pipeline_misses(&b);
	if (lb_unlikely(b.n_icmp))
		pipeline_icmp_errors(&b);
	stage_sort(&b, out);
}

void pipeline_drop(struct pipeline *pl, struct rte_mbuf *pkt, enum lb_drop reason)
{
	pl->stats->drop[reason]++;
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
}

void pipeline_init(struct pipeline *pl)
{
	pl->lookup = pipeline_lookup_choose();
	pipeline_rate_set(&pl->peek_rate, PEEKS_PER_SECOND);
}
