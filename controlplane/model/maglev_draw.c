/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/maglev_draw.h"

#include <immintrin.h>

#include "dataplane/core/lb_hash.h"

static inline uint32_t slot_of(uint64_t draw, uint32_t n_slots)
{
	return lb_flow_slot((draw ^ draw >> 32) * LB_HASH_MUL1, n_slots);
}

/* Branch-free, since it is unpredictable: half of the slots are free in the beginning. */
static inline uint32_t free_append(const uint32_t *drawn, const uint32_t *free_slots,
				   uint32_t *slots, uint32_t found)
{
	for (uint32_t i = 0; i < MAGLEV_STEP; i++) {
		slots[found] = drawn[i];
		found += free_slots[drawn[i] / 32] >> drawn[i] % 32 & 1;
	}
	return found;
}

uint32_t maglev_draw_portable(uint64_t *draw, uint32_t n_slots, const uint32_t *free_slots,
			      uint32_t steps, uint32_t *slots)
{
	uint32_t drawn[MAGLEV_STEP], found = 0;
	uint64_t at = *draw;

	for (; steps > 0; steps--) {
		for (uint32_t i = 0; i < MAGLEV_STEP; i++)
			drawn[i] = slot_of(at += LB_HASH_MUL2, n_slots);
		found = free_append(drawn, free_slots, slots, found);
	}
	*draw = at;
	return found;
}

#define AVX2 __attribute__((target("avx2,bmi2"), always_inline)) static inline

/* Upper half of the 64-bit product, in the upper half of each lane; the lower one is unused. */
AVX2 __m256i high_product_avx2(__m256i a, __m256i b, __m256i b_high)
{
	__m256i low = _mm256_mul_epu32(a, b);
	__m256i cross = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), b),
					 _mm256_mul_epu32(a, b_high));

	return _mm256_add_epi64(low, _mm256_slli_epi64(cross, 32));
}

/* Slots of four draws, in the lower halves. */
AVX2 __m256i slots_avx2(__m256i draw, __m256i n_slots)
{
	const __m256i mul = _mm256_set1_epi64x((int64_t)LB_HASH_MUL1);
	const __m256i mul_high = _mm256_set1_epi64x((int64_t)(LB_HASH_MUL1 >> 32));
	__m256i mixed = _mm256_xor_si256(draw, _mm256_srli_epi64(draw, 32));
	__m256i hash = _mm256_srli_epi64(high_product_avx2(mixed, mul, mul_high), 32);

	return _mm256_srli_epi64(_mm256_mul_epu32(hash, n_slots), 32);
}

__attribute__((target("avx2,bmi2"))) uint32_t maglev_draw_avx2(uint64_t *draw, uint32_t n_slots,
							       const uint32_t *free_slots,
							       uint32_t steps, uint32_t *slots)
{
	const __m256i range = _mm256_set1_epi64x(n_slots);
	const __m256i four = _mm256_set1_epi64x((int64_t)(4 * LB_HASH_MUL2));
	__m256i at = _mm256_add_epi64(
		_mm256_set1_epi64x((int64_t)*draw),
		_mm256_setr_epi64x((int64_t)LB_HASH_MUL2, (int64_t)(2 * LB_HASH_MUL2),
				   (int64_t)(3 * LB_HASH_MUL2), (int64_t)(4 * LB_HASH_MUL2)));
	uint32_t drawn[MAGLEV_STEP], found = 0;

	*draw += steps * MAGLEV_STEP * LB_HASH_MUL2;
	for (; steps > 0; steps--) {
		for (uint32_t i = 0; i < MAGLEV_STEP; i += 4) {
			__m256i s = slots_avx2(at, range);

			s = _mm256_permutevar8x32_epi32(s,
							_mm256_setr_epi32(0, 2, 4, 6, 0, 0, 0, 0));
			_mm_storeu_si128((__m128i *)&drawn[i], _mm256_castsi256_si128(s));
			at = _mm256_add_epi64(at, four);
		}
		found = free_append(drawn, free_slots, slots, found);
	}
	return found;
}

#define AVX512_TARGET "avx512f,avx512dq,avx512vl,bmi2,popcnt"
#define AVX512 __attribute__((target(AVX512_TARGET), always_inline)) static inline

/* Slots of eight draws, in the upper halves. */
AVX512 __m512i slots_avx512(__m512i draw, __m512i n_slots)
{
	const __m512i mul = _mm512_set1_epi64((int64_t)LB_HASH_MUL1);
	__m512i mixed = _mm512_xor_si512(draw, _mm512_srli_epi64(draw, 32));
	__m512i hash = _mm512_mullo_epi64(mixed, mul);

	return _mm512_mul_epu32(_mm512_srli_epi64(hash, 32), n_slots);
}

/* Which of 16 slots are free, a bit each. */
AVX512 uint32_t free_avx512(__m512i drawn, const uint32_t *free_slots)
{
	__m512i word = _mm512_i32gather_epi32(_mm512_srli_epi32(drawn, 5), free_slots, 4);
	__m512i bit = _mm512_and_si512(drawn, _mm512_set1_epi32(31));

	return _mm512_test_epi32_mask(word, _mm512_sllv_epi32(_mm512_set1_epi32(1), bit));
}

__attribute__((target(AVX512_TARGET))) uint32_t maglev_draw_avx512(uint64_t *draw, uint32_t n_slots,
								   const uint32_t *free_slots,
								   uint32_t steps, uint32_t *slots)
{
	const __m512i range = _mm512_set1_epi64(n_slots);
	const __m512i eight = _mm512_set1_epi64((int64_t)(8 * LB_HASH_MUL2));
	const __m512i sixteen = _mm512_set1_epi64((int64_t)(16 * LB_HASH_MUL2));
	const __m512i upper =
		_mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
	const __m512i count = _mm512_setr_epi64(1, 2, 3, 4, 5, 6, 7, 8);
	__m512i at = _mm512_add_epi64(_mm512_set1_epi64((int64_t)*draw),
				      _mm512_mullo_epi64(count,
							 _mm512_set1_epi64((int64_t)LB_HASH_MUL2)));
	uint32_t found = 0;

	*draw += steps * MAGLEV_STEP * LB_HASH_MUL2;
	for (; steps > 0; steps--) {
		__m512i drawn =
			_mm512_permutex2var_epi32(slots_avx512(at, range), upper,
						  slots_avx512(_mm512_add_epi64(at, eight), range));
		uint32_t is_free = free_avx512(drawn, free_slots);

		at = _mm512_add_epi64(at, sixteen);
		_mm512_storeu_si512(slots + found,
				    _mm512_maskz_compress_epi32((__mmask16)is_free, drawn));
		found += (uint32_t)__builtin_popcount(is_free);
	}
	return found;
}

maglev_draw_fn maglev_draw_choose(void)
{
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2"))
		return maglev_draw_avx512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
		return maglev_draw_avx2;
	return maglev_draw_portable;
}
