/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From one configuration to the next. Everything that can fail is prepared in a stage, separate
 * from the model; the commit then cannot fail.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/internal.h"

/* A pool of the new configuration: an existing one's successor, or new. */
struct stage_pool {
	struct model_pool *pool;
	bool is_new;
	struct model_instance **instances;
	uint32_t count;
};

struct stage {
	struct model *model;
	struct config *config;
	struct stage_pool *pools; /* in the order of config->pools */
	struct model_pool **list; /* the same */
	struct hsearch_data paths;
	struct lb_secret secret;
	struct lb_service_table *services;
	uint32_t services_bytes;
	uint32_t service_id_last;
	uint64_t now_ms;
};

static struct model_instance *instance_create(struct stage *stage, const struct config_pool *pool,
					      const struct config_instance *from)
{
	struct model_instance *instance = calloc(1, sizeof(*instance));

	if (!instance)
		return NULL;
	snprintf(instance->path, sizeof(instance->path), "%s/%s", pool->name, from->name);
	instance->name = instance->path + strlen(pool->name) + 1;
	instance->address = from->address;
	instance->config_weight = from->weight;
	instance->weight = from->weight;
	instance->index = MODEL_INDEX_NONE;
	instance->key = maglev_key(&stage->secret, instance->path);
	snprintf(instance->next_hop.reason, sizeof(instance->next_hop.reason), "not looked up yet");
	if (model_index_assign(stage->model, instance)) {
		free(instance);
		errno = ENOSPC;
		return NULL;
	}
	return instance;
}

/* An instance with another address is another instance. One that drains comes back. */
static struct model_instance *instance_find(const struct stage *stage,
					    const struct config_pool *pool,
					    const struct config_instance *from)
{
	char path[MODEL_PATH_MAX];
	struct model_instance *instance;

	snprintf(path, sizeof(path), "%s/%s", pool->name, from->name);
	instance = model_instance_find(stage->model, path);
	if (instance && config_address_equal(&instance->address, &from->address))
		return instance;
	return model_leaving_find(stage->model, path, &from->address);
}

static int stage_instances(struct stage *stage, struct stage_pool *staged,
			   const struct config_pool *from)
{
	staged->instances = calloc(from->instance_count + 1, sizeof(struct model_instance *));
	if (!staged->instances)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->instance_count; i++) {
		struct model_instance *instance = instance_find(stage, from, &from->instances[i]);

		if (!instance)
			instance = instance_create(stage, from, &from->instances[i]);
		if (!instance)
			return -errno;
		staged->instances[staged->count++] = instance;
		model_paths_add(&stage->paths, instance);
	}
	return 0;
}

static int stage_pool_create(struct stage *stage, struct stage_pool *staged,
			     const struct config_pool *from)
{
	staged->pool = calloc(1, sizeof(*staged->pool));
	if (!staged->pool)
		return -ENOMEM;
	staged->is_new = true;
	snprintf(staged->pool->name, sizeof(staged->pool->name), "%s", from->name);
	staged->pool->settle_ms = stage->now_ms + MODEL_SETTLE_MS;
	staged->pool->gather_ms = stage->now_ms + MODEL_GATHER_MS;
	staged->pool->slots = calloc(stage->config->node.table_slots, sizeof(uint16_t));
	staged->pool->other = calloc(stage->config->node.table_slots, sizeof(uint16_t));
	return staged->pool->slots && staged->pool->other ? 0 : -ENOMEM;
}

static int stage_pool(struct stage *stage, uint32_t i)
{
	const struct config_pool *from = &stage->config->pools[i];
	struct stage_pool *staged = &stage->pools[i];
	int err = 0;

	staged->pool = model_pool_find(stage->model, from->name);
	if (!staged->pool)
		err = stage_pool_create(stage, staged, from);
	stage->list[i] = staged->pool;
	return err ? err : stage_instances(stage, staged, from);
}

/* Ids of removed pools are free for new ones: both changes are published in one generation. */
static int stage_pool_ids(struct stage *stage)
{
	struct model *model = stage->model;
	struct model_pool *kept[LB_POOLS_MAX] = { NULL };
	struct model_pool *before[LB_POOLS_MAX];
	int err = 0;

	for (uint32_t i = 0; i < stage->config->pool_count; i++)
		if (!stage->pools[i].is_new)
			kept[stage->list[i]->id] = stage->list[i];
	memcpy(before, model->pool_by_id, sizeof(before));
	memcpy(model->pool_by_id, kept, sizeof(kept));
	for (uint32_t i = 0; i < stage->config->pool_count && !err; i++)
		if (stage->pools[i].is_new)
			err = model_pool_id_assign(model, stage->list[i]);
	/* The new list is installed by the commit. */
	memcpy(model->pool_by_id, before, sizeof(before));
	return err;
}

static int stage_services(struct stage *stage)
{
	const struct model_services request = {
		.config = stage->config,
		.pools = stage->list,
		.secret = &stage->secret,
		.old = stage->model->services,
	};

	stage->services =
		model_services_build(&request, &stage->service_id_last, &stage->services_bytes);
	return stage->services ? 0 : -errno;
}

static int stage_all(struct stage *stage)
{
	uint32_t instances = 0;
	int err = 0;

	stage->pools = calloc(stage->config->pool_count + 1, sizeof(*stage->pools));
	stage->list = calloc(stage->config->pool_count + 1, sizeof(struct model_pool *));
	if (!stage->pools || !stage->list)
		return -ENOMEM;
	for (uint32_t i = 0; i < stage->config->pool_count; i++)
		instances += stage->config->pools[i].instance_count;
	err = model_paths_create(&stage->paths, instances);
	for (uint32_t i = 0; i < stage->config->pool_count && !err; i++)
		err = stage_pool(stage, i);
	if (!err)
		err = stage_pool_ids(stage);
	return err ? err : stage_services(stage);
}

/* Discard a stage; the model is unchanged. */
static void stage_abandon(struct stage *stage)
{
	for (uint32_t i = 0; stage->pools && i < stage->config->pool_count; i++) {
		struct stage_pool *staged = &stage->pools[i];

		for (uint32_t j = 0; j < staged->count; j++) {
			if (staged->instances[j]->pool || staged->instances[j]->leaving)
				continue;
			model_index_free(stage->model, staged->instances[j]);
			free(staged->instances[j]);
		}
		free(staged->instances);
		if (staged->is_new)
			model_pool_free(staged->pool);
	}
	hdestroy_r(&stage->paths);
}

/* ---- Commit ---- */

/* It drains first, unless it doesn't serve. */
static void instance_leave(struct model *model, const struct model_pool *pool,
			   struct model_instance *instance)
{
	uint32_t drain_ms = instance->serves ? model_leave_drain_ms(model->config, pool) : 0;

	instance->pool = NULL;
	instance->accepts = false;
	instance->serves = false;
	instance->ramp_step = 0;
	instance->leave_why = NULL;
	instance->next = model->gone;
	model->gone = instance;
	if (drain_ms > 0) {
		model_leave_begin(model, instance, drain_ms, pool->on_down);
		if (model->ops->instance_leaves)
			model->ops->instance_leaves(model->ops_arg, instance, false);
		return;
	}
	model_entry_update(model, instance);
	if (model->ops->instance_removed)
		model->ops->instance_removed(model->ops_arg, instance);
}

static void instance_return(struct model *model, struct model_instance *instance)
{
	model_leave_cancel(model, instance);
	if (model->ops->instance_returned)
		model->ops->instance_returned(model->ops_arg, instance);
}

static bool stage_has(const struct stage *stage, const struct model_instance *instance)
{
	return model_paths_find(&stage->paths, instance->path) == instance;
}

static void commit_leavers(struct stage *stage)
{
	struct model *model = stage->model;

	for (uint32_t i = 0; i < model->pool_count; i++) {
		struct model_pool *pool = model->pools[i];

		for (uint32_t j = 0; j < pool->instance_count; j++)
			if (!stage_has(stage, pool->instances[j]))
				instance_leave(model, pool, pool->instances[j]);
	}
}

bool model_is_far(const struct config_node *node, const struct config_instance *instance)
{
	return node->zone && instance->zone && strcmp(node->zone, instance->zone) != 0;
}

static void commit_instance(struct model_pool *pool, struct model_instance *instance,
			    const struct config_instance *from, uint32_t slow_start_ms)
{
	instance->pool = pool;
	instance->pool_id = pool->id;
	instance->backup = from->backup;
	instance->slow_start_ms = from->slow_start_ms ? from->slow_start_ms : slow_start_ms;
	instance->config_weight = from->weight;
	if (!instance->weight_set)
		instance->weight = from->weight;
}

static void commit_pool(struct stage *stage, uint32_t i)
{
	const struct config_pool *from = &stage->config->pools[i];
	struct stage_pool *staged = &stage->pools[i];
	struct model_pool *pool = staged->pool;

	free(pool->instances);
	pool->instances = staged->instances;
	pool->instance_count = staged->count;
	pool->other_set =
		0; /* instances were added or removed, and their slot counts belong to that table */
	pool->proxy_protocol = from->proxy_protocol;
	pool->on_down = from->on_down;
	pool->affinity = from->affinity;
	pool->all_down = from->all_down;
	pool->zone_minimum = from->zone_minimum;
	pool->panic_percent = from->panic_percent;
	pool->drain_ms = from->drain_ms;
	model_minimum_configure(pool, from);
	pool->wants_on_link = false;
	for (uint32_t j = 0; j < staged->count; j++) {
		struct model_instance *instance = staged->instances[j];
		bool joins = !instance->pool;

		instance->is_new = joins && !instance->leaving;
		if (instance->leaving)
			instance_return(stage->model, instance);
		instance->was_out |= joins && pool->slot_count;
		commit_instance(pool, instance, &from->instances[j], from->slow_start_ms);
		instance->far = model_is_far(&stage->config->node, &from->instances[j]);
	}
}

/* Call the owner. What it sets for instances meanwhile is part of the decision that follows. */
static void commit_owner(struct model *model, uint32_t i)
{
	const struct config_pool *from = &model->config->pools[i];
	const struct model_ops *ops = model->ops;

	for (uint32_t j = 0; j < from->instance_count; j++) {
		struct model_instance *instance = model->pools[i]->instances[j];

		if (instance->is_new && ops->instance_added)
			ops->instance_added(model->ops_arg, instance, from);
		else if (!instance->is_new && ops->instance_updated)
			ops->instance_updated(model->ops_arg, instance, from);
	}
}

/* Install the new list of pools. Return: ids of pools that were removed or added, a bit each. */
static uint64_t commit_pool_list(struct stage *stage)
{
	struct model *model = stage->model;
	uint64_t ids = 0;

	for (uint32_t i = 0; i < model->pool_count; i++) {
		struct model_pool *pool = model->pools[i];

		if (config_pool_find(stage->config, pool->name))
			continue;
		ids |= 1ULL << pool->id;
		model->pool_by_id[pool->id] = NULL;
		model_pool_free(pool);
	}
	free(model->pools);
	model->pools = stage->list;
	model->pool_count = stage->config->pool_count;
	for (uint32_t i = 0; i < model->pool_count; i++) {
		model->pool_by_id[model->pools[i]->id] = model->pools[i];
		if (stage->pools[i].is_new)
			ids |= 1ULL << model->pools[i]->id;
	}
	return ids;
}

static void commit_on_link(struct stage *stage)
{
	const struct config *config = stage->config;

	for (uint32_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		for (uint32_t j = 0; j < service->listener_count; j++)
			if (lb_forward_needs(service->forward) & LB_INSTANCE_ON_LINK)
				stage->list[service->listeners[j].pool]->wants_on_link = true;
	}
}

static void commit_source(struct model *model, const struct config_node *node)
{
	const struct config_address *addr4 = config_node_address(node, 4);
	const struct config_address *addr6 = config_node_address(node, 6);

	model->source.tunnel4 = node->tunnel_sources;
	model->source.addr4 = addr4 ? *addr4 : (struct config_address){ .family = 0 };
	model->source.addr6 = addr6 ? *addr6 : (struct config_address){ .family = 0 };
}

static uint32_t commit_services(struct stage *stage)
{
	struct model *model = stage->model;
	bool same = model->services && model->services_bytes == stage->services_bytes &&
		    memcmp(model->services, stage->services, stage->services_bytes) == 0;

	free(model->services);
	model->services = stage->services;
	model->services_bytes = stage->services_bytes;
	model->service_id_last = stage->service_id_last;
	return same ? 0 : MODEL_CHANGE_SERVICES;
}

static void stage_commit(struct stage *stage)
{
	struct model *model = stage->model;
	struct config *old = model->config;
	uint32_t what = MODEL_CHANGE_INSTANCES | MODEL_CHANGE_PARAMS;
	uint64_t pool_ids;

	model->config = stage->config;
	model->secret = stage->secret;
	model->now_ms = stage->now_ms;
	commit_source(model, &stage->config->node);
	model_nat_assign(model);
	model->busy = true;
	commit_leavers(stage);
	pool_ids = commit_pool_list(stage);
	hdestroy_r(&model->paths);
	model->paths = stage->paths;
	for (uint32_t i = 0; i < model->pool_count; i++)
		commit_pool(stage, i);
	commit_on_link(stage);
	for (uint32_t i = 0; i < model->pool_count; i++)
		commit_owner(model, i);
	what |= commit_services(stage);
	model->busy = false;
	model_tell(model, what, pool_ids, pool_ids);
	config_free(old);
}

int model_apply(struct model *model, struct config *config, uint64_t now_ms)
{
	struct stage stage = {
		.model = model,
		.config = config,
		.now_ms = now_ms,
		.service_id_last = model->service_id_last,
	};
	int err;

	lb_secret_expand(config->node.secret, &stage.secret);
	err = stage_all(&stage);
	if (err) {
		stage_abandon(&stage);
		free(stage.list);
	} else {
		stage_commit(&stage);
	}
	free(stage.pools);
	return err;
}
