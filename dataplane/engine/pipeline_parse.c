/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets one by one: parse, find the service, hash, and prefetch the bucket. */
#include <rte_prefetch.h>

#include "dataplane/engine/pipeline_internal.h"

/* Store what the later stages need of a service's packet. */
static inline void flow_note(struct burst *b, uint32_t i, const struct lb_service *service,
			     uint64_t key, uint8_t tcp_flags, uint32_t l3_len)
{
	const struct lb_table *flows = &b->pl->flows->table;
	uint64_t spread = lb_flow_spread(&b->tables->secret, key);
	struct lb_bucket *bucket = &flows->bucket[lb_table_primary(flows, spread)];

	rte_prefetch0(bucket);
	b->key[i] = key;
	b->spread[i] = spread;
	b->bucket[i] = bucket;
	b->service[i] = service;
	b->in_place |= (uint64_t)(service->forward & LB_FORWARD_IN_PLACE) << i;
	b->second_bit |= (uint64_t) !!(service->forward & LB_FORWARD_SECOND) << i;
	b->l3_len[i] = l3_len;
	b->steps[i] = lb_flow_steps(lb_flow_event(tcp_flags));
	b->result[i] = LB_VERDICT_FORWARD;
}

static inline struct lb_frame frame_of(const struct burst *b, uint32_t i)
{
	const struct rte_mbuf *m = b->pkt[i];

	return (struct lb_frame){ b->data[i], b->data[i] + m->data_len, m->pkt_len };
}

static bool classify_other(struct burst *b, uint32_t i, const struct lb_frame *frame)
{
	const struct lb_service_table *services = b->tables->services;
	struct lb_meta *meta = &b->meta[i];
	const struct lb_service *service;
	uint64_t key;

	b->result[i] = LB_VERDICT_KERNEL;
	lb_parse(frame, b->pl->port_mac, meta);
	service = lb_packet_service(services, meta);
	if (!service) {
		if (lb_unlikely(b->nat))
			pipeline_nat_prefetch_reply(b, meta);
		return false;
	}
	key = lb_steer_key(&b->tables->secret, meta, service->id, service->salt);
	flow_note(b, i, service, key, meta->tcp_flags, meta->l3_len);
	if (meta->class == LB_CLASS_FLOW)
		return true;
	b->errors |= 1ULL << i;
	b->result[i] = LB_VERDICT_KERNEL;
	pipeline_prefetch_header(b, i);
	return false;
}

/* A plain packet of no service. */
static bool classify_reply(struct burst *b, uint32_t i, const struct lb_frame *frame,
			   uint32_t l3_len, uint8_t family)
{
	b->l3_len[i] = l3_len;
	if (b->nat && pipeline_nat_reply_find(b, i, family))
		return false;
	return classify_other(b, i, frame);
}

static bool classify6(struct burst *b, uint32_t i, const struct lb_frame *frame)
{
	const struct lb_tcp6 *headers = (const struct lb_tcp6 *)frame->data;
	uint32_t l3_len = lb_parse_tcp6(frame, b->pl->port_mac);
	const struct lb_service *service;
	uint64_t key;

	if (lb_unlikely(!l3_len))
		return classify_other(b, i, frame);
	service = pipeline_service_of(b, i, 6);
	if (lb_unlikely(!service))
		return classify_reply(b, i, frame, l3_len, 6);
	key = lb_flow_hash6(&b->tables->secret, headers->ip.src, headers->tcp.sport, service->salt);
	flow_note(b, i, service, key, headers->tcp.flags, l3_len);
	b->plain6 |= 1ULL << i;
	return true;
}

bool pipeline_classify(struct burst *b, uint32_t i)
{
	const struct lb_frame frame = frame_of(b, i);
	const struct lb_tcp4 *headers = (const struct lb_tcp4 *)frame.data;
	uint32_t l3_len = lb_parse_tcp4(&frame, b->pl->port_mac);
	const struct lb_service *service;
	uint64_t key;

	if (lb_unlikely(!l3_len))
		return classify6(b, i, &frame);
	service = pipeline_service_of(b, i, 4);
	if (lb_unlikely(!service))
		return classify_reply(b, i, &frame, l3_len, 4);
	key = lb_flow_key4(headers->ip.src, headers->tcp.sport, service->id);
	flow_note(b, i, service, key, headers->tcp.flags, l3_len);
	b->plain4 |= 1ULL << i;
	return true;
}

void pipeline_parse_rest(struct burst *b, uint32_t first)
{
	const uint32_t n = b->n;
	uint32_t n_flow = b->n_flow; /* in memory, each packet would wait for the previous one */

	for (uint32_t i = first; i < n; i++) {
		b->flow[n_flow] = (uint8_t)i;
		n_flow += pipeline_classify(b, i);
	}
	b->n_flow = (uint16_t)n_flow;
}

void pipeline_parse_portable(struct burst *b)
{
	pipeline_parse_rest(b, 0);
}

void pipeline_parse_trunk(struct burst *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct lb_frame frame = frame_of(b, i);

		b->flow[b->n_flow] = (uint8_t)i;
		b->n_flow += classify_other(b, i, &frame);
	}
}
