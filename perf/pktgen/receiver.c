/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/receiver.h"

#include <string.h>

#include <rte_prefetch.h>

#define ETH sizeof(struct lb_eth)
#define ETHERTYPE_AT LB_OFFSETOF(struct lb_eth, type)
#define NOT_OURS (-1) /* besides the faults of an outer header, and 0 */

/* A packet between the stages. */
struct item {
	const struct rte_mbuf *m;
	const uint8_t *frame;
	const uint8_t *ip; /* the inner packet */
	const struct wire_kind *kind;
	uint32_t instance;
	uint32_t flow; /* or FLOWS_FLOOD */
	uint32_t outer_bytes;
};

struct round {
	struct wire_batch batch;
	struct item item[WIRE_BURST];
	uint32_t n;
};

static bool mac_is(const uint8_t *a, const uint8_t *b)
{
	return lb_load32(a) == lb_load32(b) && lb_load16(a + 4) == lb_load16(b + 4);
}

static void fault_note(struct receiver *r, const struct item *item, enum fault fault, uint32_t from)
{
	const struct faults_context context = {
		.frame = item->frame,
		.bytes = item->m->data_len,
		.flow = item->flow,
		.from = from,
		.to = item->instance,
	};

	faults_add(&r->faults, fault, &context);
}

/* The length of a packet according to its own header. */
static inline uint32_t ip_bytes_of(const uint8_t *ip)
{
	if (*ip >> 4 == 6)
		return lb_be16_to_cpu(((const struct lb_ipv6 *)ip)->payload_len) +
		       (uint32_t)sizeof(struct lb_ipv6);
	return lb_be16_to_cpu(((const struct lb_ipv4 *)ip)->total_len);
}

/* TOS or traffic class, which an outer header takes over (RFC 2983, RFC 6040). */
static inline uint8_t tos_of(const uint8_t *ip)
{
	return *ip >> 4 == 6 ? (uint8_t)(ip[0] << 4 | ip[1] >> 4) : ip[1];
}

/* Outer headers: each check returns the fault, or FAULT_COUNT. */
static inline enum fault outer4_check(struct receiver *r, const struct lb_ipv4 *ip,
				      struct item *item)
{
	uint32_t bytes = lb_be16_to_cpu(ip->total_len);

	if (lb_csum_fold(lb_csum_ipv4_sum(ip)) != 0xffff)
		return FAULT_OUTER_CSUM;
	if (lb_unlikely(!r->knows4)) {
		r->knows4 = true;
		r->node4 = ip->src;
		r->ttl4 = ip->ttl;
	}
	item->ip = (const uint8_t *)(ip + 1);
	if (ip->version_ihl != 0x45 || ip->tos != tos_of(item->ip) ||
	    (ip->frag & ~LB_BE16(LB_IPV4_DF)) || ip->src != r->node4 || ip->ttl != r->ttl4 ||
	    !ip->ttl)
		return FAULT_OUTER;
	item->instance = instances_find4(r->instances, ip->dst);
	item->outer_bytes = sizeof(*ip);
	if (ip->proto != (*item->ip >> 4 == 6 ? LB_IPPROTO_IPV6 : LB_IPPROTO_IPIP))
		return FAULT_OUTER;
	return bytes == sizeof(*ip) + ip_bytes_of(item->ip) ? FAULT_COUNT : FAULT_OUTER_LENGTH;
}

static inline enum fault outer6_check(struct receiver *r, const struct lb_ipv6 *ip,
				      struct item *item)
{
	uint32_t bytes = lb_be16_to_cpu(ip->payload_len);

	if (lb_unlikely(!r->knows6)) {
		r->knows6 = true;
		memcpy(r->node6, ip->src, 16);
		r->ttl6 = ip->hop_limit;
	}
	item->ip = (const uint8_t *)(ip + 1);
	/* The flow label may be anything, the traffic class may not. */
	if ((lb_load16(ip) & LB_BE16(0xfff0)) != lb_cpu_to_be16(0x6000 | tos_of(item->ip) << 4) ||
	    lb_load64(ip->src) != lb_load64(r->node6) ||
	    lb_load64(ip->src + 8) != lb_load64(r->node6 + 8) || ip->hop_limit != r->ttl6 ||
	    !ip->hop_limit)
		return FAULT_OUTER;
	item->instance = instances_find6(r->instances, ip->dst);
	item->outer_bytes = sizeof(*ip);
	if (ip->next != (*item->ip >> 4 == 6 ? LB_IPPROTO_IPV6 : LB_IPPROTO_IPIP))
		return FAULT_OUTER;
	return bytes == ip_bytes_of(item->ip) ? FAULT_COUNT : FAULT_OUTER_LENGTH;
}

static inline enum fault tunnel_mac_check(const struct receiver *r, const struct item *item)
{
	uint8_t mac[LB_ETH_ALEN];

	if (item->instance == INSTANCES_NONE)
		return FAULT_INSTANCE;
	if (r->has_next_hop)
		return mac_is(item->frame, r->next_hop) ? FAULT_COUNT : FAULT_ETHERNET;
	instances_mac(r->instances, item->instance, mac);
	return mac_is(item->frame, mac) ? FAULT_COUNT : FAULT_ETHERNET;
}

/* A frame that carries a tunnel; anything else is not ours. */
static inline int tunnel_open(struct receiver *r, struct item *item)
{
	const struct lb_eth *eth = (const struct lb_eth *)item->frame;
	const struct lb_ipv4 *ip4 = (const struct lb_ipv4 *)(eth + 1);
	const struct lb_ipv6 *ip6 = (const struct lb_ipv6 *)(eth + 1);
	enum fault fault;

	if (eth->type == LB_BE16(LB_ETHERTYPE_IPV4) &&
	    (ip4->proto == LB_IPPROTO_IPIP || ip4->proto == LB_IPPROTO_IPV6))
		fault = outer4_check(r, ip4, item);
	else if (eth->type == LB_BE16(LB_ETHERTYPE_IPV6) &&
		 (ip6->next == LB_IPPROTO_IPIP || ip6->next == LB_IPPROTO_IPV6))
		fault = outer6_check(r, ip6, item);
	else
		return NOT_OURS;
	return (int)(fault == FAULT_COUNT ? tunnel_mac_check(r, item) : fault);
}

static inline int frame_open(struct receiver *r, struct item *item)
{
	const struct lb_eth *eth = (const struct lb_eth *)item->frame;

	if (lb_unlikely(item->m->data_len < ETH + sizeof(struct lb_ipv4) + sizeof(struct lb_tcp) ||
			item->m->nb_segs != 1))
		return NOT_OURS;
	if (r->mode == RECEIVER_IPIP)
		return tunnel_open(r, item);
	item->ip = (const uint8_t *)(eth + 1);
	item->outer_bytes = 0;
	if (r->mode == RECEIVER_MACSWAP) {
		item->instance = 0;
		return mac_is(eth->dst, r->mac) ? FAULT_COUNT : FAULT_ETHERNET;
	}
	item->instance = instances_find_mac(r->instances, eth->dst);
	return item->instance == INSTANCES_NONE ? FAULT_INSTANCE : FAULT_COUNT;
}

/* Identify a packet by its addresses. Return: whether it is ours. */
static inline bool packet_identify(const struct receiver *r, struct item *item, uint32_t *src,
				   uint32_t *sport)
{
	const struct wire *wire = r->wire;
	uint32_t room = item->m->data_len - (uint32_t)(item->ip - item->frame);
	uint8_t family = *item->ip >> 4;
	uint32_t size, ip_bytes = ip_bytes_of(item->ip), host;
	bool is_flood;

	if (lb_likely(family == 4)) {
		const struct lb_ipv4 *ip = (const struct lb_ipv4 *)item->ip;

		if (room < sizeof(*ip) + sizeof(struct lb_tcp))
			return false;
		*src = ip->src;
		*sport = lb_load16(ip + 1);
		host = lb_be32_to_cpu(*src);
		is_flood = (host & WIRE_FLOOD_MASK) == WIRE_FLOOD_NET;
	} else {
		const struct lb_ipv6 *ip = (const struct lb_ipv6 *)item->ip;

		if (family != 6 || room < sizeof(*ip) + sizeof(struct lb_tcp))
			return false;
		*src = lb_load32(ip->src + 12);
		*sport = lb_load16(ip + 1);
		host = lb_be32_to_cpu(*src);
		is_flood = ip->src[11] == wire->flood6[11];
	}
	size = wire_size(wire, family, ip_bytes);
	if (size == 0xff || ip_bytes > room)
		return false;
	if (is_flood) {
		item->flow = FLOWS_FLOOD;
		size = wire->n_sizes + WIRE_FLOOD;
		host <<= WIRE_PORTS_LOG2;
	} else {
		host = item->flow = wire_flow(wire, *src, *sport, family);
		if (item->flow >= r->flows->tuples)
			return false;
		rte_prefetch0(&r->flows->flow[item->flow]);
	}
	item->kind = &wire->kinds[wire_kind_of(wire, wire_target_of(wire, host), size)];
	return item->kind->family == family;
}

/* All checks that need no computation. Return: fault, or FAULT_COUNT. */
static inline enum fault packet_check(const struct receiver *r, const struct item *item)
{
	const struct wire_kind *kind = item->kind;
	uint32_t bytes =
		item->outer_bytes ? ETH + item->outer_bytes + kind->ip_bytes : kind->frame_bytes;

	if (lb_unlikely(wire_differs(kind, item->ip)))
		return FAULT_INNER;
	if (lb_unlikely(item->m->pkt_len != bytes))
		return FAULT_LENGTH;
	if (lb_unlikely(!mac_is(item->frame + LB_ETH_ALEN, r->node_mac)))
		return FAULT_ETHERNET;
	if (lb_unlikely(!item->outer_bytes && lb_load16(item->frame + ETHERTYPE_AT) !=
						      lb_load16(kind->head + ETHERTYPE_AT)))
		return FAULT_ETHERNET;
	if (lb_unlikely(wire_payload_differs(
		    r->wire, kind, item->frame + bytes - kind->frame_bytes + kind->payload_at)))
		return FAULT_PAYLOAD;
	return FAULT_COUNT;
}

static inline void batch_put(struct round *round, uint32_t i, uint32_t src, uint32_t sport)
{
	const struct item *item = &round->item[i];
	const struct lb_tcp *tcp =
		(const struct lb_tcp *)(item->ip + (item->kind->family == 4 ? 20 : 40));
	struct wire_batch *b = &round->batch;

	b->src[i] = src;
	b->sport[i] = sport;
	b->seq[i] = tcp->seq;
	b->stamp[i] = tcp->ack;
	b->flags[i] = lb_load16(&tcp->doff);
	b->tcp_base[i] = item->kind->tcp_base;
	b->ip_base[i] = item->kind->ip_base;
}

/*
 * An unrecognized packet. If it goes to a target it was ours: what came to the node's port has left
 * it again without a tunnel, or as another client's.
 */
static int stray_check(const struct receiver *r, const struct item *item)
{
	uint32_t bytes = item->m->data_len;

	if (bytes < ETH || !wire_is_to_target(r->wire, item->frame + ETH, bytes - ETH))
		return NOT_OURS;
	return r->mode == RECEIVER_IPIP ? FAULT_OUTER : FAULT_INNER;
}

/* Stage 1: identify the packet and check what needs no computation. */
static inline bool round_add(struct receiver *r, struct round *round, struct rte_mbuf *m)
{
	struct item *item = &round->item[round->n];
	uint32_t src, sport;
	int fault;

	item->m = m;
	item->frame = rte_pktmbuf_mtod(m, const uint8_t *);
	item->flow = FLOWS_FLOOD;
	item->instance = INSTANCES_NONE;
	fault = frame_open(r, item);
	if (lb_likely(fault == FAULT_COUNT || fault == FAULT_INSTANCE ||
		      (fault != NOT_OURS && r->mode != RECEIVER_IPIP))) {
		if (lb_unlikely(!packet_identify(r, item, &src, &sport))) {
			fault = r->mode == RECEIVER_IPIP ? FAULT_INNER : NOT_OURS;
			item->flow = FLOWS_FLOOD;
		}
	}
	if (lb_unlikely(fault == NOT_OURS))
		fault = stray_check(r, item);
	if (lb_unlikely(fault == NOT_OURS))
		return false;
	r->stats.pkts++;
	r->stats.bytes += m->pkt_len;
	if (lb_likely(fault == FAULT_COUNT))
		fault = (int)packet_check(r, item);
	if (lb_unlikely(fault != FAULT_COUNT)) {
		fault_note(r, item, (enum fault)fault, INSTANCES_NONE);
		r->stats.bad++;
		return true;
	}
	batch_put(round, round->n++, src, sport);
	return true;
}

/* Return: FAULT_COUNT if it is new and in order, else the fault. */
static inline enum fault sequence_check(struct flow *flow, uint32_t seq)
{
	int32_t ahead = (int32_t)(seq - flow->rx_next);

	if (lb_likely(ahead == 0)) {
		flow->rx_next++;
		flow->rx_seen = flow->rx_seen << 1 | 1;
		return FAULT_COUNT;
	}
	if (ahead > 0) {
		if ((int32_t)(seq - flow->tx_seq) >= 0)
			return FAULT_NEVER_SENT;
		flow->rx_seen = ahead < 31 ? flow->rx_seen << (ahead + 1) | 1 : 1;
		flow->rx_next = seq + 1;
		return FAULT_COUNT;
	}
	if (ahead < -32)
		return FAULT_NEVER_SENT;
	if (flow->rx_seen >> (-ahead - 1) & 1)
		return FAULT_DUPLICATE;
	flow->rx_seen |= 1u << (-ahead - 1);
	return FAULT_REORDERED;
}

static void flow_place(struct receiver *r, struct flow *flow, const struct item *item,
		       const struct wire_batch *b, uint32_t i)
{
	uint32_t before = flow->instance, wanted = INSTANCES_NONE;

	flow->instance = (uint16_t)item->instance;
	if (before != FLOWS_INSTANCE_NONE) {
		if (r->instances->may_leave[before])
			r->stats.left++;
		else
			fault_note(r, item, FAULT_MOVED, before);
		return;
	}
	if (r->predict)
		wanted = predict_instance(r->predict, wire_target_of(r->wire, item->flow),
					  b->src[i], b->sport[i], r->wire->client6);
	if (wanted != INSTANCES_NONE && wanted != item->instance)
		fault_note(r, item, FAULT_UNEXPECTED, wanted);
}

static inline void flow_check(struct receiver *r, const struct round *round, uint32_t i,
			      uint32_t now)
{
	const struct wire_batch *b = &round->batch;
	const struct item *item = &round->item[i];
	struct flow *flow = &r->flows->flow[item->flow];
	enum fault fault = sequence_check(flow, lb_be32_to_cpu(b->seq[i]));
	uint8_t flags = (uint8_t)(b->flags[i] >> 8);

	if (lb_unlikely(fault != FAULT_COUNT)) {
		fault_note(r, item, fault, flow->instance);
		if (fault != FAULT_REORDERED) {
			r->stats.bad++;
			return;
		}
	}
	if (lb_unlikely(flow->instance != item->instance))
		flow_place(r, flow, item, b, i);
	r->stats.good++;
	r->stats.syns += flags >> 1 & 1;
	r->stats.fins += flags & 1;
	histogram_add(&r->latency, now - lb_be32_to_cpu(b->stamp[i]));
}

/* Each packet of a flood is a new flow. */
static inline void flood_check(struct receiver *r, const struct round *round, uint32_t i)
{
	const struct wire_batch *b = &round->batch;
	uint32_t host = lb_be32_to_cpu(b->src[i]), wanted;

	r->stats.flood++;
	if (lb_likely(!r->predict))
		return;
	wanted = predict_instance(r->predict, wire_target_of(r->wire, host << WIRE_PORTS_LOG2),
				  b->src[i], b->sport[i], r->wire->flood6);
	if (lb_unlikely(wanted != INSTANCES_NONE && wanted != round->item[i].instance))
		fault_note(r, &round->item[i], FAULT_UNEXPECTED, wanted);
}

/* Stage 3: compare what was computed with the packet, then check its flow. */
static inline void item_check(struct receiver *r, const struct round *round, uint32_t i,
			      uint32_t now)
{
	const struct item *item = &round->item[i];
	const struct wire_batch *b = &round->batch;
	const uint8_t *ip = item->ip;
	const struct lb_tcp *tcp =
		(const struct lb_tcp *)(ip + (item->kind->family == 4 ? 20 : 40));
	uint32_t sig = (uint32_t)tcp->window << 16 | tcp->urgent;
	bool csum_ok =
		tcp->csum == b->tcp_csum[i] &&
		(item->kind->family == 6 || ((const struct lb_ipv4 *)ip)->csum == b->ip_csum[i]);

	if (lb_unlikely(sig != b->sig[i] || !csum_ok)) {
		fault_note(r, item, sig != b->sig[i] ? FAULT_SIGNATURE : FAULT_INNER_CSUM,
			   INSTANCES_NONE);
		r->stats.bad++;
		return;
	}
	r->instance_pkts[item->instance]++;
	if (lb_likely(item->flow != FLOWS_FLOOD))
		flow_check(r, round, i, now);
	else
		flood_check(r, round, i);
}

void receiver_prefetch(const struct receiver *r, struct rte_mbuf **pkts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i], const void *));
	if (r->mode != RECEIVER_IPIP)
		return;
	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod_offset(pkts[i], const void *, 64));
}

uint32_t receiver_burst(struct receiver *r, struct rte_mbuf **pkts, uint32_t n, uint32_t now,
			struct rte_mbuf **others)
{
	struct round round;
	uint32_t n_others = 0;

	round.n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (lb_unlikely(!round_add(r, &round, pkts[i])))
			others[n_others++] = pkts[i];
	wire_compute(&round.batch, round.n);
	for (uint32_t i = 0; i < round.n; i++)
		item_check(r, &round, i, now);
	r->stats.other += n_others;
	return n_others;
}

void receiver_restart(struct receiver *r)
{
	memset(&r->stats, 0, sizeof(r->stats));
	memset(&r->faults, 0, sizeof(r->faults));
	memset(&r->latency, 0, sizeof(r->latency));
	memset(r->instance_pkts, 0, sizeof(r->instance_pkts));
}
