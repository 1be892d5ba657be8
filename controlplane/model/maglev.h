/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The slot table of a pool: weighted Maglev. A pure function of the pool's members, their weights,
 * and the secret; so all nodes with the same secret have the same table.
 *
 * Members take turns, heavier ones more often, and each takes the first free slot of its own
 * preference list. The lists are drawn from a keyed generator, not from an offset and a skip as in
 * the paper: for some pairs of members two such arithmetic progressions run in parallel, which
 * moved up to 1.1 % of the slots too many when one of ten was removed; drawn lists move at most 0.4
 * %.
 * Source: Eisenbud et al., Maglev, NSDI 2016, section 3.4.
 */
#ifndef CONTROLPLANE_MODEL_MAGLEV_H
#define CONTROLPLANE_MODEL_MAGLEV_H

#include <stdint.h>

#include "dataplane/core/lb_hash.h"

#define MAGLEV_WEIGHT_MAX 32768

struct maglev_member {
	uint64_t key;	 /* maglev_key() of its name */
	uint64_t draw;	 /* private to maglev_build() */
	uint32_t weight; /* 1 to MAGLEV_WEIGHT_MAX */
	uint32_t slots;	 /* set: number of slots it has */
	uint16_t value;	 /* stored in its slots */
};

/** The key of a name: the same on all nodes with the same secret, and unpredictable without it. */
uint64_t maglev_key(const struct lb_secret *secret, const char *name);

/**
 * Build a table.
 * @members: @n of them, at least 1, in any order; they are sorted.
 * @slots: filled in; @n_slots of them, at most LB_POOL_SLOTS_MAX.
 * Return: 0; -EINVAL: no members, more than slots, a weight out of range, or too many slots; -ENOMEM.
 * Context: any thread.
 */
int maglev_build(struct maglev_member *members, uint32_t n, uint16_t *slots, uint32_t n_slots);

#endif
