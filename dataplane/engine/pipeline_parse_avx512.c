/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pipeline_parse.c for eight packets at once: plain TCP (core/lb_parse_plain.h) in lanes of 64
 * bits, one packet each; IPv6 from the TCP header on in pipeline_parse6_avx512.c. Other packets are
 * left to the code for one packet.
 */
#include "dataplane/engine/pipeline_avx512.h"

/* Words of the headers, named by their first byte. The leftmost byte is the lowest of a word. */
struct headers {
	__m512i at0;  /* destination's MAC address */
	__m512i at8;  /* from the fifth byte: ethertype, version */
	__m512i at16; /* length, identification, fragment, TTL, protocol */
	__m512i at22; /* TTL, protocol, checksum, source */
	__m512i at30; /* destination, both ports */
	__m512i at38;
	__m512i at46;  /* data offset, flags */
	__m512i flags; /* and what follows them */
	__m512i src;
	__m512i dst;
	__m512i ip_len;	 /* in host order */
	__m512i lengths; /* b->lengths */
};

AVX512_INLINE void headers_load(const struct burst *b, uint32_t first, struct headers *h)
{
	const __m128i swapped =
		_mm_setr_epi8(1, 0, -1, -1, -1, -1, -1, -1, 9, 8, -1, -1, -1, -1, -1, -1);
	struct pieces start = pieces_load(&b->data[first], 0);
	struct pieces end = pieces_load(&b->data[first], SECOND_PIECE);

	h->at0 = column_low(start.even);
	h->at8 = column_low(start.odd);
	h->at16 = column_high(start.even);
	h->at22 = column_low(end.even);
	h->at30 = column_low(end.odd);
	h->at46 = column_high(end.odd);
	h->at38 = column_high(end.even);
	h->flags = _mm512_srli_epi64(h->at46, 8);
	h->src = high32(h->at22);
	h->dst = low32(h->at30);
	h->ip_len = _mm512_shuffle_epi8(h->at16, _mm512_broadcast_i32x4(swapped));
}

/* lb_tcp4_is_plain(), and that the packet is for this port and its TTL is not 0. */
AVX512_INLINE __mmask8 are_plain(const struct headers *h, uint64_t mac)
{
	/* ethertype and version; fragment and protocol */
	__m512i type = differ(h->at8, 0x0045000800000000, 0x00ffffff00000000);
	__m512i frag = differ(h->at16, (uint64_t)LB_IPPROTO_TCP << 56, 0xff00ff3f00000000);
	__m512i wrong =
		_mm512_ternarylogic_epi64(differ(h->at0, mac, LB_MAC_MASK), type, frag, 0xfe);
	__mmask8 k = _mm512_testn_epi64_mask(wrong, wrong);

	return _mm512_mask_test_epi64_mask(k, h->at22, splat(0xff)); /* TTL */
}

/* lb_tcp4_csum_sum() and lb_csum_sum_is_right(). */
AVX512_INLINE __mmask8 csums_are_right(const struct headers *h)
{
	__m512i sum = _mm512_add_epi64(_mm512_srli_epi64(h->at8, 48), low32(h->at16));

	sum = _mm512_add_epi64(sum, _mm512_and_si512(high32(h->at16), splat(0xffff)));
	sum = _mm512_add_epi64(sum, _mm512_add_epi64(low32(h->at22), h->src));
	sum = _mm512_add_epi64(sum, h->dst);
	return _mm512_cmple_epu64_mask(_mm512_mullo_epi64(sum, splat(LB_CSUM_INVERSE)),
				       splat(~0ULL / 0xffff));
}

/* The source is not lb_source4_is_bad(), and differs from the destination. */
AVX512_INLINE __mmask8 sources_are_right(const struct headers *h)
{
	__m512i first = _mm512_and_si512(h->src, splat(0xff));
	__mmask8 k = _mm512_cmpneq_epi64_mask(h->src, h->dst);

	k = _mm512_mask_test_epi64_mask(k, first, first);
	k = _mm512_mask_cmpneq_epi64_mask(k, first, splat(127));
	return _mm512_mask_cmplt_epu64_mask(k, first, splat(224));
}

/* Lengths of packet and header. */
AVX512_INLINE __mmask8 lengths_are_right(const struct headers *h)
{
	const __m512i ip_header = splat(sizeof(struct lb_ipv4));
	__m512i frame_len = _mm512_add_epi64(h->ip_len, splat(sizeof(struct lb_eth)));
	__m512i doff = _mm512_and_si512(_mm512_srli_epi64(h->at46, 2), splat(0x3c)); /* bytes */
	__mmask8 k = _mm512_cmple_epu64_mask(frame_len, low32(h->lengths));

	k = _mm512_mask_cmpge_epu64_mask(k, doff, splat(sizeof(struct lb_tcp)));
	return _mm512_mask_cmple_epu64_mask(k, _mm512_add_epi64(doff, ip_header), h->ip_len);
}

/* Ports and flags. */
AVX512_INLINE __mmask8 tcps_are_right(const struct headers *h)
{
	__mmask8 k = _mm512_test_epi64_mask(h->at30, splat(0x0000ffff00000000));

	k = _mm512_mask_test_epi64_mask(k, h->at30, splat(0xffff000000000000));
	return _kand_mask8(k, flags_are_right(h->flags));
}

/*
 * lb_parse_tcp4(). Several short chains of masks, since each link waits for the one before it.
 * Return: the lanes where it is true.
 */
AVX512_INLINE __mmask8 parse(const struct headers *h, uint64_t mac)
{
	__mmask8 k = _kand_mask8(are_plain(h, mac), csums_are_right(h));

	k = _kand_mask8(k, _kand_mask8(sources_are_right(h), lengths_are_right(h)));
	return _kand_mask8(k, tcps_are_right(h));
}

/* The entries at which the search for a service begins: see lb_service_hash4(). */
AVX512_INLINE __m512i services_hash(const struct lb_service_table *table, __m512i key)
{
	__m512i hash =
		_mm512_mullo_epi64(_mm512_xor_si512(_mm512_ror_epi64(key, 32), splat(table->seed)),
				   splat(LB_HASH_MUL1));

	return services_at(table, _mm512_srli_epi64(hash, 48));
}

/* lb_service_key4(). */
AVX512_INLINE __m512i services_key(const struct headers *h)
{
	const __m128i port_addr =
		_mm_setr_epi8(6, 7, -1, -1, 0, 1, 2, 3, 14, 15, -1, -1, 8, 9, 10, 11);

	return _mm512_or_si512(_mm512_shuffle_epi8(h->at30, _mm512_broadcast_i32x4(port_addr)),
			       splat(4u << 24 | LB_IPPROTO_TCP << 16));
}

/* lb_flow_key4() without the service. */
AVX512_INLINE __m512i clients(const struct headers *h)
{
	return _mm512_ternarylogic_epi64(h->at30, splat(0x0000ffff00000000), h->src, 0xea);
}

/*
 * The part of flow_note() that needs only the packets, for all lanes; and the input of
 * flows_find().
 */
AVX512_INLINE void packets_note(struct burst *b, uint32_t first, const struct headers *h)
{
	__m512i service = services_key(h);

	_mm512_store_si512(&b->service[first], services_hash(b->tables->services, service));
	_mm512_store_si512(&b->spread[first], service);
	_mm512_store_si512(&b->key[first], clients(h));
	_mm256_store_si256((void *)&b->l3_len[first], _mm512_cvtepi64_epi32(h->ip_len));
	_mm_store_si128((void *)&b->steps[first], steps(h->flags));
	_mm_store_si128((void *)&b->result[first], _mm_set1_epi16(LB_VERDICT_FORWARD));
}

/* The rest of flow_note(). Return: lanes whose service was found at the first probe. */
AVX512_INLINE uint32_t flows_find(struct burst *b, uint32_t first, uint32_t plain)
{
	struct services s = services_load(&b->service[first]);
	__mmask8 found = _mm512_mask_cmpeq_epi64_mask((__mmask8)plain,
						      _mm512_load_si512(&b->spread[first]), s.key);
	__m512i key =
		_mm512_or_si512(_mm512_load_si512(&b->key[first]), _mm512_slli_epi64(s.id, 16));
	__m512i spread = flows_spread(&b->tables->secret, key);

	_mm512_store_si512(&b->bucket[first], flows_bucket(&b->pl->flows->table, spread, found));
	_mm512_store_si512(&b->key[first], key);
	_mm512_store_si512(&b->spread[first], spread);
	b->in_place |= (uint64_t)services_in_place(&s, found) << first;
	for (uint32_t i = 0; i < LANES; i++)
		__builtin_prefetch(b->bucket[first + i]);
	return found;
}

/*
 * Packets for this port with a valid IPv6 header, followed by a TCP header that is present. Part of
 * it is in the frame's second line: prefetch that.
 */
AVX512_INLINE uint32_t six_begin(const struct burst *b, uint32_t first, const struct headers *h,
				 struct six *six)
{
	const __m128i swapped =
		_mm_setr_epi8(3, 2, -1, -1, -1, -1, -1, -1, 11, 10, -1, -1, -1, -1, -1, -1);
	__m512i payload = _mm512_shuffle_epi8(h->at16, _mm512_broadcast_i32x4(swapped));
	/* ethertype and version; protocol */
	__m512i type = differ(h->at8, 0x0060dd8600000000, 0x00f0ffff00000000);
	__m512i next = differ(h->at16, (uint64_t)LB_IPPROTO_TCP << 32, 0xffULL << 32);
	__m512i wrong = _mm512_ternarylogic_epi64(differ(h->at0, b->pl->port_mac, LB_MAC_MASK),
						  type, next, 0xfe);
	__mmask8 k = _mm512_testn_epi64_mask(wrong, wrong);

	k = _mm512_mask_test_epi64_mask(k, h->at16, splat(0xffULL << 40)); /* hop limit */
	k = _mm512_mask_cmpge_epu64_mask(k, _mm512_and_si512(h->lengths, splat(0x0000ffff00000000)),
					 splat(sizeof(struct lb_tcp6) << 32));
	if (!k)
		return 0;
	for (uint32_t i = 0; i < LANES; i++)
		__builtin_prefetch(b->data[first + i] + sizeof(struct lb_tcp6) - 1);
	*six = (struct six){
		.src = { h->at22, h->at30 },
		.dst = { h->at38, h->at46 },
		.ip_len = _mm512_add_epi64(payload, splat(sizeof(struct lb_ipv6))),
	};
	return k;
}

/* Packets one by one. Return: the lanes of flows among them. */
static __rte_noinline uint32_t others(struct burst *b, uint32_t first, uint32_t lanes)
{
	uint32_t flows = 0;

	for (; lanes; lanes &= lanes - 1) {
		uint32_t lane = (uint32_t)__builtin_ctz(lanes);

		flows |= (uint32_t)pipeline_classify(b, first + lane) << lane;
	}
	return flows;
}

/* Add lanes to b->flow, which has room for eight here. Return: number added. */
AVX512_INLINE uint32_t flows_add(uint8_t *flow, uint32_t first, uint32_t lanes)
{
	const uint64_t ones = 0x0101010101010101, count = 0x0706050403020100;

	lb_store64(flow, _pext_u64(count + first * ones, _pdep_u64(lanes, ones) * 0xff));
	return (uint32_t)__builtin_popcount(lanes);
}

/* Whether the headers of all eight packets are present. */
AVX512_INLINE bool have_headers(__m512i lengths)
{
	const uint64_t data_len = sizeof(struct lb_tcp4) << 32;

	return _mm512_cmplt_epu64_mask(_mm512_and_si512(lengths, splat(0x0000ffff00000000)),
				       splat(data_len)) == 0;
}

/* Lanes of packets that are processed together. */
struct plain {
	uint8_t four, six;
};

/* The first pass, over eight packets. */
AVX512_INLINE struct plain packets_parse(struct burst *b, uint32_t first, struct six *six)
{
	struct headers h = { .lengths = _mm512_load_si512(&b->lengths[first]) };
	struct plain plain = { 0 };

	if (lb_unlikely(!have_headers(h.lengths)))
		return plain;
	headers_load(b, first, &h);
	plain.four = parse(&h, b->pl->port_mac);
	if (plain.four)
		packets_note(b, first, &h);
	if (plain.four != ALL_LANES)
		plain.six = (uint8_t)six_begin(b, first, &h, six);
	return plain;
}

/* The last pass. Return: the lanes of flows. */
AVX512_INLINE uint32_t packets_classify(struct burst *b, uint32_t first, struct plain plain,
					const struct six *six)
{
	uint32_t four = 0, sixes = 0, flows;

	if (plain.four)
		four = flows_find(b, first, plain.four);
	if (plain.six)
		sixes = pipeline_six_find(b, first, six, plain.six);
	b->plain4 |= (uint64_t)four << first;
	b->plain6 |= (uint64_t)sixes << first;
	flows = four | sixes;
	if (lb_unlikely(flows != ALL_LANES))
		flows |= others(b, first, flows ^ ALL_LANES);
	return flows;
}

/*
 * In several passes, so that the next eight packets need not wait for these packets' lookups. If
 * most packets are of another kind, eight at once cost more than they save.
 */
AVX512 void pipeline_parse_avx512(struct burst *b)
{
	const uint32_t n = b->n & ~(LANES - 1u);
	struct plain plain[PIPELINE_BURST / LANES];
	struct six six[PIPELINE_BURST / LANES];
	uint32_t n_flow = 0, known = ALL_LANES, end;

	for (end = 0; end < n && __builtin_popcount(known) >= LANES / 2; end += LANES) {
		struct plain *lanes = &plain[end / LANES];

		*lanes = packets_parse(b, end, &six[end / LANES]);
		known = lanes->four | lanes->six;
	}
	for (uint32_t i = 0; i < end; i += LANES) {
		struct plain *lanes = &plain[i / LANES];

		if (lanes->six)
			lanes->six = (uint8_t)pipeline_six_parse(b, i, &six[i / LANES], lanes->six);
	}
	for (uint32_t i = 0; i < end; i += LANES)
		n_flow += flows_add(&b->flow[n_flow], i,
				    packets_classify(b, i, plain[i / LANES], &six[i / LANES]));
	b->n_flow = (uint16_t)n_flow;
	pipeline_parse_rest(b, end);
}
