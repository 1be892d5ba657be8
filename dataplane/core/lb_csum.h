/* SPDX-License-Identifier: BSD-3-Clause */
/* Internet checksum (RFC 1071). Sums are of words in memory order. */
#ifndef LB_CSUM_H
#define LB_CSUM_H

#include "dataplane/core/lb_wire.h"

/** Fold a sum of 16-bit words to 16 bits. @sum: of at most 2^32 words. */
LB_INLINE uint16_t lb_csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/** lb_csum_fold() of a short sum. @sum: below 2^24. */
LB_INLINE uint16_t lb_csum_fold_short(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/** Update a checksum: a word that it covers has changed from 0 to @word (RFC 1624). */
LB_INLINE uint16_t lb_csum_add_word(uint16_t csum, uint16_t word)
{
	uint32_t rest = (uint32_t)csum - word;

	return (uint16_t)(rest - (rest >> 31));
}

#define LB_CSUM_INVERSE 0xfffefffefffeffffULL /* of 0xffff, modulo 2^64 */

/**
 * Whether a sum covers bytes that include a correct checksum: it folds to 0xffff if it is a
 * multiple of that, which one multiplication tests.
 * @sum: not 0. Source: Warren, Hacker's Delight, "test for zero remainder".
 */
LB_INLINE bool lb_csum_sum_is_right(uint64_t sum)
{
	return sum * LB_CSUM_INVERSE <= ~0ULL / 0xffff;
}

/** Sum of the 20 bytes of an IPv4 header without options. */
LB_INLINE uint64_t lb_csum_ipv4_sum(const struct lb_ipv4 *ip)
{
	const uint8_t *p = (const uint8_t *)ip;

	return (uint64_t)lb_load32(p) + lb_load32(p + 4) + lb_load32(p + 8) + lb_load32(p + 12) +
	       lb_load32(p + 16);
}

/** Sum of the 16 bytes of an IPv6 address. */
LB_INLINE uint64_t lb_csum_addr6_sum(const uint8_t *addr)
{
	return (uint64_t)lb_load32(addr) + lb_load32(addr + 4) + lb_load32(addr + 8) +
	       lb_load32(addr + 12);
}

#endif
