/* SPDX-License-Identifier: BSD-3-Clause */
/* From a flow's hash to an instance, by the two generations of a pool's slots. */
#ifndef LB_SELECT_H
#define LB_SELECT_H

#include "dataplane/core/lb_memory.h"

#define LB_SELECT_ROUNDS 32

/**
 * Choose the instance of a new flow.
 * @hash: slot hash of the flow.
 * @instances: all instances; their number bounds the values of slots.
 * Return: instance index, or LB_INSTANCE_NONE if none accepts.
 *
 * The table holds only instances that accept, except between a change and the table built for it;
 * then the flow draws again, evenly.
 * Context: worker; wait-free; the view is valid until the next quiescent point.
 * Source: Eisenbud et al., Maglev, NSDI 2016, section 3.4.
 */
LB_INLINE uint32_t lb_select_new(const struct lb_pool_view *pool, uint64_t hash,
				 const struct lb_instances *instances)
{
	if (lb_unlikely(pool->n_current == 0))
		return LB_INSTANCE_NONE;
	for (uint32_t round = 0; round < LB_SELECT_ROUNDS; round++) {
		uint32_t i = lb_pool_current(pool, lb_flow_slot(hash, pool->n_current));

		if (lb_likely(lb_instance_has(instances, i, LB_INSTANCE_ACCEPTS)))
			return i;
		hash = lb_hash_mix(hash + LB_HASH_MUL2);
	}
	return LB_INSTANCE_NONE;
}

/* The choice for a flow that is not in the table. */
struct lb_selection {
	uint32_t instance;
	uint16_t syn;	  /* of its home: LB_FLOW_SYN */
	bool pinned;	  /* the two generations differ: only a record keeps the flow there */
	bool record;	  /* to be recorded (lb_steer_miss()) */
	bool established; /* recorded as confirmed by a packet */
};

/**
 * Choose the instance of a flow that began earlier: the previous generation's, as long as that
 * instance serves.
 */
LB_INLINE struct lb_selection lb_select_old(const struct lb_pool_view *pool, uint64_t hash,
					    const struct lb_instances *instances)
{
	struct lb_selection sel = { .instance = LB_INSTANCE_NONE };
	uint32_t current = LB_INSTANCE_NONE, previous = LB_INSTANCE_NONE;

	if (pool->n_current)
		current = lb_pool_current(pool, lb_flow_slot(hash, pool->n_current));
	if (pool->n_previous)
		previous = lb_pool_previous(pool, lb_flow_slot(hash, pool->n_previous));
	if (lb_instance_has(instances, previous, LB_INSTANCE_SERVES)) {
		sel.instance = previous;
		sel.pinned = previous != current;
	} else if (lb_instance_has(instances, current, LB_INSTANCE_SERVES)) {
		sel.instance = current;
	} else {
		sel.instance = lb_select_new(pool, hash, instances);
	}
	return sel;
}

#endif
