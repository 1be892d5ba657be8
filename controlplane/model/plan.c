/* SPDX-License-Identifier: BSD-3-Clause */
/* What a configuration would change, computed without changing the model. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema/diff.h"
#include "controlplane/model/internal.h"

/* Instances that the model doesn't have get numbers past its indices. */
#define PLAN_NEW LB_INSTANCES_MAX

struct plan {
	struct model *model;
	const struct config *config;
	model_flows flows;
	void *arg;
	struct model_plan *result;
	uint32_t n_new;
	bool stays[LB_INSTANCES_MAX];  /* by index */
	bool serves[LB_INSTANCES_MAX]; /* by index, after the change */
	struct eligible_instance eligible[LB_INSTANCES_MAX];
	uint32_t weight[LB_INSTANCES_MAX];		/* the operator's or the file's */
	struct model_instance *match[LB_INSTANCES_MAX]; /* NULL: a new one */
	struct maglev_member members[LB_INSTANCES_MAX];
	uint8_t steps[2 * LB_INSTANCES_MAX]; /* of slow starts, by value of a member */
	uint16_t slots[LB_POOL_SLOTS_MAX];
	uint32_t share[2 * LB_INSTANCES_MAX]; /* slots, by value of a member */
};

static void plan_path(const struct config_pool *pool, uint32_t i, char *path)
{
	snprintf(path, MODEL_PATH_MAX, "%s/%s", pool->name, pool->instances[i].name);
}

static struct model_instance *plan_match(const struct plan *plan, const struct config_pool *pool,
					 uint32_t i)
{
	char path[MODEL_PATH_MAX];
	struct model_instance *instance;

	plan_path(pool, i, path);
	instance = model_instance_find(plan->model, path);
	if (instance && config_address_equal(&instance->address, &pool->instances[i].address))
		return instance;
	return model_leaving_find(plan->model, path, &pool->instances[i].address);
}

/* Whether what an agent has said counts after the change, too. */
static bool plan_has_agent(const struct config_pool *pool, const struct config_instance *from,
			   const struct model_instance *instance)
{
	return instance && instance->agent.known && config_agent_port(pool, from) != 0;
}

/* Existing instances keep their state; new ones are assumed to be up once checked. */
static void plan_describe(struct plan *plan, const struct config_pool *pool, uint32_t i)
{
	const struct config_instance *from = &pool->instances[i];
	const struct model_instance *instance = plan_match(plan, pool, i);
	struct eligible_instance *to = &plan->eligible[i];

	plan->match[i] = (struct model_instance *)instance;
	plan->weight[i] = instance && instance->weight_set ? instance->weight : from->weight;
	*to = (struct eligible_instance){
		.admin = MODEL_READY,
		.health = HEALTH_UP,
		.weight = from->weight,
		.backup = from->backup,
		.far = model_is_far(&plan->config->node, from),
		.reachable = true,
	};
	if (!instance) {
		plan->result->instances_added++;
		return;
	}
	to->admin = instance->admin;
	to->health = instance->health;
	to->reachable = !instance->pool || model_is_reachable(instance);
	to->held = instance->held && pool->flapping.place.line != 0;
	to->weight = plan->weight[i];
	if (!plan_has_agent(pool, from, instance))
		return;
	to->admin = model_admin_in_force(instance);
	to->health = model_health_in_force(instance);
	to->weight = model_agent_weight(instance, plan->weight[i], true);
}

static void plan_decide(struct plan *plan, const struct config_pool *pool)
{
	struct eligible_pool rule = {
		.on_down = pool->on_down,
		.all_down = pool->all_down,
		.settled = true,
		.zone_minimum = pool->zone_minimum,
		.panic_percent = pool->panic_percent,
		.minimum = model_minimum_to_drop(pool),
	};

	for (uint32_t i = 0; i < pool->instance_count; i++)
		plan_describe(plan, pool, i);
	eligible_decide(&rule, plan->eligible, pool->instance_count);
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (plan->match[i] && plan->match[i]->index < LB_INSTANCES_MAX) {
			plan->stays[plan->match[i]->index] = true;
			plan->serves[plan->match[i]->index] = plan->eligible[i].serves;
		}
}

/* A new one starts slowly, since the pool has a table. */
static uint8_t plan_step(const struct config_pool *pool, const struct config_instance *from,
			 const struct model_instance *instance)
{
	if (!pool->slow_start_ms && !from->slow_start_ms)
		return 0;
	return instance ? instance->ramp_step : 1;
}

/* Whether an agent has changed a weight: all are in units then. */
static bool plan_in_units(const struct plan *plan, const struct config_pool *pool)
{
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (plan_has_agent(pool, &pool->instances[i], plan->match[i]) &&
		    plan->match[i]->agent.percent != 100)
			return true;
	return false;
}

static uint32_t plan_members(struct plan *plan, const struct config_pool *pool)
{
	const struct model_instance plain = { .weight = 0 };
	bool in_units = plan_in_units(plan, pool);
	char path[MODEL_PATH_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct model_instance *instance = plan->match[i];

		if (!plan->eligible[i].accepts)
			continue;
		plan_path(pool, i, path);
		plan->members[n++] = (struct maglev_member){
			.key = instance ? instance->key : maglev_key(&plan->model->secret, path),
			.weight = model_agent_weight(
				plan_has_agent(pool, &pool->instances[i], instance) ? instance
										    : &plain,
				plan->weight[i], in_units),
			.value = instance ? instance->index : (uint16_t)(PLAN_NEW + plan->n_new++),
		};
		plan->steps[plan->members[n - 1].value] =
			plan_step(pool, &pool->instances[i], instance);
	}
	return n;
}

static uint64_t plan_pool_flows(const struct plan *plan, const struct model_pool *pool)
{
	uint64_t flows = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++)
		flows += plan->flows(plan->arg, pool->instances[i]->index);
	return flows;
}

/*
 * Another hash leads to the slots, so a flow's slot of the new table does not depend on its old one.
 * Return: of all slots of the old table, those from where a flow comes to another instance.
 */
static uint32_t plan_rehash(struct plan *plan, const uint16_t *before, uint32_t count)
{
	uint64_t same = 0;

	memset(plan->share, 0, sizeof(plan->share));
	for (uint32_t i = 0; i < count; i++)
		plan->share[plan->slots[i]]++;
	for (uint32_t i = 0; i < count; i++)
		same += plan->share[before[i]];
	return count - (uint32_t)(same / count);
}

static int plan_pool(struct plan *plan, const struct config_pool *config_pool)
{
	const struct model_pool *pool = model_pool_find(plan->model, config_pool->name);
	uint32_t count = 0, changed = 0, n;
	const uint16_t *before;
	int err;

	plan_decide(plan, config_pool);
	n = plan_members(plan, config_pool);
	before = pool ? model_pool_slots(plan->model, pool->id, &count) : NULL;
	if (count == 0)
		return 0;
	plan->result->slots += count;
	if (n == 0) {
		/* Without instances there is no table; if all are merely out, the table stays. */
		changed = config_pool->instance_count == 0 ? count : 0;
		plan->result->slots_changed += changed;
		plan->result->flows_rehashed += changed ? plan_pool_flows(plan, pool) : 0;
		return 0;
	}
	err = ramp_build(plan->members, n, plan->steps, plan->slots, count);
	if (err)
		return err;
	for (uint32_t i = 0; i < count; i++)
		changed += plan->slots[i] != before[i];
	plan->result->slots_changed += changed;
	if (pool->affinity != config_pool->affinity)
		changed = plan_rehash(plan, before, count);
	plan->result->flows_rehashed += plan_pool_flows(plan, pool) * changed / count;
	return 0;
}

static bool plan_drains(const struct plan *plan, const struct model_instance *instance)
{
	if (!instance->serves || plan->stays[instance->index])
		return false;
	return instance->leaving || model_leave_drain_ms(plan->config, instance->pool) > 0;
}

/* Flows of instances that serve now, but will not. */
static void plan_moved(struct plan *plan)
{
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++) {
		const struct model_instance *instance = model_instance_at(plan->model, i);
		uint64_t flows = instance ? plan->flows(plan->arg, i) : 0;

		plan->result->flows += flows;
		if (instance && plan_drains(plan, instance))
			plan->result->flows_drained += flows;
		else if (instance && instance->serves && !plan->serves[i])
			plan->result->flows_moved += flows;
	}
}

static void plan_removed(struct plan *plan)
{
	uint32_t before = 0, after = 0;

	for (uint32_t i = 0; i < plan->model->pool_count; i++)
		before += plan->model->pools[i]->instance_count;
	for (uint32_t i = 0; i < plan->config->pool_count; i++)
		after += plan->config->pools[i].instance_count;
	plan->result->instances_removed = before + plan->result->instances_added - after;
}

int model_plan(struct model *model, const struct config *config, model_flows flows, void *arg,
	       struct model_plan *plan)
{
	struct plan *draft = calloc(1, sizeof(*draft));
	int err = 0;

	if (!draft)
		return -ENOMEM;
	*plan = (struct model_plan){ .flows = 0 };
	draft->model = model;
	draft->config = config;
	draft->flows = flows;
	draft->arg = arg;
	draft->result = plan;
	if (model->config)
		plan->keys = config_diff(model->config, config, NULL, NULL);
	for (uint32_t i = 0; i < config->pool_count && !err; i++)
		err = plan_pool(draft, &config->pools[i]);
	plan_moved(draft);
	plan_removed(draft);
	free(draft);
	return err;
}
