/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vector of eight lanes of 64 bits, and what the compiler's vector types lack. The other width is
 * lanes_avx2.h, with the same names.
 */
#ifndef ENGINE_LANES_AVX512_H
#define ENGINE_LANES_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8
#define LANES_ALL ((1u << LANES) - 1)
#define LANES_CODE                                                                                 \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,popcnt,tune=znver3")))
#define LANES_INLINE LANES_CODE __attribute__((always_inline, unused)) static inline

typedef uint64_t lanes __attribute__((vector_size(8 * LANES)));
typedef uint32_t lanes_of_32 __attribute__((vector_size(8 * LANES)));

/* Some of the lanes; the lowest bit is the first. */
typedef __mmask8 lanes_mask;

LANES_INLINE lanes_mask lanes_every(void)
{
	return LANES_ALL;
}

LANES_INLINE uint32_t lanes_bits(lanes_mask k)
{
	return k;
}

LANES_INLINE lanes_mask lanes_from_bits(uint32_t bits)
{
	return (lanes_mask)bits;
}

LANES_INLINE lanes_mask lanes_and(lanes_mask a, lanes_mask b)
{
	return _kand_mask8(a, b);
}

LANES_INLINE lanes lanes_splat(uint64_t word)
{
	return (lanes)_mm512_set1_epi64((long long)word);
}

/* Those of @k in which @a is equal to @b, and so on. */
LANES_INLINE lanes_mask lanes_eq(lanes_mask k, lanes a, lanes b)
{
	return _mm512_mask_cmpeq_epi64_mask(k, (__m512i)a, (__m512i)b);
}

LANES_INLINE lanes_mask lanes_ne(lanes_mask k, lanes a, lanes b)
{
	return _mm512_mask_cmpneq_epi64_mask(k, (__m512i)a, (__m512i)b);
}

/* Both are below 2^63. */
LANES_INLINE lanes_mask lanes_le(lanes_mask k, lanes a, lanes b)
{
	return _mm512_mask_cmple_epu64_mask(k, (__m512i)a, (__m512i)b);
}

/* Those of @k in which a bit of @bits is set. */
LANES_INLINE lanes_mask lanes_any(lanes_mask k, lanes x, uint64_t bits)
{
	return _mm512_mask_test_epi64_mask(k, (__m512i)x, (__m512i)lanes_splat(bits));
}

/* Those of @k in which no bit of @bits is set. */
LANES_INLINE lanes_mask lanes_none(lanes_mask k, lanes x, uint64_t bits)
{
	return _mm512_mask_testn_epi64_mask(k, (__m512i)x, (__m512i)lanes_splat(bits));
}

/* @a in the lanes of @k, @b in the others. */
LANES_INLINE lanes lanes_choose(lanes_mask k, lanes a, lanes b)
{
	return (lanes)_mm512_mask_mov_epi64((__m512i)b, k, (__m512i)a);
}

/* Bits of @mask in which @a and @b differ. */
LANES_INLINE lanes lanes_differ(lanes a, uint64_t b, uint64_t mask)
{
	return (lanes)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)lanes_splat(b),
						(__m512i)lanes_splat(mask), 0x28);
}

LANES_INLINE lanes lanes_or3(lanes a, lanes b, lanes c)
{
	return (lanes)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0xfe);
}

/* Bits of @mask of @a, and @b. */
LANES_INLINE lanes lanes_add_bits(lanes a, uint64_t mask, lanes b)
{
	return (lanes)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)lanes_splat(mask), (__m512i)b,
						0xea);
}

/* 0 if @n is above 63. */
LANES_INLINE lanes lanes_shift_right(lanes x, lanes n)
{
	return (lanes)_mm512_srlv_epi64((__m512i)x, (__m512i)n);
}

/* The product of the lower halves. */
LANES_INLINE lanes lanes_mul32(lanes a, lanes b)
{
	return (lanes)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}

/* 1 instead of 0. */
LANES_INLINE lanes lanes_not_0(lanes x)
{
	return (lanes)_mm512_max_epu64((__m512i)x, (__m512i)lanes_splat(1));
}

/* Bytes of each two lanes. @from: as for pshufb. */
LANES_INLINE lanes lanes_shuffle(lanes x, __m128i from)
{
	return (lanes)_mm512_shuffle_epi8((__m512i)x, _mm512_broadcast_i32x4(from));
}

LANES_INLINE lanes lanes_load(const void *from)
{
	return (lanes)_mm512_load_si512(from);
}

LANES_INLINE void lanes_store(void *to, lanes x)
{
	_mm512_store_si512(to, (__m512i)x);
}

/* @to: not aligned. */
LANES_INLINE void lanes_store_any(void *to, lanes x)
{
	_mm512_storeu_si512(to, (__m512i)x);
}

/* The lower half of each lane; the lowest quarter. */
LANES_INLINE void lanes_store32(void *to, lanes x)
{
	_mm256_store_si256(to, _mm512_cvtepi64_epi32((__m512i)x));
}

LANES_INLINE void lanes_store16(void *to, lanes x)
{
	_mm_store_si128(to, _mm512_cvtepi64_epi16((__m512i)x));
}

/* The lanes of @bits, one after the other, and anything behind them. */
LANES_INLINE lanes lanes_pack(lanes x, uint32_t bits)
{
	const uint64_t ones = 0x0101010101010101, count = 0x0706050403020100;
	uint64_t order = _pext_u64(count, _pdep_u64(bits, ones) * 0xff);

	return (lanes)_mm512_permutexvar_epi64(
		_mm512_cvtepu8_epi64(_mm_cvtsi64_si128((long long)order)), (__m512i)x);
}

/* Words of 64 bits by their place in rows of four: 0 and 2 in even[], 1 and 3 in odd[]. */
struct lanes_rows {
	lanes even[2];
	lanes odd[2];
};

LANES_INLINE struct lanes_rows lanes_load_rows(const uint8_t *const *row, size_t at)
{
	__m512i r[LANES / 2];

	for (uint32_t i = 0; i < LANES / 2; i++)
		r[i] = _mm512_inserti64x4(
			_mm512_castsi256_si512(_mm256_loadu_si256((const void *)(row[i] + at))),
			_mm256_loadu_si256((const void *)(row[i + LANES / 2] + at)), 1);
	return (struct lanes_rows){
		.even = { (lanes)_mm512_unpacklo_epi64(r[0], r[1]),
			  (lanes)_mm512_unpacklo_epi64(r[2], r[3]) },
		.odd = { (lanes)_mm512_unpackhi_epi64(r[0], r[1]),
			 (lanes)_mm512_unpackhi_epi64(r[2], r[3]) },
	};
}

/* The column of word 0 from even[], or of word 1 from odd[]. */
LANES_INLINE lanes lanes_column_low(const lanes half[2])
{
	return (lanes)_mm512_permutex2var_epi64(
		(__m512i)half[0], _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), (__m512i)half[1]);
}

/* That of word 2, or 3. */
LANES_INLINE lanes lanes_column_high(const lanes half[2])
{
	return (lanes)_mm512_permutex2var_epi64(
		(__m512i)half[0], _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15), (__m512i)half[1]);
}

LANES_INLINE __m512i lanes_every_second_row(const uint8_t *const *row)
{
	__m512i rows = _mm512_castsi128_si512(_mm_loadu_si128((const void *)row[0]));

	rows = _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)row[2]), 1);
	rows = _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)row[4]), 2);
	return _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)row[6]), 3);
}

/* The columns of rows of two words. */
LANES_INLINE void lanes_load_pairs(const uint8_t *const *row, lanes column[2])
{
	__m512i even = lanes_every_second_row(&row[0]), odd = lanes_every_second_row(&row[1]);

	column[0] = (lanes)_mm512_unpacklo_epi64(even, odd);
	column[1] = (lanes)_mm512_unpackhi_epi64(even, odd);
}

#endif
