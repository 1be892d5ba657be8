/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Base definitions of the packet core: integer types, byte order, and the only differences between
 * a BPF and a native build.
 */
#ifndef LB_BASE_H
#define LB_BASE_H

#ifdef __bpf__
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __u64 uintptr_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)
#define LB_STATIC_ASSERT(cond, msg) _Static_assert(cond, msg)
#define LB_INLINE static inline __attribute__((always_inline))
/* A function off the common path: in BPF global, checked by the verifier alone. */
#define LB_RARE __attribute__((noinline))
#define LB_OFFSETOF(type, member) __builtin_offsetof(type, member)
/*
 * Keep clang from moving packet pointer arithmetic across a comparison with the end of the packet:
 * the verifier forbids arithmetic on the end pointer.
 */
#define LB_OPAQUE(p) __asm__ volatile("" : "+r"(p))
/* BPF has no ordered loads before v4 of its instruction set; a reader checks what it read. */
#define lb_load_acquire(p) (*(const volatile __typeof__(*(p)) *)(p))
#define lb_store_release(p, value)                                                                 \
	do {                                                                                       \
		__asm__ volatile("" ::: "memory");                                                 \
		*(volatile __typeof__(*(p)) *)(p) = (value);                                       \
	} while (0)
/*
 * Set bits of array[i] atomically. BPF has atomics on 4 bytes at least, so the array must be
 * aligned to 4.
 */
#define lb_or16(array, i, bits)                                                                    \
	__sync_fetch_and_or((uint32_t *)(array) + (i) / 2, (uint32_t)(bits) << ((i) % 2 * 16))
/*
 * BPF loads words from any address of a packet or a map, but clang splits the load of a packed
 * field into bytes. No header has holes anyway.
 */
#define LB_PACKED
#define lb_copy(dst, src, bytes) lb_copy_words(dst, src, bytes)
#define LB_UNROLL(n) /* clang does so by itself */
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define LB_STATIC_ASSERT(cond, msg) _Static_assert(cond, msg)
#define LB_INLINE static inline __attribute__((always_inline, unused))
#define LB_RARE LB_INLINE
#define LB_OFFSETOF(type, member) offsetof(type, member)
#define LB_OPAQUE(p) ((void)0)
#define lb_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define lb_store_release(p, value) __atomic_store_n(p, value, __ATOMIC_RELEASE)
#define lb_or16(array, i, bits) __atomic_fetch_or(&(array)[i], bits, __ATOMIC_RELEASE)
#define LB_PACKED __attribute__((packed))
#define lb_copy(dst, src, bytes) __builtin_memcpy(dst, src, bytes)
#define LB_PRAGMA(text) _Pragma(#text)
#define LB_UNROLL(n) LB_PRAGMA(GCC unroll n) /* the loop that follows, which has n rounds */
#endif

#define LB_MAY_ALIAS __attribute__((may_alias))

struct lb_word16 {
	uint16_t v;
} LB_PACKED LB_MAY_ALIAS;
struct lb_word32 {
	uint32_t v;
} LB_PACKED LB_MAY_ALIAS;
struct lb_word64 {
	uint64_t v;
} LB_PACKED LB_MAY_ALIAS;

/* Network byte order is part of the type's name; never mix without lb_*_to_*. */
typedef uint16_t lb_be16;
typedef uint32_t lb_be32;

/*
 * Compiler barrier: stores before it are in memory before those after it, for a process that reads
 * the memory after this one was killed.
 */
#define LB_WRITTEN() __asm__ volatile("" ::: "memory")

/** Store @to if *p is @from, as one step for all threads. Return: whether it was. */
LB_INLINE bool lb_cas32(uint32_t *p, uint32_t from, uint32_t to)
{
	return __sync_val_compare_and_swap(p, from, to) == from;
}

LB_INLINE bool lb_cas64(uint64_t *p, uint64_t from, uint64_t to)
{
	return __sync_val_compare_and_swap(p, from, to) == from;
}

#define lb_likely(x) __builtin_expect(!!(x), 1)
#define lb_unlikely(x) __builtin_expect(!!(x), 0)

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Sluice is written for little-endian machines"
#endif

/* Usable in constant expressions, for tables and case labels. */
#define LB_BE16(x) ((lb_be16)((((uint16_t)(x)) << 8) | (((uint16_t)(x)) >> 8)))

LB_INLINE lb_be16 lb_cpu_to_be16(uint16_t x)
{
	return __builtin_bswap16(x);
}

LB_INLINE uint16_t lb_be16_to_cpu(lb_be16 x)
{
	return __builtin_bswap16(x);
}

LB_INLINE lb_be32 lb_cpu_to_be32(uint32_t x)
{
	return __builtin_bswap32(x);
}

LB_INLINE uint32_t lb_be32_to_cpu(lb_be32 x)
{
	return __builtin_bswap32(x);
}

#define LB_ALIGNED(n) __attribute__((aligned(n)))

/** Unaligned loads and stores of words: packets have no guaranteed alignment. */
LB_INLINE uint16_t lb_load16(const void *p)
{
	return ((const struct lb_word16 *)p)->v;
}

LB_INLINE uint32_t lb_load32(const void *p)
{
	return ((const struct lb_word32 *)p)->v;
}

LB_INLINE uint64_t lb_load64(const void *p)
{
	return ((const struct lb_word64 *)p)->v;
}

LB_INLINE void lb_store16(void *p, uint16_t v)
{
	((struct lb_word16 *)p)->v = v;
}

LB_INLINE void lb_store32(void *p, uint32_t v)
{
	((struct lb_word32 *)p)->v = v;
}

LB_INLINE void lb_store64(void *p, uint64_t v)
{
	((struct lb_word64 *)p)->v = v;
}

/* Copy bytes in words. @bytes: even, a compile-time constant. */
LB_INLINE void lb_copy_words(void *dst, const void *src, uint32_t bytes)
{
	uint8_t *to = (uint8_t *)dst;
	const uint8_t *from = (const uint8_t *)src;
	uint32_t at = 0;

	for (; at + 8 <= bytes; at += 8)
		lb_store64(to + at, lb_load64(from + at));
	if (bytes & 4) {
		lb_store32(to + at, lb_load32(from + at));
		at += 4;
	}
	if (bytes & 2)
		lb_store16(to + at, lb_load16(from + at));
}

#endif
