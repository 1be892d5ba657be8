/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which instances take new flows and which keep old ones: the rule, as a pure function of its
 * inputs.
 *
 *   candidate   ready, and a weight over 0
 *   usable      candidate, up, its next hop known, and not held
 *   held        flap control has taken it out
 *   pending     candidate, and not checked yet or its next hop not known yet
 *
 * New flows go to the usable instances that are no backups; if there are none, to the usable
 * backups; if there are none, to those that are only held, in the same order; if there are none, and
 * all_down is open, to the candidates whatever their health. Of either of the first two steps first
 * to those that are local, while enough of them are up; if of all of a step too small a share is up
 * and not held, to all its candidates. While
 * a pool settles (at its start) the later steps wait for pending instances of the earlier ones.
 *
 * The first table must be complete: for flows that are not recorded it decides where established
 * connections continue. So in a pool that gathers, no instance accepts while one of that step is
 * pending.
 *
 * With fewer than the minimum up, once the pool has settled, none takes or keeps flows.
 *
 * Old flows stay with every instance that is not in maint and not down. An instance that is down
 * also keeps them if on_down is keep, or while the whole pool counts as up.
 */
#ifndef CONTROLPLANE_MODEL_ELIGIBLE_H
#define CONTROLPLANE_MODEL_ELIGIBLE_H

#include "controlplane/model/model.h"

struct eligible_instance {
	enum model_admin admin;
	enum health_state health;
	uint32_t weight;
	bool backup;
	bool far; /* in another zone than the node */
	bool reachable;
	bool held;
	/* result */
	bool accepts;
	bool serves;
};

struct eligible_pool {
	enum config_on_down on_down;
	enum config_all_down all_down;
	bool settled;
	bool gathering; /* has no table yet */
	uint32_t zone_minimum;
	uint32_t panic_percent;
	uint32_t minimum; /* so many must be up, or none takes flows; 0: none need be */
	/* result */
	uint32_t up; /* usable ones, backups included */
	bool open;
	bool panic;   /* open, although some are up */
	bool in_zone; /* others could take flows, too */
	bool on_backup;
	bool pending; /* an instance that may still turn out to be usable */
};

/** Decide for all instances of a pool. Context: any; pure. */
void eligible_decide(struct eligible_pool *pool, struct eligible_instance *instances, uint32_t n);

#endif
