/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who takes new flows and who keeps old ones: the rule, as a pure function of what is known.
 *
 *   candidate   ready, and a weight over 0
 *   usable      candidate, up, and its next hop known
 *   pending     candidate, and not checked yet or its next hop not known yet
 *
 * New flows go to the usable instances that are no backups; if there are none, to the usable
 * backups; if there are none, and all_down is open, to the candidates whatever their health. While a
 * pool settles (at its start) the later steps wait for pending instances of the earlier ones.
 *
 * The first table is to be a whole one: where no flow is recorded it decides where established
 * connections go on. So a pool that gathers takes nobody while an instance of that step is pending.
 *
 * Old flows stay with every instance that is not in maint and not down. One that is down keeps them too
 * if on_down is keep, or while the whole pool counts as up.
 */
#ifndef CONTROLPLANE_MODEL_ELIGIBLE_H
#define CONTROLPLANE_MODEL_ELIGIBLE_H

#include "controlplane/model/model.h"

struct eligible_instance {
	enum model_admin admin;
	enum health_state health;
	uint32_t weight;
	bool backup;
	bool reachable;
	/* the answer */
	bool accepts;
	bool serves;
};

struct eligible_pool {
	enum config_on_down on_down;
	enum config_all_down all_down;
	bool settled;
	bool gathering; /* has no table yet */
	/* the answer */
	bool open;
	bool on_backup;
	bool pending; /* an instance that may still turn out to be usable */
};

/** Decide for all instances of a pool. Context: any; pure. */
void eligible_decide(struct eligible_pool *pool, struct eligible_instance *instances, uint32_t n);

#endif
