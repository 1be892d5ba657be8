/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What pipeline_parse.c does, for eight packets at once: plain TCP over IPv4
 * (core/lb_parse_plain.h) in lanes of 64 bits, one packet each. Packets of another kind are left
 * to the code for one packet.
 */
#include <immintrin.h>
#include <stddef.h>

#include "dataplane/core/lb_parse_plain.h"
#include "dataplane/engine/pipeline_internal.h"

#define LANES 8
#define ALL_LANES 0xffu
#define AVX512                                                                                     \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,popcnt,tune=znver3")))
#define AVX512_INLINE AVX512 __attribute__((always_inline)) static inline

/*
 * A packet's row: its headers, and the lengths from its mbuf in the last word. What is not known
 * to be there is not read.
 */
#define ROW_HEADERS ((1ULL << sizeof(struct lb_tcp4)) - 1)
#define ROW_LENGTHS (1u << 7)

LB_STATIC_ASSERT(sizeof(struct lb_tcp4) <= 56, "the headers leave the last word free");
LB_STATIC_ASSERT(offsetof(struct rte_mbuf, data_len) == offsetof(struct rte_mbuf, pkt_len) + 4,
		 "the lengths are one word");

/* The rows' columns, and what is made of them. The leftmost byte is the lowest one of a word. */
struct headers {
	__m512i word[8];
	__m512i ip_len; /* in the host's order */
	__m512i src;
	__m512i dst;
	__m512i ports; /* of the source; in the next two bytes, of the destination */
};

AVX512_INLINE __m512i splat(uint64_t word)
{
	return _mm512_set1_epi64((long long)word);
}

AVX512_INLINE __m512i row_load(const struct rte_mbuf *m, const uint8_t *data)
{
	static const uint8_t nothing[sizeof(struct lb_tcp4)];
	uint64_t lengths = lb_load64((const uint8_t *)m + offsetof(struct rte_mbuf, pkt_len));
	__m512i row = _mm512_maskz_loadu_epi8(
		ROW_HEADERS, m->data_len >= sizeof(struct lb_tcp4) ? data : nothing);

	return _mm512_mask_set1_epi64(row, ROW_LENGTHS, (long long)lengths);
}

/* Blocks of 128 bits, two of each: the even or the odd ones. */
#define EVEN(a, b) _mm512_shuffle_i64x2(a, b, 0x88)
#define ODD(a, b) _mm512_shuffle_i64x2(a, b, 0xdd)

/* Rows to columns. */
AVX512_INLINE void words_load(const struct burst *b, uint32_t first, __m512i word[LANES])
{
	__m512i r[LANES], even[4], odd[4];

	for (uint32_t i = 0; i < LANES; i++)
		r[i] = row_load(b->pkt[first + i], b->data[first + i]);
	for (uint32_t i = 0; i < LANES / 2; i++) {
		even[i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
		odd[i] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
	}
	word[0] = EVEN(EVEN(even[0], even[1]), EVEN(even[2], even[3]));
	word[1] = EVEN(EVEN(odd[0], odd[1]), EVEN(odd[2], odd[3]));
	word[2] = EVEN(ODD(even[0], even[1]), ODD(even[2], even[3]));
	word[3] = EVEN(ODD(odd[0], odd[1]), ODD(odd[2], odd[3]));
	word[4] = ODD(EVEN(even[0], even[1]), EVEN(even[2], even[3]));
	word[5] = ODD(EVEN(odd[0], odd[1]), EVEN(odd[2], odd[3]));
	word[7] = ODD(ODD(odd[0], odd[1]), ODD(odd[2], odd[3]));
}

AVX512_INLINE __m512i low32(__m512i x)
{
	return _mm512_and_si512(x, splat(UINT32_MAX));
}

AVX512_INLINE __m512i high32(__m512i x)
{
	return _mm512_srli_epi64(x, 32);
}

AVX512_INLINE void headers_load(const struct burst *b, uint32_t first, struct headers *h)
{
	const __m128i swapped =
		_mm_setr_epi8(1, 0, -1, -1, -1, -1, -1, -1, 9, 8, -1, -1, -1, -1, -1, -1);

	words_load(b, first, h->word);
	h->ip_len = _mm512_shuffle_epi8(h->word[2], _mm512_broadcast_i32x4(swapped));
	h->src = low32(_mm512_srli_epi64(h->word[3], 16));
	h->dst = low32(_mm512_or_si512(_mm512_slli_epi64(h->word[4], 16),
				       _mm512_srli_epi64(h->word[3], 48)));
	h->ports = low32(_mm512_srli_epi64(h->word[4], 16));
}

/* Bits of @mask in which @a and @b differ. */
AVX512_INLINE __m512i differ(__m512i a, uint64_t b, uint64_t mask)
{
	return _mm512_ternarylogic_epi64(a, splat(b), splat(mask), 0x28);
}

/* lb_tcp4_is_plain(), and that the packet is for this port and may go on. */
AVX512_INLINE __mmask8 are_plain(const struct headers *h, uint64_t mac)
{
	/* ethertype and version; fragment and protocol */
	__m512i type = differ(h->word[1], 0x0045000800000000, 0x00ffffff00000000);
	__m512i frag = differ(h->word[2], (uint64_t)LB_IPPROTO_TCP << 56, 0xff00ff3f00000000);
	__m512i wrong =
		_mm512_ternarylogic_epi64(differ(h->word[0], mac, LB_MAC_MASK), type, frag, 0xfe);
	__mmask8 k = _mm512_testn_epi64_mask(wrong, wrong);

	return _mm512_mask_test_epi64_mask(k, h->word[2], splat(0x00ff000000000000)); /* TTL */
}

/* lb_tcp4_csum_sum() and lb_csum_sum_is_right(). */
AVX512_INLINE __mmask8 csums_are_right(const struct headers *h)
{
	__m512i sum = _mm512_add_epi64(_mm512_srli_epi64(h->word[1], 48), low32(h->word[2]));

	sum = _mm512_add_epi64(sum, high32(h->word[2]));
	sum = _mm512_add_epi64(sum, low32(h->word[3]));
	sum = _mm512_add_epi64(sum, high32(h->word[3]));
	sum = _mm512_add_epi64(sum, _mm512_and_si512(h->word[4], splat(0xffff)));
	return _mm512_cmple_epu64_mask(_mm512_mullo_epi64(sum, splat(LB_CSUM_INVERSE)),
				       splat(~0ULL / 0xffff));
}

/* lb_source4_is_bad(), and that it is not the destination. */
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
	__m512i doff = _mm512_and_si512(_mm512_srli_epi64(h->word[5], 50), splat(0x3c)); /* bytes */
	__mmask8 k = _mm512_cmple_epu64_mask(frame_len, low32(h->word[7]));

	k = _mm512_mask_cmpge_epu64_mask(k, doff, splat(sizeof(struct lb_tcp)));
	return _mm512_mask_cmple_epu64_mask(k, _mm512_add_epi64(doff, ip_header), h->ip_len);
}

/* Ports and flags. */
AVX512_INLINE __mmask8 tcps_are_right(const struct headers *h)
{
	__m512i flags =
		_mm512_and_si512(_mm512_srli_epi64(h->word[5], 56), splat(LB_TCP_FLAGS_JUDGED));
	__m512i good = _mm512_srlv_epi64(splat(LB_TCP_FLAGS_GOOD), flags);
	__mmask8 k = _mm512_test_epi64_mask(h->ports, splat(0x0000ffff));

	k = _mm512_mask_test_epi64_mask(k, h->ports, splat(0xffff0000));
	return _mm512_mask_test_epi64_mask(k, good, splat(1));
}

/*
 * lb_parse_tcp4(). Several short chains of masks, since each link waits for the one before it.
 * Return: the lanes of which it is true.
 */
AVX512_INLINE __mmask8 parse(const struct headers *h, uint64_t mac)
{
	__mmask8 k = _kand_mask8(are_plain(h, mac), csums_are_right(h));

	k = _kand_mask8(k, _kand_mask8(sources_are_right(h), lengths_are_right(h)));
	return _kand_mask8(k, tcps_are_right(h));
}

/* The first half of struct lb_meta, of all lanes. */
AVX512_INLINE void metas_store(struct lb_meta *meta, const struct headers *h)
{
	const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
	const __m512i high = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
	__m512i flags = _mm512_slli_epi64(_mm512_srli_epi64(h->word[5], 56), 32);
	__m512i head = _mm512_or_si512(flags, splat(LB_TCP_META(4, LB_TCP4_L4_OFFSET)));
	__m512i ports = _mm512_or_si512(h->ip_len, _mm512_slli_epi64(h->ports, 32));
	__m512i ends = _mm512_or_si512(h->src, _mm512_slli_epi64(h->dst, 32));
	__m512i zero = _mm512_setzero_si512();

	for (uint32_t odd = 0; odd < 2; odd++) {
		__m512i a = odd ? _mm512_unpackhi_epi64(head, ports)
				: _mm512_unpacklo_epi64(head, ports);
		__m512i b =
			odd ? _mm512_unpackhi_epi64(ends, zero) : _mm512_unpacklo_epi64(ends, zero);
		__m512i rows02 = _mm512_permutex2var_epi64(a, low, b);
		__m512i rows46 = _mm512_permutex2var_epi64(a, high, b);

		_mm256_storeu_si256((void *)&meta[odd], _mm512_castsi512_si256(rows02));
		_mm256_storeu_si256((void *)&meta[odd + 2], _mm512_extracti64x4_epi64(rows02, 1));
		_mm256_storeu_si256((void *)&meta[odd + 4], _mm512_castsi512_si256(rows46));
		_mm256_storeu_si256((void *)&meta[odd + 6], _mm512_extracti64x4_epi64(rows46, 1));
	}
}

/* What is read of the services' entries. */
struct services {
	__m512i key; /* lb_service_key4() */
	__m512i id;  /* in the upper half: id (2), pool (2) */
};

LB_STATIC_ASSERT(offsetof(struct lb_service, id) == 20, "struct services");

AVX512_INLINE struct services services_load(const struct lb_service *const *service)
{
	const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
	const __m512i high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
	__m512i r[LANES / 2], a, b;

	for (uint32_t i = 0; i < LANES / 2; i++)
		r[i] = _mm512_inserti64x4(
			_mm512_castsi256_si512(_mm256_loadu_si256((const void *)service[i])),
			_mm256_loadu_si256((const void *)service[i + 4]), 1);
	a = _mm512_unpacklo_epi64(r[0], r[1]);
	b = _mm512_unpacklo_epi64(r[2], r[3]);
	return (struct services){
		.key = _mm512_permutex2var_epi64(a, low, b),
		.id = _mm512_permutex2var_epi64(a, high, b),
	};
}

/* The entries where the search for a service begins: see lb_service_hash4(). */
AVX512_INLINE __m512i services_hash(const struct lb_service_table *table, __m512i turned_key)
{
	__m512i hash = _mm512_mullo_epi64(_mm512_xor_si512(turned_key, splat(table->seed)),
					  splat(LB_HASH_MUL1));
	__m512i index = _mm512_and_si512(_mm512_srli_epi64(hash, 48), splat(table->mask));

	return _mm512_add_epi64(_mm512_slli_epi64(index, 5), splat((uintptr_t)table->slot));
}

/* lb_flow_spread(). */
AVX512_INLINE __m512i spreads(const struct lb_secret *secret, __m512i key)
{
	__m512i x = _mm512_xor_si512(key, splat(secret->word[4]));

	x = _mm512_mullo_epi64(x, splat(secret->word[5] | 1));
	x = _mm512_mullo_epi64(_mm512_xor_si512(x, high32(x)), splat(LB_HASH_MUL1));
	return _mm512_xor_si512(x, high32(x));
}

/* lb_flow_steps() of lb_flow_event(), by the flags FIN, SYN and RST: the lowest three. */
AVX512_INLINE __m128i steps(const struct headers *h)
{
	const __m512i of_flags =
		_mm512_setr_epi64(LB_FLOW_STEPS_DATA, LB_FLOW_STEPS_FIN, LB_FLOW_STEPS_SYN,
				  LB_FLOW_STEPS_FIN, LB_FLOW_STEPS_RST, LB_FLOW_STEPS_RST,
				  LB_FLOW_STEPS_RST, LB_FLOW_STEPS_RST);

	return _mm512_cvtepi64_epi16(
		_mm512_permutexvar_epi64(_mm512_srli_epi64(h->word[5], 56), of_flags));
}

/* flow_note(), of plain packets. Return: those whose service was found where the search begins. */
AVX512_INLINE __mmask8 flows_note(struct burst *b, uint32_t first, const struct headers *h,
				  __mmask8 plain)
{
	const struct lb_table *flows = &b->pl->flows->table;
	const __m512i tcp4 = splat((4ULL << 24 | LB_IPPROTO_TCP << 16) << 32);
	__m512i dport = _mm512_slli_epi64(_mm512_srli_epi64(h->ports, 16), 32);
	__m512i turned = _mm512_or_si512(_mm512_or_si512(h->dst, dport), tcp4);
	__m512i client = _mm512_or_si512(h->src, _mm512_slli_epi64(h->ports, 32));
	__m512i key, spread, bucket;
	struct services s;
	__mmask8 found;

	_mm512_store_si512(&b->service[first], services_hash(b->tables->services, turned));
	s = services_load(&b->service[first]);
	found = _mm512_mask_cmpeq_epi64_mask(plain, _mm512_ror_epi64(turned, 32), s.key);
	key = _mm512_mask_mov_epi16(client, 0x88888888, _mm512_slli_epi64(s.id, 16));
	spread = spreads(&b->tables->secret, key);
	bucket = _mm512_mul_epu32(high32(spread), splat(flows->n_buckets));
	bucket = _mm512_maskz_srli_epi64(found, bucket, 32);
	bucket = _mm512_add_epi64(_mm512_slli_epi64(bucket, 6), splat((uintptr_t)flows->bucket));
	_mm512_store_si512(&b->key[first], key);
	_mm512_store_si512(&b->spread[first], spread);
	_mm512_store_si512(&b->bucket[first], bucket);
	_mm_store_si128((void *)&b->steps[first], steps(h));
	_mm_store_si128((void *)&b->result[first], _mm_set1_epi16(LB_VERDICT_FORWARD));
	for (uint32_t i = 0; i < LANES; i++)
		__builtin_prefetch(b->bucket[first + i]);
	return found;
}

/* Those that are not simple. Return: the lanes of flows among them. */
static __rte_noinline uint32_t others(struct burst *b, uint32_t first, uint32_t lanes,
				      uint32_t plain)
{
	uint32_t flows = 0;

	for (; lanes; lanes &= lanes - 1) {
		uint32_t lane = (uint32_t)__builtin_ctz(lanes);
		bool is_flow = plain >> lane & 1 ? pipeline_classify_known(b, first + lane)
						 : pipeline_classify_other(b, first + lane);

		flows |= (uint32_t)is_flow << lane;
	}
	return flows;
}

/* Add lanes to b->flow, which has room for eight here. Return: how many there are. */
AVX512_INLINE uint32_t flows_add(uint8_t *flow, uint32_t first, uint32_t lanes)
{
	const uint64_t ones = 0x0101010101010101, count = 0x0706050403020100;

	lb_store64(flow, _pext_u64(count + first * ones, _pdep_u64(lanes, ones) * 0xff));
	return (uint32_t)__builtin_popcount(lanes);
}

/* Eight packets. Return: the lanes of flows. @plain: those of packets that were done together. */
AVX512_INLINE uint32_t parse_lanes(struct burst *b, uint32_t first, uint32_t *plain)
{
	struct headers h;
	uint32_t flows = 0;

	headers_load(b, first, &h);
	*plain = parse(&h, b->pl->port_mac);
	if (lb_likely(*plain)) {
		metas_store(&b->meta[first], &h);
		flows = flows_note(b, first, &h, (__mmask8)*plain);
	}
	if (lb_unlikely(flows != ALL_LANES))
		flows |= others(b, first, flows ^ ALL_LANES, *plain);
	return flows;
}

/* Where most packets are of another kind, eight at once cost more than they save. */
AVX512 void pipeline_parse_avx512(struct burst *b)
{
	const uint32_t n = b->n & ~(LANES - 1u);
	uint32_t n_flow = 0, plain = ALL_LANES, i;

	for (i = 0; i < n && __builtin_popcount(plain) >= LANES / 2; i += LANES)
		n_flow += flows_add(&b->flow[n_flow], i, parse_lanes(b, i, &plain));
	b->n_flow = (uint16_t)n_flow;
	pipeline_parse_rest(b, i);
}
