/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the packet path knows of an instance: whom it may take, and the header
 * that is put in front of its packets. One cache line.
 */
#ifndef LB_INSTANCE_H
#define LB_INSTANCE_H

#include "dataplane/core/lb_hash.h"

#define LB_INSTANCE_NONE 0xffffu
#define LB_TUNNEL4_LEN 20u /* bytes of outer header */
#define LB_TUNNEL6_LEN 40u
#define LB_HEADER_MAX (sizeof(struct lb_eth) + LB_TUNNEL6_LEN)
#define LB_SELECT_ROUNDS 32

enum lb_instance_flag {
	LB_INSTANCE_SERVES = 1 << 0,   /* keeps the flows that it has */
	LB_INSTANCE_ACCEPTS = 1 << 1,  /* takes new flows */
	LB_INSTANCE_RESOLVED = 1 << 2, /* the next hop's MAC address is known */
	LB_INSTANCE_ON_LINK = 1 << 3,  /* and it is the instance's own, so l2 can work */
};

enum lb_forward {
	LB_FORWARD_L2 = 1,
	LB_FORWARD_IPIP = 2,
};

struct lb_instance {
	uint8_t header[LB_HEADER_MAX]; /* Ethernet, then the outer IPv4 or IPv6 header:
					* lengths 0, IPv4 checksum over length 0 */
	uint8_t header_len;	       /* bytes: 34 or 54 */
	uint8_t flags;		       /* enum lb_instance_flag */
	uint16_t pool;
	uint8_t reserved[6];
} LB_ALIGNED(64);

LB_STATIC_ASSERT(sizeof(struct lb_instance) == 64, "an instance is a cache line");

/* The two generations of a pool's slot table; an absent one has no slots. */
struct lb_pool_view {
	const uint16_t *current;
	const uint16_t *previous;
	uint32_t n_current;
	uint32_t n_previous;
};

/**
 * Choose the instance of a new flow.
 * @hash: slot hash of the flow.
 * @instances: all instances; @n_instances bounds what slots may say.
 * Return: instance index, or LB_INSTANCE_NONE if none accepts.
 *
 * The table holds only instances that accept, but for the moment between a
 * change and the table built for it; then the flow draws again, evenly.
 * Context: worker; wait-free; the view is valid until the next quiescent point.
 * Source: Eisenbud et al., Maglev, NSDI 2016, section 3.4.
 */
LB_INLINE uint32_t lb_select_new(const struct lb_pool_view *pool, uint64_t hash,
				 const struct lb_instance *instances, uint32_t n_instances)
{
	if (lb_unlikely(pool->n_current == 0))
		return LB_INSTANCE_NONE;
	for (uint32_t round = 0; round < LB_SELECT_ROUNDS; round++) {
		uint32_t i = pool->current[lb_flow_slot(hash, pool->n_current)];

		if (lb_likely(i < n_instances && (instances[i].flags & LB_INSTANCE_ACCEPTS)))
			return i;
		hash = lb_hash_mix(hash + LB_HASH_MUL2);
	}
	return LB_INSTANCE_NONE;
}

/* What a flow that is not in the table, but not new either, is to get. */
struct lb_selection {
	uint32_t instance;
	bool pinned; /* the two generations disagree: only the flow table can keep it there */
};

/**
 * Choose the instance of a flow that was begun before: the previous
 * generation's, as long as that instance serves.
 */
LB_INLINE struct lb_selection lb_select_old(const struct lb_pool_view *pool, uint64_t hash,
					    const struct lb_instance *instances,
					    uint32_t n_instances)
{
	struct lb_selection sel = { .instance = LB_INSTANCE_NONE, .pinned = false };
	uint32_t current = LB_INSTANCE_NONE, previous = LB_INSTANCE_NONE;

	if (pool->n_current)
		current = pool->current[lb_flow_slot(hash, pool->n_current)];
	if (pool->n_previous)
		previous = pool->previous[lb_flow_slot(hash, pool->n_previous)];
	if (previous < n_instances && (instances[previous].flags & LB_INSTANCE_SERVES)) {
		sel.instance = previous;
		sel.pinned = previous != current;
	} else if (current < n_instances && (instances[current].flags & LB_INSTANCE_SERVES)) {
		sel.instance = current;
	} else {
		sel.instance = lb_select_new(pool, hash, instances, n_instances);
	}
	return sel;
}

#endif
