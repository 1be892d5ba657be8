/* SPDX-License-Identifier: BSD-3-Clause */
/* Pseudorandom numbers, the same in every run, and frames made of them. */
#ifndef TESTS_RANDOM_FRAME_H
#define TESTS_RANDOM_FRAME_H

#include "dataplane/core/lb_csum.h"
#include "dataplane/core/lb_hash.h"

/* Source: Marsaglia, Xorshift RNGs, Journal of Statistical Software 8(14), 2003. */
static inline uint32_t random_u32(void)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

static inline uint32_t random_below(uint32_t n)
{
	return lb_hash_range(random_u32(), n);
}

/** Set the correct checksum in the IPv4 header of an Ethernet frame. */
static inline void random_frame_csum(uint8_t *frame)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(frame + sizeof(struct lb_eth));

	ip->csum = 0;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
}

#endif
