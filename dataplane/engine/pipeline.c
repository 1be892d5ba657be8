/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/pipeline.h"

#include <rte_prefetch.h>

#include "dataplane/core/lb_parse_plain.h"
#include "dataplane/engine/pipeline_internal.h"

#define PEEKS_PER_SECOND 1000000 /* looks into other workers' tables, of each worker */

static void stage_prefetch(const struct burst *b)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(b->pkt[i], void *));
		bytes += b->pkt[i]->pkt_len;
	}
	b->pl->stats->rx_bytes += bytes;
}

/* Have the line brought that a tunnel header goes to: the one in front of the frame, if there is one. */
static inline void prefetch_header(const struct rte_mbuf *m, enum lb_forward forward)
{
	__builtin_prefetch(rte_pktmbuf_mtod(m, uint8_t *) - (forward != LB_FORWARD_L2), 1);
}

static inline void flow_note(struct burst *b, uint32_t i, const struct lb_service *service,
			     uint64_t key, uint64_t spread)
{
	const struct lb_table *flows = &b->pl->flows->table;
	struct lb_bucket *bucket = &flows->bucket[lb_table_primary(flows, spread)];

	rte_prefetch0(bucket);
	prefetch_header(b->pkt[i], (enum lb_forward)service->forward);
	b->key[i] = key;
	b->spread[i] = spread;
	b->bucket[i] = bucket;
	b->service[i] = service;
	b->result[i] = LB_VERDICT_FORWARD;
}

static inline struct lb_frame frame_of(const struct rte_mbuf *m)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);

	return (struct lb_frame){ data, data + m->data_len, m->pkt_len };
}

/* Any packet. Return: whether its flow is to be looked up. */
static __rte_noinline bool classify_other(struct burst *b, uint32_t i)
{
	const struct lb_service_table *services = b->tables->services;
	const struct lb_secret *secret = &b->tables->secret;
	const struct lb_frame frame = frame_of(b->pkt[i]);
	struct lb_meta *meta = &b->meta[i];
	const struct lb_service *service;
	uint64_t key;

	b->result[i] = LB_VERDICT_KERNEL;
	if (!lb_parse_tcp6(&frame, b->pl->port_mac, meta))
		lb_parse(&frame, b->pl->port_mac, meta);
	if (lb_likely(meta->class <= LB_CLASS_ICMP_ERROR)) {
		service = lb_service_find(services, meta);
		if (!service)
			return false;
		key = lb_steer_key(secret, meta, service->id, service->salt);
		flow_note(b, i, service, key, lb_flow_spread(secret, key));
		if (meta->class == LB_CLASS_ICMP_ERROR)
			b->icmp[b->n_icmp++] = (uint8_t)i;
		return meta->class == LB_CLASS_FLOW;
	}
	if (meta->class == LB_CLASS_DROP ||
	    (meta->class == LB_CLASS_BAD && lb_service_is_vip(services, meta)))
		b->result[i] = lb_result_drop((enum lb_drop)meta->reason);
	return false;
}

/* The plain ones here. */
static inline bool classify(struct burst *b, uint32_t i, const struct lb_service_table *services,
			    const struct lb_secret *secret)
{
	const struct lb_frame frame = frame_of(b->pkt[i]);
	const struct lb_tcp4 *headers = (const struct lb_tcp4 *)frame.data;
	const struct lb_service *service;
	uint64_t key;

	if (lb_unlikely(!lb_parse_tcp4(&frame, b->pl->port_mac, &b->meta[i])))
		return classify_other(b, i);
	service = lb_service_find4(services, headers->ip.dst, headers->tcp.dport, LB_IPPROTO_TCP);
	if (lb_unlikely(!service))
		return classify_other(b, i);
	key = lb_flow_key4(headers->ip.src, headers->tcp.sport, service->id);
	flow_note(b, i, service, key, lb_flow_spread(secret, key));
	return true;
}

/* Parse, find the service, hash, and have the bucket brought to the cache. */
static void stage_parse(struct burst *b)
{
	const struct lb_service_table *services = b->tables->services;
	const struct lb_secret secret = b->tables->secret;
	const uint32_t n = b->n;
	uint32_t n_flow = 0; /* not in memory, where each packet would wait for the one before it */

	for (uint32_t i = 0; i < n; i++) {
		b->flow[n_flow] = (uint8_t)i;
		n_flow += classify(b, i, services, &secret);
	}
	b->n_flow = (uint16_t)n_flow;
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

/* What is not simply forwarded. Return: whether it is to be transmitted. */
static __rte_noinline bool sort_other(struct burst *b, uint32_t i, struct pipeline_out *out)
{
	lb_result result = b->result[i];

	switch (lb_result_verdict(result)) {
	case LB_VERDICT_FORWARD:
		return true;
	case LB_VERDICT_REPLY:
		b->pl->stats->reply_pkts++;
		return true;
	case LB_VERDICT_KERNEL:
		if (kernel_may_take(b, i))
			out->kernel[out->n_kernel++] = b->pkt[i];
		else
			pipeline_drop(b->pl, b->pkt[i], LB_DROP_KERNEL_RATE);
		return false;
	case LB_VERDICT_DROP:
		pipeline_drop(b->pl, b->pkt[i], lb_result_reason(result));
		return false;
	}
	return false;
}

static void stage_sort(struct burst *b, struct pipeline_out *out)
{
	uint16_t n_tx =
		0; /* in a register: in memory each packet would wait for the one before it */

	for (uint32_t i = 0; i < b->n; i++) {
		out->tx[n_tx] = b->pkt[i];
		if (lb_likely(b->result[i] == LB_VERDICT_FORWARD))
			n_tx++;
		else
			n_tx += sort_other(b, i, out);
	}
	out->n_tx = n_tx;
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
	b.full = 0;
	out->n_tx = out->n_kernel = 0;
	pl->stats->rx_pkts += n;

	stage_prefetch(&b);
	stage_parse(&b);
	pl->lookup(&b);
	if (lb_unlikely(b.n_miss))
		pipeline_misses(&b);
	if (lb_unlikely(b.n_icmp))
		pipeline_icmp_errors(&b);
	pipeline_rewrite(&b);
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
