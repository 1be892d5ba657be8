/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/eligible.h"

static bool is_candidate(const struct eligible_instance *instance)
{
	return instance->admin == MODEL_READY && instance->weight > 0;
}

static bool is_usable(const struct eligible_instance *instance)
{
	return is_candidate(instance) && instance->health == HEALTH_UP && instance->reachable &&
	       !instance->held;
}

static bool is_only_held(const struct eligible_instance *instance)
{
	return is_candidate(instance) && instance->health == HEALTH_UP && instance->reachable &&
	       instance->held;
}

static bool is_pending(const struct eligible_instance *instance)
{
	return is_candidate(instance) && !instance->held &&
	       (instance->health == HEALTH_UNKNOWN ||
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

struct tier_count {
	uint32_t candidates;
	uint32_t usable;
	uint32_t far; /* candidates in other zones */
};

static struct tier_count tier_count(const struct eligible_instance *instances, uint32_t n,
				    bool backup, bool local)
{
	struct tier_count count = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		if (instances[i].backup != backup || !is_candidate(&instances[i]))
			continue;
		count.far += instances[i].far;
		if (local && instances[i].far)
			continue;
		count.candidates++;
		count.usable += is_usable(&instances[i]);
	}
	return count;
}

static bool tier_has_share(const struct eligible_pool *pool, const struct tier_count *count)
{
	return (uint64_t)count->usable * 100 >= (uint64_t)pool->panic_percent * count->candidates;
}

/* Return: whether the tier's local instances suffice; they take the flows then. */
static bool tier_take_local(struct eligible_pool *pool, struct eligible_instance *instances,
			    uint32_t n, bool backup)
{
	const struct tier_count count = tier_count(instances, n, backup, true);

	if (count.far == 0 || count.usable == 0 || count.usable < pool->zone_minimum ||
	    !tier_has_share(pool, &count))
		return false;
	for (uint32_t i = 0; i < n; i++)
		instances[i].accepts = instances[i].backup == backup && !instances[i].far &&
				       is_usable(&instances[i]);
	pool->in_zone = true;
	return true;
}

/* Return: whether any instance of the tier takes flows because it is up. */
static bool tier_take_usable(struct eligible_pool *pool, struct eligible_instance *instances,
			     uint32_t n, bool backup)
{
	const struct tier_count count = tier_count(instances, n, backup, false);

	if (tier_take_local(pool, instances, n, backup))
		return true;
	if (count.usable == 0 || !pool->settled || tier_has_share(pool, &count))
		return tier_take(instances, n, backup, is_usable);
	pool->panic = true;
	pool->open = tier_open(instances, n, backup);
	return true;
}

static void decide_accepts(struct eligible_pool *pool, struct eligible_instance *instances,
			   uint32_t n)
{
	for (uint32_t tier = 0; tier < 2; tier++) {
		bool backup = tier == 1;

		bool pending = tier_has(instances, n, backup, is_pending);

		if (pool->gathering && pending)
			return;
		if (tier_take_usable(pool, instances, n, backup)) {
			pool->on_backup = backup;
			return;
		}
		if (!pool->settled && pending)
			return;
	}
	for (uint32_t tier = 0; tier < 2; tier++) {
		pool->on_backup = tier == 1;
		if (tier_take(instances, n, pool->on_backup, is_only_held))
			return;
	}
	pool->on_backup = false;
	if (pool->all_down == CONFIG_ALL_DOWN_OPEN)
		pool->open = tier_open(instances, n, false) || tier_open(instances, n, true);
}

static uint32_t count_usable(const struct eligible_instance *instances, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += is_usable(&instances[i]);
	return count;
}

static void take_nothing(struct eligible_instance *instances, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		instances[i].accepts = instances[i].serves = false;
}

void eligible_decide(struct eligible_pool *pool, struct eligible_instance *instances, uint32_t n)
{
	pool->open = false;
	pool->panic = false;
	pool->in_zone = false;
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
	pool->up = count_usable(instances, n);
	if (pool->settled && pool->up < pool->minimum)
		take_nothing(instances, n);
}
