/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain TCP over IPv6, eight packets at once: see pipeline_parse_avx512.c. */
#include "dataplane/engine/pipeline_avx512.h"

/*
 * The words of the TCP header that are read: both ports; from the fifth byte, data offset and
 * flags.
 */
struct tcps {
	__m512i ports;
	__m512i flags;
};

LB_STATIC_ASSERT(offsetof(struct lb_tcp, doff) == 12 && offsetof(struct lb_tcp, flags) == 13,
		 "struct tcps");

AVX512_INLINE __m512i rows_load(const uint8_t *const *row)
{
	__m512i rows = _mm512_castsi128_si512(_mm_loadu_si128((const void *)row[0]));

	rows = _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)row[2]), 1);
	rows = _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)row[4]), 2);
	return _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)row[6]), 3);
}

/* Only headers that are known to be present are read. */
AVX512_INLINE struct tcps tcps_load(const struct burst *b, uint32_t first, __mmask8 lanes)
{
	static const uint8_t nothing[sizeof(struct lb_tcp)];
	__m512i row =
		_mm512_add_epi64(_mm512_load_si512(&b->data[first]), splat(LB_TCP6_L4_OFFSET));
	const uint8_t *rows[LANES] LB_ALIGNED(64);
	__m512i even, odd;

	_mm512_store_si512(rows, _mm512_mask_mov_epi64(splat((uintptr_t)nothing), lanes, row));
	even = rows_load(&rows[0]);
	odd = rows_load(&rows[1]);
	return (struct tcps){
		.ports = _mm512_unpacklo_epi64(even, odd),
		.flags = _mm512_unpackhi_epi64(even, odd),
	};
}

/* The source is not lb_source6_is_bad(), and differs from the destination. */
AVX512_INLINE __mmask8 sources_are_right(const struct six *six, __mmask8 k)
{
	__m512i same = _mm512_or_si512(_mm512_xor_si512(six->src[0], six->dst[0]),
				       _mm512_xor_si512(six->src[1], six->dst[1]));
	/* all but the lowest bit of ::1 */
	__m512i rest =
		_mm512_ternarylogic_epi64(six->src[1], splat(~(1ULL << 56)), six->src[0], 0xea);

	k = _mm512_mask_test_epi64_mask(k, same, same);
	k = _mm512_mask_test_epi64_mask(k, rest, rest);
	return _mm512_mask_cmpneq_epi64_mask(k, _mm512_and_si512(six->src[0], splat(0xff)),
					     splat(0xff));
}

/* Lengths of packet and header. */
AVX512_INLINE __mmask8 lengths_are_right(const struct six *six, const struct tcps *tcp,
					 __m512i lengths, __mmask8 k)
{
	__m512i frame_len = _mm512_add_epi64(six->ip_len, splat(sizeof(struct lb_eth)));
	__m512i doff = _mm512_and_si512(_mm512_srli_epi64(tcp->flags, 34), splat(0x3c)); /* bytes */

	k = _mm512_mask_cmple_epu64_mask(k, frame_len, low32(lengths));
	k = _mm512_mask_cmpge_epu64_mask(k, doff, splat(sizeof(struct lb_tcp)));
	return _mm512_mask_cmple_epu64_mask(
		k, _mm512_add_epi64(doff, splat(sizeof(struct lb_ipv6))), six->ip_len);
}

/* lb_service_hash6(). */
AVX512_INLINE __m512i services_hash(const struct lb_service_table *table, const struct six *six)
{
	__m512i port = _mm512_and_si512(six->ports, splat(0xffff0000));
	__m512i x = _mm512_mullo_epi64(six->dst[0], splat(LB_HASH_MUL2));

	x = _mm512_ternarylogic_epi64(x, six->dst[1], port, 0x96);
	x = _mm512_xor_si512(x, splat((uint64_t)table->seed << 32 | LB_IPPROTO_TCP));
	x = _mm512_xor_si512(x, high32(x));
	return high32(_mm512_mullo_epi64(x, splat(LB_HASH_MUL1)));
}

AVX512 uint32_t pipeline_six_parse(struct burst *b, uint32_t first, struct six *six, uint32_t lanes)
{
	struct tcps tcp = tcps_load(b, first, (__mmask8)lanes);
	__m512i flags = _mm512_srli_epi64(tcp.flags, 40);
	__mmask8 k = (__mmask8)lanes;

	six->ports = tcp.ports;
	k = _mm512_mask_test_epi64_mask(k, tcp.ports, splat(0x0000ffff));
	k = _mm512_mask_test_epi64_mask(k, tcp.ports, splat(0xffff0000));
	k = lengths_are_right(six, &tcp, _mm512_load_si512(&b->lengths[first]), k);
	k = _kand_mask8(sources_are_right(six, k), flags_are_right(flags));
	_mm512_mask_store_epi64(&b->service[first], k,
				services_at(b->tables->services,
					    services_hash(b->tables->services, six)));
	_mm256_mask_storeu_epi32(&b->l3_len[first], k, _mm512_cvtepi64_epi32(six->ip_len));
	_mm_mask_storeu_epi16(&b->steps[first], k, steps(flags));
	_mm_mask_storeu_epi16(&b->result[first], k, _mm_set1_epi16(LB_VERDICT_FORWARD));
	return k;
}

/* For the other lanes the first entry is read. */
AVX512_INLINE struct services services_load_some(const struct burst *b, uint32_t first,
						 __mmask8 lanes)
{
	const struct lb_service *service[LANES] LB_ALIGNED(64);

	_mm512_store_si512(service,
			   _mm512_mask_mov_epi64(splat((uintptr_t)b->tables->services->slot), lanes,
						 _mm512_load_si512(&b->service[first])));
	return services_load(service);
}

/* Those of @k that are sent to the service whose entry was read. */
AVX512_INLINE __mmask8 services_match(const struct services *s, const struct six *six, __mmask8 k)
{
	__m512i key =
		_mm512_or_si512(_mm512_slli_epi64(six->dst[0], 32),
				_mm512_and_si512(_mm512_srli_epi64(six->ports, 16), splat(0xffff)));
	__m512i middle = _mm512_or_si512(high32(six->dst[0]), _mm512_slli_epi64(six->dst[1], 32));
	__m512i end = _mm512_xor_si512(s->id, high32(six->dst[1]));

	key = _mm512_or_si512(key, splat(6u << 24 | LB_IPPROTO_TCP << 16));
	k = _mm512_mask_cmpeq_epi64_mask(k, key, s->key);
	k = _mm512_mask_cmpeq_epi64_mask(k, middle, s->middle);
	return _mm512_mask_testn_epi64_mask(k, end, splat(UINT32_MAX));
}

/* lb_hash_nh(). */
AVX512_INLINE __m512i hash_nh(__m512i value, uint64_t key)
{
	__m512i sum = _mm512_add_epi32(value, splat(key));

	return _mm512_mul_epu32(sum, high32(sum));
}

/* lb_hash_mix(). */
AVX512_INLINE __m512i hash_mix(__m512i x)
{
	x = _mm512_mullo_epi64(_mm512_xor_si512(x, high32(x)), splat(LB_HASH_MUL1));
	x = _mm512_mullo_epi64(_mm512_xor_si512(x, high32(x)), splat(LB_HASH_MUL2));
	return _mm512_xor_si512(x, high32(x));
}

/* lb_flow_hash6(). */
AVX512_INLINE __m512i flows_hash(const struct lb_secret *secret, const struct six *six,
				 __m512i salt)
{
	const uint64_t *word = secret->word;
	__m512i port = _mm512_srli_epi64(_mm512_slli_epi64(six->ports, 48), 16);
	__m512i c = _mm512_or_si512(port, low32(salt));
	__m512i sum, sum2, hash;

	sum = _mm512_add_epi64(hash_nh(six->src[0], word[0]), hash_nh(six->src[1], word[1]));
	sum = _mm512_add_epi64(sum, hash_nh(c, word[2]));
	sum2 = _mm512_add_epi64(hash_nh(six->src[0], word[3]), hash_nh(six->src[1], word[4]));
	sum2 = _mm512_add_epi64(sum2, hash_nh(c, word[5]));
	hash = hash_mix(_mm512_xor_si512(sum, _mm512_rol_epi64(hash_mix(sum2), 17)));
	return _mm512_max_epu64(hash, splat(1));
}

AVX512 uint32_t pipeline_six_find(struct burst *b, uint32_t first, const struct six *six,
				  uint32_t lanes)
{
	struct services s = services_load_some(b, first, (__mmask8)lanes);
	__mmask8 found = services_match(&s, six, (__mmask8)lanes);
	__m512i key = flows_hash(&b->tables->secret, six, s.last);
	__m512i spread = flows_spread(&b->tables->secret, key);
	__m512i bucket = flows_bucket(&b->pl->flows->table, spread, found);

	_mm512_mask_store_epi64(&b->bucket[first], found, bucket);
	_mm512_mask_store_epi64(&b->key[first], found, key);
	_mm512_mask_store_epi64(&b->spread[first], found, spread);
	b->in_place |= (uint64_t)services_in_place(&s, found) << first;
	for (uint32_t bits = found; bits; bits &= bits - 1)
		__builtin_prefetch(b->bucket[first + (uint32_t)__builtin_ctz(bits)]);
	return found;
}
