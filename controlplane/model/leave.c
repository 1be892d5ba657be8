/* SPDX-License-Identifier: BSD-3-Clause */
/* Instances that were removed from the configuration, and keep their flows for a while. */
#include <string.h>

#include "controlplane/model/internal.h"

void model_leave_decide(struct model_instance *instance)
{
	instance->accepts = false;
	instance->serves = instance->leaving && (model_health_in_force(instance) != HEALTH_DOWN ||
						 instance->leave_on_down == CONFIG_ON_DOWN_KEEP);
}

void model_instance_refresh(struct model *model, struct model_instance *instance)
{
	if (instance->pool) {
		model_pool_refresh(model, instance->pool);
	} else if (instance->leaving) {
		model_leave_decide(instance);
		if (model_entry_update(model, instance) && !model->busy)
			model_changed(model, MODEL_CHANGE_INSTANCES, 0);
	}
}

void model_leave_begin(struct model *model, struct model_instance *instance, uint32_t drain_ms,
		       enum config_on_down on_down)
{
	instance->leaving = true;
	instance->leave_ms = model->now_ms + drain_ms;
	instance->drain_ms = drain_ms;
	instance->leave_on_down = on_down;
	model_leave_decide(instance);
	model_entry_update(model, instance);
}

static void gone_unlink(struct model *model, const struct model_instance *instance)
{
	struct model_instance **at = &model->gone;

	while (*at && *at != instance)
		at = &(*at)->next;
	if (*at)
		*at = instance->next;
}

void model_leave_cancel(struct model *model, struct model_instance *instance)
{
	gone_unlink(model, instance);
	instance->next = NULL;
	instance->leaving = false;
}

void model_leave_end(struct model *model, struct model_instance *instance, const char *why)
{
	instance->leave_why = why;
	if (model->ops->instance_removed)
		model->ops->instance_removed(model->ops_arg, instance);
	instance->leaving = false;
	model_leave_decide(instance);
	if (model_entry_update(model, instance))
		model_changed(model, MODEL_CHANGE_INSTANCES, 0);
}

void model_leave_tick(struct model *model)
{
	for (struct model_instance *instance = model->gone; instance; instance = instance->next)
		if (instance->leaving && model->now_ms >= instance->leave_ms)
			model_leave_end(model, instance, "its time to drain is over");
}

struct model_instance *model_leaving_next(const struct model *model,
					  const struct model_instance *last)
{
	struct model_instance *next = model_gone_next(model, last);

	while (next && !next->leaving)
		next = next->next;
	return next;
}

struct model_instance *model_leaving_find(const struct model *model, const char *path,
					  const struct config_address *address)
{
	struct model_instance *instance = NULL;

	while ((instance = model_leaving_next(model, instance)))
		if (strcmp(instance->path, path) == 0 &&
		    (!address || config_address_equal(&instance->address, address)))
			return instance;
	return NULL;
}

bool model_is_of_pool(const struct model_instance *instance, const char *pool)
{
	size_t length = strlen(pool);

	return strncmp(instance->path, pool, length) == 0 && instance->path[length] == '/';
}

const struct config_pool *model_config_pool_of(const struct config *config,
					       const struct model_instance *instance)
{
	for (uint32_t i = 0; i < config->pool_count; i++)
		if (model_is_of_pool(instance, config->pools[i].name))
			return &config->pools[i];
	return NULL;
}

static void leaving_release(struct model *model, bool all)
{
	struct model_instance *next, *instance = model->gone;

	for (; instance; instance = next) {
		next = instance->next;
		if (!instance->leaving || (!all && instance->index != MODEL_INDEX_NONE))
			continue;
		model_leave_end(model, instance, "no flow is left");
		model_gone_release(model, instance);
	}
}

void model_leaving_forget(struct model *model)
{
	leaving_release(model, true);
}

void model_leaving_release_lost(struct model *model)
{
	leaving_release(model, false);
}

uint32_t model_leave_drain_ms(const struct config *config, const struct model_pool *pool)
{
	const struct config_pool *now = config_pool_find(config, pool->name);

	return now ? now->drain_ms : pool->drain_ms;
}
