/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The passes over a burst: pipeline_parse.c for a group of packets at once, one in each lane. A group
 * is of one family. What in it is of the other one, not plain, or not found at the first probe, is
 * left to the code for one packet.
 */
#ifndef ENGINE_PIPELINE_LANES_BURST_H
#define ENGINE_PIPELINE_LANES_BURST_H

#include "dataplane/engine/pipeline_lanes.h"

/* With fewer packets of each family in a burst, grouping the next one costs more than it saves. */
#define MIXED_MIN 4

/* A group between the passes. */
struct group {
	uint32_t plain; /* its lanes that are processed together */
	bool is_six;
	struct six six;
};

LANES_INLINE uint32_t count_of(uint32_t bits)
{
	return (uint32_t)__builtin_popcount(bits);
}

/* ---- Grouping ---- */

/* The ethertype and the next two bytes. */
LANES_INLINE int type_load(const struct burst *b, uint32_t i)
{
	return (int)lb_load32(b->data[i] + offsetof(struct lb_eth, type));
}

/* The first packets over IPv6, one bit each; none if some frame is too short for groups. */
LANES_INLINE uint64_t sixes_of(const struct burst *b, uint32_t n)
{
	const __m128i type = _mm_set1_epi32(LB_BE16(LB_ETHERTYPE_IPV6));
	uint64_t sixes = 0;

	for (uint32_t i = 0; i < n; i += LANES)
		if (lb_unlikely(!have_headers(lanes_load(&b->lengths[i]))))
			return 0;
	for (uint32_t i = 0; i < n; i += 4) {
		__m128i types = _mm_setr_epi32(type_load(b, i), type_load(b, i + 1),
					       type_load(b, i + 2), type_load(b, i + 3));
		__m128i is_six =
			_mm_cmpeq_epi32(_mm_and_si128(types, _mm_set1_epi32(0xffff)), type);

		sixes |= (uint64_t)(uint32_t)_mm_movemask_ps((__m128)is_six) << i;
	}
	return sixes;
}

/* What is known of packets before they are parsed. */
struct raw {
	const uint8_t *data[PIPELINE_BURST] LB_ALIGNED(64);
	uint64_t lengths[PIPELINE_BURST] LB_ALIGNED(64);
	struct rte_mbuf *pkt[PIPELINE_BURST] LB_ALIGNED(64);
};

/* Append the packets of @chosen at @to. Return: the place behind them. */
LANES_INLINE uint32_t packets_pack(struct burst *b, const struct raw *raw, uint64_t chosen,
				   uint32_t to)
{
	for (uint32_t i = 0; i < PIPELINE_BURST; i += LANES) {
		uint32_t bits = (uint32_t)(chosen >> i) & LANES_ALL;

		lanes_store_any(&b->data[to], lanes_pack(lanes_load(&raw->data[i]), bits));
		lanes_store_any(&b->lengths[to], lanes_pack(lanes_load(&raw->lengths[i]), bits));
		lanes_store_any(&b->grouped[to], lanes_pack(lanes_load(&raw->pkt[i]), bits));
		to += count_of(bits);
	}
	return to;
}

/*
 * Move the packets over IPv6 behind all others; both keep their order. Most groups are then of one
 * family, and branches on it are predicted. The last packets, which fill no group, stay in place.
 */
LANES_CODE static __rte_noinline void families_part(struct burst *b)
{
	const uint32_t n = b->n & ~(LANES - 1u);
	uint64_t sixes = sixes_of(b, n), all;
	struct raw raw;

	if (!sixes)
		return;
	all = UINT64_MAX >> (PIPELINE_BURST - b->n);
	if (n < b->n)
		sixes |= all >> n << n;
	memcpy(raw.data, b->data, sizeof(raw.data));
	memcpy(raw.lengths, b->lengths, sizeof(raw.lengths));
	memcpy(raw.pkt, b->arrived, b->n * sizeof(*raw.pkt));
	packets_pack(b, &raw, sixes, packets_pack(b, &raw, sixes ^ all, 0));
	b->pkt = b->grouped;
	b->six = sixes;
}

/* ---- The first pass ---- */

/* What flow_note() needs of packets alone; and the input of four_find(). */
LANES_INLINE void four_note(struct burst *b, uint32_t first, const struct headers *h)
{
	const struct lb_service_table *services = b->tables->services;
	lanes key = four_service_key(h);

	lanes_store(&b->service[first], services_at(services, four_service_hash(services, key)));
	lanes_store(&b->spread[first], key);
	lanes_store(&b->key[first], four_clients(h));
	lanes_store32(&b->l3_len[first], four_ip_len(h));
	lanes_store16(&b->steps[first], steps_of(h->at46 >> 8));
	lanes_store16(&b->result[first], lanes_splat(LB_VERDICT_FORWARD));
}

LANES_INLINE void group_parse(struct burst *b, uint32_t first, struct group *g)
{
	const uint64_t mac = b->pl->port_mac;
	struct headers h = { .lengths = lanes_load(&b->lengths[first]) };
	lanes_mask four;

	g->plain = 0;
	g->is_six = false;
	if (lb_unlikely(!have_headers(h.lengths)))
		return;
	headers_load(b, first, &h);
	four = four_are_plain(&h, mac);
	g->is_six = count_of(lanes_bits(four)) < LANES / 2;
	if (!g->is_six) {
		g->plain = lanes_bits(four_are_right(four, &h));
		four_note(b, first, &h);
		return;
	}
	g->plain = lanes_bits(six_are_plain(&h, mac));
	g->six = six_of(&h);
	for (uint32_t i = 0; g->plain && i < LANES; i++) /* the end of the TCP header */
		__builtin_prefetch(b->data[first + i] + sizeof(struct lb_tcp6) - 1);
}

/* ---- The second pass ---- */

/* Its TCP headers; and what flow_note() needs of packets alone. */
LANES_INLINE void six_parse(struct burst *b, uint32_t first, struct group *g)
{
	const struct lb_service_table *services = b->tables->services;
	lanes_mask k = lanes_from_bits(g->plain);
	lanes word[2];

	six_read_tcp(b, first, k, word);
	g->six.ports = word[0];
	k = six_are_right(k, &g->six, lanes_load(&b->lengths[first]), word[1]);
	g->plain = lanes_bits(k);
	lanes_store(&b->service[first], services_at(services, six_service_hash(services, &g->six)));
	lanes_store32(&b->l3_len[first], g->six.ip_len);
	lanes_store16(&b->steps[first], steps_of(word[1] >> 40));
	lanes_store16(&b->result[first], lanes_splat(LB_VERDICT_FORWARD));
}

/* ---- The last pass ---- */

/* Store what flow_note() computes of @key. Return: the lanes of @found. */
LANES_INLINE uint32_t flows_note(struct burst *b, uint32_t first, lanes key, lanes_mask found,
				 const struct services *s)
{
	lanes spread = flows_spread(&b->tables->secret, key);

	if (lb_unlikely(!lanes_bits(found)))
		return 0; /* no buckets are prefetched in vain */
	lanes_store(&b->bucket[first], flows_bucket(&b->pl->flows->table, spread));
	lanes_store(&b->key[first], key);
	lanes_store(&b->spread[first], spread);
	b->in_place |= (uint64_t)lanes_bits(services_forward(found, s, LB_FORWARD_IN_PLACE))
		       << first;
	b->second_bit |= (uint64_t)lanes_bits(services_forward(found, s, LB_FORWARD_SECOND))
			 << first;
	for (uint32_t i = 0; i < LANES; i++)
		__builtin_prefetch(b->bucket[first + i]);
	return lanes_bits(found);
}

/* Return: lanes whose service was found at the first probe. */
LANES_INLINE uint32_t four_find(struct burst *b, uint32_t first, const struct group *g)
{
	struct services s = services_load(&b->service[first]);
	lanes_mask found =
		lanes_eq(lanes_from_bits(g->plain), lanes_load(&b->spread[first]), s.key);

	return flows_note(b, first, lanes_load(&b->key[first]) | s.id << 16, found, &s);
}

LANES_INLINE uint32_t six_find(struct burst *b, uint32_t first, const struct group *g)
{
	struct services s = services_load(&b->service[first]);
	lanes_mask found = six_match(lanes_from_bits(g->plain), &g->six, &s);

	return flows_note(b, first, six_hash(&b->tables->secret, &g->six, s.last), found, &s);
}

/* Packets one by one. Return: the lanes of flows among them. */
static __rte_noinline uint32_t others_classify(struct burst *b, uint32_t first, uint32_t bits,
					       const struct group *g)
{
	uint32_t flows = 0;

	if (b->nat && (bits & g->plain))
		bits ^= pipeline_nat_replies_find(b, first, bits & g->plain, g->is_six ? 6 : 4);
	for (; bits; bits &= bits - 1) {
		uint32_t lane = (uint32_t)__builtin_ctz(bits);

		flows |= (uint32_t)pipeline_classify(b, first + lane) << lane;
	}
	return flows;
}

/* Return: the lanes of flows. */
LANES_INLINE uint32_t group_find(struct burst *b, uint32_t first, const struct group *g)
{
	uint32_t found = 0, other;

	if (g->plain && g->is_six) {
		found = six_find(b, first, g);
		b->plain6 |= (uint64_t)found << first;
	} else if (g->plain) {
		found = four_find(b, first, g);
		b->plain4 |= (uint64_t)found << first;
	}
	other = found ^ LANES_ALL;
	if (lb_unlikely(other))
		found |= others_classify(b, first, other, g);
	return found;
}

/* Add packets to b->flow, which has room for a group here. Return: number added. */
LANES_INLINE uint32_t flows_add(uint8_t *flow, uint32_t first, uint32_t bits)
{
	const uint64_t all = 0x0706050403020100 + first * 0x0101010101010101;
	uint32_t n = 0;

	if (lb_likely(bits == LANES_ALL)) {
		memcpy(flow, &all, LANES);
		return LANES;
	}
	for (uint32_t i = 0; i < LANES; i++) {
		flow[n] = (uint8_t)(first + i);
		n += bits >> i & 1;
	}
	return n;
}

/*
 * In several passes, so that the next group need not wait for this one's lookups. If most packets
 * are of another kind, groups cost more than they save.
 */
LANES_INLINE void burst_parse(struct burst *b)
{
	const uint32_t n = b->n & ~(LANES - 1u);
	struct group group[PIPELINE_BURST / LANES];
	uint32_t n_flow = 0, known = LANES, end;

	if (lb_unlikely(b->pl->is_mixed))
		families_part(b);
	for (end = 0; end < n && known >= LANES / 2; end += LANES) {
		group_parse(b, end, &group[end / LANES]);
		known = count_of(group[end / LANES].plain);
	}
	for (uint32_t i = 0; i < end; i += LANES)
		if (group[i / LANES].is_six && group[i / LANES].plain)
			six_parse(b, i, &group[i / LANES]);
	for (uint32_t i = 0; i < end; i += LANES)
		n_flow += flows_add(&b->flow[n_flow], i, group_find(b, i, &group[i / LANES]));
	b->n_flow = (uint16_t)n_flow;
	pipeline_parse_rest(b, end);
	b->pl->is_mixed = __builtin_popcountll(b->plain4) >= MIXED_MIN &&
			  __builtin_popcountll(b->plain6) >= MIXED_MIN;
}

#endif
