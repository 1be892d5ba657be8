/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which clients a service takes new flows from. Lists of prefixes become ranges: sorted, without gaps
 * or overlaps, each with the rule of the most specific prefix that it lies in. They are words behind
 * the slots of the service table, which "lb_tables.h" reads one at a time:
 *
 *   word 0        n, how many listeners have lists
 *   words 1 to n  a listener each, ascending: its service id (upper 16 bits), and where its lists are
 *   lists         first range (upper half) and number of ranges, for IPv4; the same for IPv6
 *   ranges, IPv4  a word: first address (upper half), rule
 *   ranges, IPv6  three words: first address, upper and lower half, and rule
 *
 * A family's first range begins with its first address.
 */
#ifndef LB_ACCESS_H
#define LB_ACCESS_H

#include "dataplane/core/lb_memory.h"
#include "dataplane/core/lb_parse.h"

/* A rule: a prefix length in the low 8 bits, and these flags. */
#define LB_ACCESS_LENGTH 0xffu
#define LB_ACCESS_LISTED 0x40000000u /* a prefix decides, of the length; else that there is none */
#define LB_ACCESS_DENIED 0x80000000u

#define LB_ACCESS_ID_SHIFT 48
#define LB_ACCESS_HALF_SHIFT 32
#define LB_ACCESS_STEPS 15 /* of a search among 2 * LB_ACCESS_PREFIXES_MAX + 1 ranges */

LB_STATIC_ASSERT(2 * LB_ACCESS_PREFIXES_MAX + 1 <= 1 << LB_ACCESS_STEPS, "a search ends");

/** The last of @n words from @first on, ascending, that is not above @key; @first if all are. */
LB_INLINE uint32_t lb_access_last(const struct lb_access *access, uint32_t first, uint32_t n,
				  uint64_t key)
{
	for (uint32_t step = 0; step < LB_ACCESS_STEPS && n > 1; step++) {
		uint32_t half = n / 2;

		if (lb_access_word(access, first + half) > key) {
			n = half;
		} else {
			first += half;
			n -= half;
		}
	}
	return first;
}

LB_INLINE bool lb_access_is_above(const struct lb_access *access, uint32_t at, uint64_t high,
				  uint64_t low)
{
	uint64_t word = lb_access_word(access, at);

	if (word != high)
		return word > high;
	return lb_access_word(access, at + 1) > low;
}

/* The same among ranges of IPv6. */
LB_INLINE uint32_t lb_access_last6(const struct lb_access *access, uint64_t list, uint64_t high,
				   uint64_t low)
{
	uint32_t first = (uint32_t)(list >> LB_ACCESS_HALF_SHIFT), n = (uint32_t)list;

	for (uint32_t step = 0; step < LB_ACCESS_STEPS && n > 1; step++) {
		uint32_t half = n / 2, middle = first + half * LB_ACCESS_WORDS_IPV6;

		if (lb_access_is_above(access, middle, high, low)) {
			n = half;
		} else {
			first = middle;
			n -= half;
		}
	}
	return first;
}

LB_INLINE uint32_t lb_access_rule4(const struct lb_access *access, uint32_t lists, uint32_t client)
{
	uint64_t list = lb_access_word(access, lists);
	uint64_t key = (uint64_t)client << LB_ACCESS_HALF_SHIFT | 0xffffffffu;

	return (uint32_t)lb_access_word(
		access, lb_access_last(access, (uint32_t)(list >> LB_ACCESS_HALF_SHIFT),
				       (uint32_t)list, key));
}

LB_INLINE uint32_t lb_access_rule6(const struct lb_access *access, uint32_t lists,
				   const uint8_t *client)
{
	uint64_t high = __builtin_bswap64(lb_load64(client));
	uint64_t low = __builtin_bswap64(lb_load64(client + 8));
	uint32_t at = lb_access_last6(access, lb_access_word(access, lists + 1), high, low);

	return (uint32_t)lb_access_word(access, at + LB_ACCESS_WORDS_IPV6 - 1);
}

/**
 * The rule for a packet's client.
 * @service: id of a listener that has lists; a client of any other is denied.
 * Context: worker, control plane; pure; at most 2 * LB_ACCESS_STEPS + 4 words are read, over IPv6 one
 * more a step.
 */
LB_INLINE uint32_t lb_access_rule(const struct lb_access *access, uint16_t service,
				  const struct lb_meta *meta)
{
	uint64_t key = (uint64_t)service << LB_ACCESS_ID_SHIFT;
	uint32_t n = (uint32_t)lb_access_word(access, 0);
	uint64_t listener = lb_access_word(
		access, lb_access_last(access, 1, n, key | ((1ULL << LB_ACCESS_ID_SHIFT) - 1)));

	if (lb_unlikely(n == 0 || listener >> LB_ACCESS_ID_SHIFT != service))
		return LB_ACCESS_DENIED;
	if (meta->family == 4)
		return lb_access_rule4(access, (uint32_t)listener, lb_be32_to_cpu(meta->client4));
	return lb_access_rule6(access, (uint32_t)listener, meta->client6);
}

#endif
