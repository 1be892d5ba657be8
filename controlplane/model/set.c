/* SPDX-License-Identifier: BSD-3-Clause */
/* The model's inputs: setters and getters; model/decide.c decides what follows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/internal.h"

static const char *const admin_names[] = {
	[MODEL_READY] = "ready",
	[MODEL_DRAIN] = "drain",
	[MODEL_MAINT] = "maint",
};

#define ADMIN_COUNT (sizeof(admin_names) / sizeof(admin_names[0]))

struct model *model_create(const struct model_ops *ops, void *arg)
{
	struct model *model = aligned_alloc(64, (sizeof(*model) + 63) & ~(size_t)63);

	if (!model)
		return NULL;
	memset(model, 0, sizeof(*model));
	model->ops = ops;
	model->ops_arg = arg;
	return model;
}

void model_pool_free(struct model_pool *pool)
{
	if (!pool)
		return;
	free(pool->instances);
	free(pool->slots);
	free(pool->other);
	free(pool);
}

void model_destroy(struct model *model)
{
	if (!model)
		return;
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		free(model->by_index[i]);
	for (uint32_t i = 0; i < model->pool_count; i++)
		model_pool_free(model->pools[i]);
	free(model->pools);
	hdestroy_r(&model->paths);
	free(model->services);
	config_free(model->config);
	free(model);
}

const struct config *model_config(const struct model *model)
{
	return model->config;
}

uint32_t model_pool_count(const struct model *model)
{
	return model->pool_count;
}

struct model_pool *model_pool_at(const struct model *model, uint32_t i)
{
	return i < model->pool_count ? model->pools[i] : NULL;
}

struct model_pool *model_pool_find(const struct model *model, const char *name)
{
	for (uint32_t i = 0; i < model->pool_count; i++)
		if (strcmp(model->pools[i]->name, name) == 0)
			return model->pools[i];
	return NULL;
}

struct model_instance *model_instance_find(const struct model *model, const char *path)
{
	return model_paths_find(&model->paths, path);
}

struct model_instance *model_instance_at(const struct model *model, uint32_t index)
{
	return index < LB_INSTANCES_MAX ? model->by_index[index] : NULL;
}

bool model_admin_set(struct model *model, struct model_instance *instance, enum model_admin admin)
{
	if (instance->admin == admin)
		return false;
	instance->admin = admin;
	model_instance_refresh(model, instance);
	return true;
}

bool model_weight_set(struct model *model, struct model_instance *instance, uint32_t weight,
		      bool by_operator)
{
	uint32_t now = by_operator ? weight : instance->config_weight;

	if (instance->weight == now && instance->weight_set == by_operator)
		return false;
	instance->weight = now;
	instance->weight_set = by_operator;
	model_instance_refresh(model, instance);
	return true;
}

bool model_health_set(struct model *model, struct model_instance *instance,
		      enum health_state health, const char *reason)
{
	if (!reason)
		reason = "";
	if (instance->health == health && strcmp(instance->reason, reason) == 0)
		return false;
	instance->health = health;
	snprintf(instance->reason, sizeof(instance->reason), "%s", reason);
	model_instance_refresh(model, instance);
	return true;
}

bool model_held_set(struct model *model, struct model_instance *instance, bool held)
{
	if (instance->held == held)
		return false;
	instance->held = held;
	model_instance_refresh(model, instance);
	return true;
}

bool model_agent_set(struct model *model, struct model_instance *instance,
		     const struct model_agent *agent)
{
	struct model_agent before = instance->agent;

	instance->agent = *agent;
	if (agent->down)
		snprintf(instance->agent.reason, sizeof(instance->agent.reason),
			 "its agent says \"%.*s\"", MODEL_AGENT_TEXT_MAX, agent->text);
	if (before.known == agent->known && before.admin == agent->admin &&
	    before.percent == agent->percent && before.down == agent->down)
		return false;
	model_instance_refresh(model, instance);
	return true;
}

static bool hop_is_equal(const struct model_next_hop *a, const struct model_next_hop *b)
{
	return a->resolved == b->resolved && a->on_link == b->on_link &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && a->mtu_bytes == b->mtu_bytes &&
	       a->vlan == b->vlan && strcmp(a->reason, b->reason) == 0;
}

bool model_next_hop_set(struct model *model, struct model_instance *instance,
			const struct model_next_hop *hop)
{
	if (hop_is_equal(&instance->next_hop, hop))
		return false;
	instance->next_hop = *hop;
	model_instance_refresh(model, instance);
	return true;
}

/* Updates the instance's entry as well. */
static void path_mtu_change(struct model *model, struct model_instance *instance,
			    uint16_t mtu_bytes)
{
	instance->path_mtu_bytes = mtu_bytes;
	if (model_entry_update(model, instance))
		model_changed(model, MODEL_CHANGE_INSTANCES, 0);
}

bool model_path_mtu_set(struct model *model, struct model_instance *instance, uint32_t mtu_bytes,
			uint64_t until_ms)
{
	uint32_t header = instance->address.family == 4 ? LB_TUNNEL4_LEN : LB_TUNNEL6_LEN;
	uint16_t before = model_instance_mtu(model, instance, NULL);
	uint32_t mtu = LB_IPV4_MTU_MIN + header;

	mtu = mtu_bytes > mtu ? mtu_bytes : mtu;
	if (mtu == before && mtu == instance->path_mtu_bytes)
		instance->path_mtu_until_ms = until_ms;
	if (mtu >= before)
		return false;
	instance->path_mtu_until_ms = until_ms;
	path_mtu_change(model, instance, (uint16_t)mtu);
	return true;
}

static void path_mtus_expire(struct model *model)
{
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++) {
		struct model_instance *instance = model->by_index[i];

		if (instance && instance->path_mtu_bytes &&
		    model->now_ms >= instance->path_mtu_until_ms)
			path_mtu_change(model, instance, 0);
	}
}

void model_port_set(struct model *model, const uint8_t *mac, uint16_t mtu_bytes)
{
	if (memcmp(model->source.mac, mac, LB_ETH_ALEN) == 0 && model->port_mtu_bytes == mtu_bytes)
		return;
	memcpy(model->source.mac, mac, LB_ETH_ALEN);
	model->port_mtu_bytes = mtu_bytes;
	model_changed(model, MODEL_CHANGE_PARAMS, 0);
	if (model_entries_update(model))
		model_changed(model, MODEL_CHANGE_INSTANCES, 0);
}

/* Whether an instance has come to its next step. */
static bool pool_ramps(const struct model_pool *pool, uint64_t now_ms)
{
	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct model_instance *instance = pool->instances[i];

		if (instance->ramp_step &&
		    instance->ramp_step !=
			    ramp_step(instance->ramp_ms, now_ms, instance->slow_start_ms))
			return true;
	}
	return false;
}

/* Return: whether the rule for the pool's instances changed. */
static bool pool_tick(struct model_pool *pool, uint64_t now_ms)
{
	bool settles = !pool->settled && (!pool->pending || now_ms >= pool->settle_ms);
	bool gathers = !pool->gathered && now_ms >= pool->gather_ms;

	pool->settled |= settles;
	pool->gathered |= gathers;
	return settles || gathers || pool_ramps(pool, now_ms) || model_minimum_is_due(pool, now_ms);
}

void model_tick(struct model *model, uint64_t now_ms)
{
	model->now_ms = now_ms;
	path_mtus_expire(model);
	model_leave_tick(model);
	for (uint32_t i = 0; i < model->pool_count; i++)
		if (pool_tick(model->pools[i], now_ms))
			model_pool_refresh(model, model->pools[i]);
}

void model_hold(struct model *model, uint64_t now_ms)
{
	for (uint32_t i = 0; i < model->pool_count; i++) {
		model->pools[i]->settle_ms = now_ms + MODEL_SETTLE_MS;
		model->pools[i]->gather_ms = now_ms + MODEL_GATHER_MS;
	}
}

uint32_t model_service_id_last(const struct model *model)
{
	return model->service_id_last;
}

uint32_t model_idle_timeout_ms(const struct model *model)
{
	return model->config ? model->config->node.idle_timeout_ms : 0;
}

const char *model_admin_name(enum model_admin admin)
{
	return admin < ADMIN_COUNT ? admin_names[admin] : "?";
}

int model_admin_parse(const char *word, enum model_admin *admin)
{
	for (uint32_t i = 0; i < ADMIN_COUNT; i++) {
		if (strcmp(word, admin_names[i]) == 0) {
			*admin = (enum model_admin)i;
			return 0;
		}
	}
	return -EINVAL;
}
