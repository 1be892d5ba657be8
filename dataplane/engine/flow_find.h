/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lb_bucket_find() with vector instructions. The variant is chosen once at start (pipeline.c); all
 * give the same result.
 */
#ifndef ENGINE_FLOW_FIND_H
#define ENGINE_FLOW_FIND_H

#include <immintrin.h>

#include "dataplane/core/lb_flow.h"

#define FLOW_FIND_KEYS ((1u << LB_BUCKET_SLOTS) - 1)

/* One compare of the whole line; what follows the five keys is masked off. */
__attribute__((target("avx512f"), always_inline)) static inline int flow_find_avx512(
	const struct lb_bucket *bucket, uint64_t key)
{
	__m512i line = _mm512_load_si512((const void *)bucket);
	__mmask8 mask = _mm512_mask_cmpeq_epi64_mask(FLOW_FIND_KEYS, line,
						     _mm512_set1_epi64((long long)key));

	return mask ? __builtin_ctz(mask) : -1;
}

/* Four keys in one compare, the fifth beside it. */
__attribute__((target("avx2"), always_inline)) static inline int flow_find_avx2(
	const struct lb_bucket *bucket, uint64_t key)
{
	__m256i line = _mm256_load_si256((const __m256i *)(const void *)bucket->key);
	__m256i equal = _mm256_cmpeq_epi64(line, _mm256_set1_epi64x((long long)key));
	uint32_t mask = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(equal));

	mask |= (uint32_t)(bucket->key[4] == key) << 4;
	return mask ? __builtin_ctz(mask) : -1;
}

#endif
