/* SPDX-License-Identifier: BSD-3-Clause */
/* Common part of the code for eight packets at once. Only pipeline_parse*_avx512.c include this. */
#ifndef ENGINE_PIPELINE_AVX512_H
#define ENGINE_PIPELINE_AVX512_H

#include "dataplane/engine/pipeline_pieces.h"

#define LANES 8
#define ALL_LANES 0xffu
#define AVX512                                                                                     \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,popcnt,tune=znver3")))
#define AVX512_INLINE AVX512 __attribute__((always_inline)) static inline

AVX512_INLINE __m512i splat(uint64_t word)
{
	return _mm512_set1_epi64((long long)word);
}

AVX512_INLINE __m512i low32(__m512i x)
{
	return _mm512_and_si512(x, splat(UINT32_MAX));
}

AVX512_INLINE __m512i high32(__m512i x)
{
	return _mm512_srli_epi64(x, 32);
}

/* Rows of four words to columns: words 0 and 2 of a packet are in even[], 1 and 3 in odd[]. */
struct pieces {
	__m512i even[2];
	__m512i odd[2];
};

AVX512_INLINE struct pieces pieces_load(const uint8_t *const *row, size_t at)
{
	__m512i r[LANES / 2];

	for (uint32_t i = 0; i < LANES / 2; i++)
		r[i] = _mm512_inserti64x4(
			_mm512_castsi256_si512(_mm256_loadu_si256((const void *)(row[i] + at))),
			_mm256_loadu_si256((const void *)(row[i + LANES / 2] + at)), 1);
	return (struct pieces){
		.even = { _mm512_unpacklo_epi64(r[0], r[1]), _mm512_unpacklo_epi64(r[2], r[3]) },
		.odd = { _mm512_unpackhi_epi64(r[0], r[1]), _mm512_unpackhi_epi64(r[2], r[3]) },
	};
}

AVX512_INLINE __m512i column_low(const __m512i half[2])
{
	return _mm512_permutex2var_epi64(half[0], _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13),
					 half[1]);
}

AVX512_INLINE __m512i column_high(const __m512i half[2])
{
	return _mm512_permutex2var_epi64(half[0], _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15),
					 half[1]);
}

/* Bits of @mask in which @a and @b differ. */
AVX512_INLINE __m512i differ(__m512i a, uint64_t b, uint64_t mask)
{
	return _mm512_ternarylogic_epi64(a, splat(b), splat(mask), 0x28);
}

/* The fields of services' entries that are read. */
struct services {
	__m512i key;	/* lb_service_key4(); over IPv6 with the address's first four bytes */
	__m512i middle; /* the next eight bytes of the address */
	__m512i id;	/* the last four bytes of the address, id (2), pool (2) */
	__m512i last;	/* salt (4), forward (1) */
};

AVX512_INLINE struct services services_load(const struct lb_service *const *service)
{
	struct pieces s = pieces_load((const uint8_t *const *)service, 0);

	return (struct services){
		.key = column_low(s.even),
		.middle = column_low(s.odd),
		.id = column_high(s.even),
		.last = column_high(s.odd),
	};
}

/* Those of @found whose frames keep their length. */
AVX512_INLINE __mmask8 services_in_place(const struct services *s, __mmask8 found)
{
	return _mm512_mask_test_epi64_mask(found, s->last,
					   splat((uint64_t)LB_FORWARD_IN_PLACE << 32));
}

/* Addresses of the entries with these indices. */
AVX512_INLINE __m512i services_at(const struct lb_service_table *table, __m512i number)
{
	__m512i index = _mm512_and_si512(number, splat(table->mask));

	return _mm512_add_epi64(_mm512_slli_epi64(index, 5), splat((uintptr_t)table->slot));
}

/* lb_flow_spread(). */
AVX512_INLINE __m512i flows_spread(const struct lb_secret *secret, __m512i key)
{
	__m512i x = _mm512_xor_si512(key, splat(secret->word[4]));

	x = _mm512_mullo_epi64(x, splat(secret->word[5] | 1));
	x = _mm512_mullo_epi64(_mm512_xor_si512(x, high32(x)), splat(LB_HASH_MUL1));
	return _mm512_xor_si512(x, high32(x));
}

/* lb_table_primary(); the first bucket for lanes that are not @found. */
AVX512_INLINE __m512i flows_bucket(const struct lb_table *flows, __m512i spread, __mmask8 found)
{
	__m512i index = _mm512_mul_epu32(high32(spread), splat(flows->n_buckets));

	return _mm512_add_epi64(_mm512_maskz_slli_epi64(found, high32(index), 6),
				splat((uintptr_t)flows->bucket));
}

/* Lanes with valid flags: not lb_tcp_flags_are_bad(). @flags: bits above them are ignored. */
AVX512_INLINE __mmask8 flags_are_right(__m512i flags)
{
	flags = _mm512_and_si512(flags, splat(LB_TCP_FLAGS_JUDGED));
	return _mm512_test_epi64_mask(_mm512_srlv_epi64(splat(LB_TCP_FLAGS_GOOD), flags), splat(1));
}

/* lb_flow_steps() of lb_flow_event(), by the flags FIN, SYN and RST: the lowest three. */
AVX512_INLINE __m128i steps(__m512i flags)
{
	const __m512i of_flags =
		_mm512_setr_epi64(LB_FLOW_STEPS_DATA, LB_FLOW_STEPS_FIN, LB_FLOW_STEPS_SYN,
				  LB_FLOW_STEPS_FIN, LB_FLOW_STEPS_RST, LB_FLOW_STEPS_RST,
				  LB_FLOW_STEPS_RST, LB_FLOW_STEPS_RST);

	return _mm512_cvtepi64_epi16(_mm512_permutexvar_epi64(flags, of_flags));
}

/* Eight packets, some of them TCP over IPv6, after the first pass. */
struct six {
	__m512i src[2];
	__m512i dst[2];
	__m512i ip_len; /* in host order */
	__m512i ports;	/* of the source; of the destination */
};

/**
 * The second pass: TCP header and service's entry of @lanes, whose IPv6 headers are valid.
 * Return: the lanes that are plain: lb_parse_tcp6(). Their lengths and steps are stored.
 */
uint32_t pipeline_six_parse(struct burst *b, uint32_t first, struct six *six, uint32_t lanes);

/**
 * The third pass. Return: lanes whose service was found at the first probe; the rest of what is
 * known of them is stored.
 */
uint32_t pipeline_six_find(struct burst *b, uint32_t first, const struct six *six, uint32_t lanes);

#endif
