/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vector of four lanes of 64 bits, and what the compiler's vector types lack. The other width is
 * lanes_avx512.h, with the same names.
 */
#ifndef ENGINE_LANES_AVX2_H
#define ENGINE_LANES_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 4
#define LANES_ALL ((1u << LANES) - 1)
#define LANES_CODE __attribute__((target("avx2,popcnt")))
#define LANES_INLINE LANES_CODE __attribute__((always_inline, unused)) static inline

typedef uint64_t lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t lanes_signed __attribute__((vector_size(8 * LANES)));
typedef uint32_t lanes_of_32 __attribute__((vector_size(8 * LANES)));

/* Some of the lanes: all of their bits are set. */
typedef lanes lanes_mask;

LANES_INLINE lanes lanes_splat(uint64_t word)
{
	return (lanes)_mm256_set1_epi64x((long long)word);
}

LANES_INLINE lanes_mask lanes_every(void)
{
	return lanes_splat(UINT64_MAX);
}

/* The lowest bit is the first lane. */
LANES_INLINE uint32_t lanes_bits(lanes_mask k)
{
	return (uint32_t)_mm256_movemask_pd((__m256d)k);
}

LANES_INLINE lanes_mask lanes_from_bits(uint32_t bits)
{
	const lanes bit = { 1, 2, 4, 8 };

	return (lanes_mask)((lanes_splat(bits) & bit) == bit);
}

LANES_INLINE lanes_mask lanes_and(lanes_mask a, lanes_mask b)
{
	return a & b;
}

/* Those of @k in which @a is equal to @b, and so on. */
LANES_INLINE lanes_mask lanes_eq(lanes_mask k, lanes a, lanes b)
{
	return k & (lanes_mask)(a == b);
}

LANES_INLINE lanes_mask lanes_ne(lanes_mask k, lanes a, lanes b)
{
	return k & ~(lanes_mask)(a == b);
}

/* Both are below 2^63. */
LANES_INLINE lanes_mask lanes_le(lanes_mask k, lanes a, lanes b)
{
	return k & ~(lanes_mask)((lanes_signed)a > (lanes_signed)b);
}

/* Those of @k in which a bit of @bits is set. */
LANES_INLINE lanes_mask lanes_any(lanes_mask k, lanes x, uint64_t bits)
{
	return lanes_ne(k, x & bits, lanes_splat(0));
}

/* Those of @k in which no bit of @bits is set. */
LANES_INLINE lanes_mask lanes_none(lanes_mask k, lanes x, uint64_t bits)
{
	return lanes_eq(k, x & bits, lanes_splat(0));
}

/* @a in the lanes of @k, @b in the others. */
LANES_INLINE lanes lanes_choose(lanes_mask k, lanes a, lanes b)
{
	return (lanes)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)k);
}

/* Bits of @mask in which @a and @b differ. */
LANES_INLINE lanes lanes_differ(lanes a, uint64_t b, uint64_t mask)
{
	return (a ^ b) & mask;
}

LANES_INLINE lanes lanes_or3(lanes a, lanes b, lanes c)
{
	return a | b | c;
}

/* Bits of @mask of @a, and @b. */
LANES_INLINE lanes lanes_add_bits(lanes a, uint64_t mask, lanes b)
{
	return (a & mask) | b;
}

/* 0 if @n is above 63. */
LANES_INLINE lanes lanes_shift_right(lanes x, lanes n)
{
	return (lanes)_mm256_srlv_epi64((__m256i)x, (__m256i)n);
}

/* The product of the lower halves. */
LANES_INLINE lanes lanes_mul32(lanes a, lanes b)
{
	return (lanes)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}

/* 1 instead of 0. */
LANES_INLINE lanes lanes_not_0(lanes x)
{
	return x - (lanes)(x == lanes_splat(0));
}

/* Bytes of each two lanes. @from: as for pshufb. */
LANES_INLINE lanes lanes_shuffle(lanes x, __m128i from)
{
	return (lanes)_mm256_shuffle_epi8((__m256i)x, _mm256_broadcastsi128_si256(from));
}

LANES_INLINE lanes lanes_load(const void *from)
{
	return (lanes)_mm256_load_si256(from);
}

LANES_INLINE void lanes_store(void *to, lanes x)
{
	_mm256_store_si256(to, (__m256i)x);
}

/* @to: not aligned. */
LANES_INLINE void lanes_store_any(void *to, lanes x)
{
	_mm256_storeu_si256((__m256i_u *)to, (__m256i)x);
}

/* The lower half of each lane; the lowest quarter. */
LANES_INLINE void lanes_store32(void *to, lanes x)
{
	const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 0, 0, 0, 0);
	__m256i low = _mm256_permutevar8x32_epi32((__m256i)x, even);

	_mm_store_si128(to, _mm256_castsi256_si128(low));
}

LANES_INLINE void lanes_store16(void *to, lanes x)
{
	const __m128i low =
		_mm_setr_epi8(0, 1, 8, 9, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
	__m256i pairs = (__m256i)lanes_shuffle(x, low);

	_mm_storel_epi64(to, _mm_unpacklo_epi32(_mm256_castsi256_si128(pairs),
						_mm256_extracti128_si256(pairs, 1)));
}

/* The lanes of @bits, one after the other, and anything behind them. */
LANES_INLINE lanes lanes_pack(lanes x, uint32_t bits)
{
/* The halves of the first lane, and so on. */
#define A 0, 1
#define B 2, 3
#define C 4, 5
#define D 6, 7
	static const uint32_t halves[1 << LANES][2 * LANES] = {
		{ 0 },	  { A },       { B },	    { A, B },	    { C },    { A, C },
		{ B, C }, { A, B, C }, { D },	    { A, D },	    { B, D }, { A, B, D },
		{ C, D }, { A, C, D }, { B, C, D }, { A, B, C, D },
	};
#undef A
#undef B
#undef C
#undef D
	__m256i from = _mm256_loadu_si256((const void *)halves[bits]);

	return (lanes)_mm256_permutevar8x32_epi32((__m256i)x, from);
}

/* Words of 64 bits by their place in rows of four: 0 and 2 in even[], 1 and 3 in odd[]. */
struct lanes_rows {
	lanes even[2];
	lanes odd[2];
};

LANES_INLINE struct lanes_rows lanes_load_rows(const uint8_t *const *row, size_t at)
{
	__m256i r[LANES];

	for (uint32_t i = 0; i < LANES; i++)
		r[i] = _mm256_loadu_si256((const void *)(row[i] + at));
	return (struct lanes_rows){
		.even = { (lanes)_mm256_unpacklo_epi64(r[0], r[1]),
			  (lanes)_mm256_unpacklo_epi64(r[2], r[3]) },
		.odd = { (lanes)_mm256_unpackhi_epi64(r[0], r[1]),
			 (lanes)_mm256_unpackhi_epi64(r[2], r[3]) },
	};
}

/* The column of word 0 from even[], or of word 1 from odd[]. */
LANES_INLINE lanes lanes_column_low(const lanes half[2])
{
	return (lanes)_mm256_permute2x128_si256((__m256i)half[0], (__m256i)half[1], 0x20);
}

/* That of word 2, or 3. */
LANES_INLINE lanes lanes_column_high(const lanes half[2])
{
	return (lanes)_mm256_permute2x128_si256((__m256i)half[0], (__m256i)half[1], 0x31);
}

LANES_INLINE __m256i lanes_every_second_row(const uint8_t *const *row)
{
	__m256i rows = _mm256_castsi128_si256(_mm_loadu_si128((const void *)row[0]));

	return _mm256_inserti128_si256(rows, _mm_loadu_si128((const void *)row[2]), 1);
}

/* The columns of rows of two words. */
LANES_INLINE void lanes_load_pairs(const uint8_t *const *row, lanes column[2])
{
	__m256i even = lanes_every_second_row(&row[0]), odd = lanes_every_second_row(&row[1]);

	column[0] = (lanes)_mm256_unpacklo_epi64(even, odd);
	column[1] = (lanes)_mm256_unpackhi_epi64(even, odd);
}

#endif
