/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/eligible.h"

static bool is_candidate(const struct eligible_instance *instance)
{
	return instance->admin == MODEL_READY && instance->weight > 0;
}

static bool is_usable(const struct eligible_instance *instance)
{
	return is_candidate(instance) && instance->health == HEALTH_UP && instance->reachable;
}

static bool is_pending(const struct eligible_instance *instance)
{
	return is_candidate(instance) && (instance->health == HEALTH_UNKNOWN ||
					  (instance->health == HEALTH_UP && !instance->reachable));
}

static bool is_candidate_reachable(const struct eligible_instance *instance)
{
	return is_candidate(instance) && instance->reachable;
}

typedef bool (*eligible_test)(const struct eligible_instance *instance);

static bool tier_has(const struct eligible_instance *instances, uint32_t n, bool backup,
		     eligible_test test)
{
	for (uint32_t i = 0; i < n; i++)
		if (instances[i].backup == backup && test(&instances[i]))
			return true;
	return false;
}

/* Return: whether any instance of the tier takes flows. */
static bool tier_take(struct eligible_instance *instances, uint32_t n, bool backup,
		      eligible_test test)
{
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		if (instances[i].backup != backup || !test(&instances[i]))
			continue;
		instances[i].accepts = true;
		any = true;
	}
	return any;
}

/* If none is up: all candidates of a tier, preferably those that packets can reach. */
static bool tier_open(struct eligible_instance *instances, uint32_t n, bool backup)
{
	return tier_take(instances, n, backup, is_candidate_reachable) ||
	       tier_take(instances, n, backup, is_candidate);
}

static void decide_accepts(struct eligible_pool *pool, struct eligible_instance *instances,
			   uint32_t n)
{
	for (uint32_t tier = 0; tier < 2; tier++) {
		bool backup = tier == 1;

		bool pending = tier_has(instances, n, backup, is_pending);

		if (pool->gathering && pending)
			return;
		if (tier_take(instances, n, backup, is_usable)) {
			pool->on_backup = backup;
			return;
		}
		if (!pool->settled && pending)
			return;
	}
	if (pool->all_down == CONFIG_ALL_DOWN_OPEN)
		pool->open = tier_open(instances, n, false) || tier_open(instances, n, true);
}

void eligible_decide(struct eligible_pool *pool, struct eligible_instance *instances, uint32_t n)
{
	pool->open = false;
	pool->on_backup = false;
	for (uint32_t i = 0; i < n; i++)
		instances[i].accepts = false;
	decide_accepts(pool, instances, n);
	pool->pending = tier_has(instances, n, false, is_pending) ||
			tier_has(instances, n, true, is_pending);
	for (uint32_t i = 0; i < n; i++)
		instances[i].serves = instances[i].admin != MODEL_MAINT &&
				      (instances[i].health != HEALTH_DOWN ||
				       pool->on_down == CONFIG_ON_DOWN_KEEP || pool->open);
}
