/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an agent on an instance says of it, beside what the operator and the checks say: it never
 * overwrites them. An operator's drain or maint is in force whatever the agent says.
 */
#include "controlplane/model/internal.h"

/*
 * The unit of a pool's weights where an agent changes one: with whole weights, half of 1 would be 1.
 * 1000 units are the heaviest instance's.
 */
#define WEIGHT_UNITS (MAGLEV_WEIGHT_MAX / CONFIG_WEIGHT_MAX)

enum model_admin model_admin_in_force(const struct model_instance *instance)
{
	return instance->admin == MODEL_READY && instance->agent.known ? instance->agent.admin
								       : instance->admin;
}

enum health_state model_health_in_force(const struct model_instance *instance)
{
	return instance->agent.known && instance->agent.down ? HEALTH_DOWN : instance->health;
}

const char *model_reason(const struct model_instance *instance)
{
	if (instance->agent.known && instance->agent.down && instance->health != HEALTH_DOWN)
		return instance->agent.reason;
	return instance->reason;
}

static uint32_t percent_of(const struct model_instance *instance)
{
	return instance->agent.known ? instance->agent.percent : 100;
}

bool model_pool_has_agents(const struct model_pool *pool)
{
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (percent_of(pool->instances[i]) != 100)
			return true;
	return false;
}

uint32_t model_agent_weight(const struct model_instance *instance, uint32_t weight, bool in_units)
{
	uint64_t units = (uint64_t)weight * percent_of(instance) * WEIGHT_UNITS / 100;

	if (!in_units)
		return weight;
	if (units == 0)
		return weight && percent_of(instance) ? 1 : 0;
	return units < MAGLEV_WEIGHT_MAX ? (uint32_t)units : MAGLEV_WEIGHT_MAX;
}
