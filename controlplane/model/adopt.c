/* SPDX-License-Identifier: BSD-3-Clause */
/* Adopt what a dataplane runs that a predecessor of this daemon has published. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/internal.h"

struct adoption {
	struct model *model;
	const struct model_running *running;
	uint64_t tables; /* pool ids to publish */
	uint64_t retire; /* of these, ids of pools that no longer exist */
};

/* Names were written by a process like this one, but in memory that other processes can write. */
static bool entry_name(const struct lb_directory_entry *entry, char *name, size_t size)
{
	size_t length = strnlen(entry->name, sizeof(entry->name));

	if (__atomic_load_n(&entry->name_hash, __ATOMIC_ACQUIRE) == 0 || length == 0 ||
	    length >= sizeof(entry->name) || length >= size)
		return false;
	memcpy(name, entry->name, length);
	name[length] = '\0';
	return true;
}

static const struct lb_instance *running_entry(const struct model_running *running, uint32_t index)
{
	return running->instances && index < running->instance_count ? &running->instances[index]
								     : NULL;
}

/* Adopt what the predecessor knew and this process does not know yet. */
static void adopt_knowledge(struct model_instance *instance, const struct lb_directory_entry *entry,
			    const struct lb_instance *header)
{
	struct model_next_hop *hop = &instance->next_hop;
	struct config_address to;

	if (instance->health == HEALTH_UNKNOWN && entry->health <= HEALTH_DOWN) {
		instance->health = (enum health_state)entry->health;
		if (instance->health != HEALTH_UNKNOWN && instance->health != HEALTH_UP)
			snprintf(instance->reason, sizeof(instance->reason),
				 "as before the restart of sluiced");
	}
	if (hop->resolved || !header || !(header->flags & LB_INSTANCE_RESOLVED) ||
	    template_read(header, &to, hop->mac))
		return;
	hop->resolved = true;
	hop->on_link = header->flags & LB_INSTANCE_ON_LINK;
	hop->mtu_bytes = header->mtu; /* until the route is looked up */
	hop->vlan = template_vlan(header);
	hop->reason[0] = '\0';
}

/*
 * It drained when the predecessor ended, or was removed since. A directory entry is marked as gone
 * when it has drained.
 */
static void adopt_leaving(struct adoption *adoption, struct model_instance *instance,
			  uint32_t index)
{
	struct model *model = adoption->model;
	const struct lb_directory_entry *entry = &adoption->running->directory->instance[index];
	const struct lb_instance *header = running_entry(adoption->running, index);
	const struct config_pool *pool = model_config_pool_of(model->config, instance);
	const struct model_ops *ops = model->ops;
	uint32_t left_ms = UINT32_MAX;

	if (entry->gone || !(header->flags & LB_INSTANCE_SERVES))
		return;
	if (ops->leave_left_ms)
		left_ms = ops->leave_left_ms(model->ops_arg, instance);
	if (left_ms == UINT32_MAX)
		left_ms = pool ? pool->drain_ms : 0;
	if (left_ms == 0)
		return;
	adopt_knowledge(instance, entry, header);
	model_leave_begin(model, instance, left_ms, pool ? pool->on_down : CONFIG_ON_DOWN_MOVE);
	if (ops->instance_leaves)
		ops->instance_leaves(model->ops_arg, instance, true);
}

/* An index whose instance is no longer in the configuration, but may have flows. */
static int adopt_gone(struct adoption *adoption, uint32_t index, const char *path,
		      const struct config_address *address)
{
	const struct lb_instance *entry = running_entry(adoption->running, index);
	struct model_instance *instance = calloc(1, sizeof(*instance));
	const char *slash = strchr(path, '/');
	int err;

	if (!instance)
		return -ENOMEM;
	snprintf(instance->path, sizeof(instance->path), "%s", path);
	instance->name = slash ? instance->path + (slash + 1 - path) : instance->path;
	instance->address = *address;
	instance->key = maglev_key(&adoption->model->secret, instance->path);
	if (entry) {
		memcpy(instance->next_hop.mac, entry->header, LB_ETH_ALEN);
		instance->next_hop.vlan = template_vlan(entry);
	}
	instance->pool_id = entry && entry->pool < LB_POOLS_MAX ? entry->pool : 0;
	instance->next = adoption->model->gone;
	adoption->model->gone = instance;
	err = model_index_take(adoption->model, instance, index);
	if (!err && entry)
		adopt_leaving(adoption, instance, index);
	return err;
}

static int adopt_entry(struct adoption *adoption, uint32_t index)
{
	const struct lb_directory_entry *entry = &adoption->running->directory->instance[index];
	const struct lb_instance *header = running_entry(adoption->running, index);
	struct config_address address = { .family = 4 };
	struct model_instance *instance;
	char path[MODEL_PATH_MAX];
	uint8_t mac[LB_ETH_ALEN];
	bool known;

	if (!entry_name(entry, path, sizeof(path)))
		return 0;
	known = header && template_read(header, &address, mac) == 0;
	instance = model_instance_find(adoption->model, path);
	if (!instance || entry->gone || instance->index != MODEL_INDEX_NONE ||
	    (known && !config_address_equal(&instance->address, &address)))
		instance = known ? model_leaving_find(adoption->model, path, &address) : NULL;
	if (!instance || entry->gone || instance->index != MODEL_INDEX_NONE)
		return adopt_gone(adoption, index, path, &address);
	adopt_knowledge(instance, entry, header);
	return model_index_take(adoption->model, instance, index);
}

static int adopt_indices(struct adoption *adoption)
{
	struct model *model = adoption->model;
	int err = 0;

	memset(model->by_index, 0, sizeof(model->by_index));
	memset(model->block, 0, sizeof(model->block));
	model->block_count = adoption->running->instance_count;
	for (uint32_t i = 0; i < LB_INSTANCES_MAX && !err; i++)
		err = adopt_entry(adoption, i);
	return err;
}

/* Call @do_one for each instance of the configuration. It returns 0 or -errno. */
static int instances_each(struct model *model,
			  int (*do_one)(struct model *model, struct model_instance *instance))
{
	int err, first = 0;

	for (uint32_t i = 0; i < model->pool_count; i++) {
		for (uint32_t j = 0; j < model->pools[i]->instance_count; j++) {
			err = do_one(model, model->pools[i]->instances[j]);
			first = first ? first : err;
		}
	}
	return first;
}

static int index_forget(struct model *model, struct model_instance *instance)
{
	(void)model;
	instance->index = MODEL_INDEX_NONE;
	return 0;
}

/* An instance without an index stays out of its pool: no table can name it. */
static int index_complete(struct model *model, struct model_instance *instance)
{
	instance->pool_id = instance->pool->id;
	return instance->index == MODEL_INDEX_NONE ? model_index_assign(model, instance) : 0;
}

static void adopt_pool_id(struct adoption *adoption, uint32_t id)
{
	struct model *model = adoption->model;
	char name[CONFIG_NAME_MAX + 1];
	struct model_pool *pool;

	if (!entry_name(&adoption->running->directory->pool[id], name, sizeof(name)))
		return;
	adoption->tables |= 1ULL << id;
	pool = model_pool_find(model, name);
	if (!pool || pool->id != LB_POOLS_MAX) {
		adoption->retire |= 1ULL << id;
		return;
	}
	pool->id = (uint16_t)id;
	model->pool_by_id[id] = pool;
}

static void adopt_pool_ids(struct adoption *adoption)
{
	struct model *model = adoption->model;

	memset(model->pool_by_id, 0, sizeof(model->pool_by_id));
	for (uint32_t i = 0; i < model->pool_count; i++)
		model->pools[i]->id = LB_POOLS_MAX;
	for (uint32_t id = 0; id < LB_POOLS_MAX; id++)
		adopt_pool_id(adoption, id);
	for (uint32_t i = 0; i < model->pool_count; i++) {
		struct model_pool *pool = model->pools[i];

		if (pool->id == LB_POOLS_MAX)
			model_pool_id_assign(model, pool);
		adoption->tables |= 1ULL << pool->id;
	}
}

static bool slots_are_known(const struct model *model, const uint16_t *slots, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!model_instance_at(model, slots[i]))
			return false;
	return true;
}

/* The running table stays if no instance of the pool takes flows now. */
static void adopt_slots(struct adoption *adoption)
{
	struct model *model = adoption->model;

	for (uint32_t i = 0; i < model->pool_count; i++) {
		struct model_pool *pool = model->pools[i];
		const uint16_t *slots = adoption->running->slots[pool->id];
		uint32_t count = adoption->running->slot_count[pool->id];

		pool->set = 0;
		pool->slots_set = 0;
		pool->other_set = 0;
		pool->stale = false;
		pool->slot_count = 0;
		if (!slots || count != model->config->node.table_slots ||
		    adoption->retire >> pool->id & 1 || !slots_are_known(model, slots, count))
			continue;
		memcpy(pool->slots, slots, count * sizeof(*slots));
		pool->slot_count = count;
	}
}

/*
 * A slow start goes on: from the step at which all slots belong to an instance that the running
 * table gives it. The pool's other table is scratch space for what it has at the end.
 */
static uint8_t adopted_step(const struct model_pool *pool, const struct maglev_member *member)
{
	uint32_t has = 0;
	uint8_t step = 1;

	for (uint32_t slot = 0; slot < pool->slot_count; slot++) {
		uint8_t of_slot;

		if (pool->other[slot] != member->value || pool->slots[slot] != member->value)
			continue;
		of_slot = ramp_step_of_slot(member->key, slot);
		step = of_slot > step ? of_slot : step;
		has++;
	}
	return has < member->slots && step < RAMP_STEPS ? step : 0;
}

/* The members of the running table, with their weights of today. */
static uint32_t adopted_members(struct model *model, const struct model_pool *pool)
{
	bool in_units = model_pool_has_agents(pool);
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < pool->slot_count; slot++)
		model->steps[pool->slots[slot]] = UINT8_MAX;
	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct model_instance *instance = pool->instances[i];

		if (instance->index < LB_INSTANCES_MAX &&
		    model_agent_weight(instance, instance->weight, in_units) &&
		    model->steps[instance->index] == UINT8_MAX)
			model->members[n++] = (struct maglev_member){
				.key = instance->key,
				.weight = model_agent_weight(instance, instance->weight, in_units),
				.value = instance->index,
			};
	}
	memset(model->steps, 0, sizeof(model->steps));
	return n;
}

static void adopt_ramp(struct model *model, struct model_pool *pool)
{
	uint32_t n = adopted_members(model, pool);

	if (n == 0 || maglev_build(model->members, n, pool->other, pool->slot_count))
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct model_instance *instance = model->by_index[model->members[i].value];

		if (!instance->slow_start_ms)
			continue;
		instance->ramp_step = adopted_step(pool, &model->members[i]);
		instance->ramp_ms =
			ramp_start(instance->ramp_step, model->now_ms, instance->slow_start_ms);
	}
}

static void adopt_ramps(struct model *model)
{
	for (uint32_t i = 0; i < model->pool_count; i++) {
		struct model_pool *pool = model->pools[i];
		bool slow = false;

		for (uint32_t j = 0; j < pool->instance_count; j++)
			slow |= pool->instances[j]->slow_start_ms != 0;
		if (slow && pool->slot_count)
			adopt_ramp(model, pool);
	}
}

static void adopt_services(struct adoption *adoption)
{
	struct model *model = adoption->model;
	uint32_t last = adoption->running->directory->service_id_last, bytes;
	const struct model_services request = {
		.config = model->config,
		.pools = model->pools,
		.secret = &model->secret,
		.old = adoption->running->services,
	};
	struct lb_service_table *table;

	if (last > UINT16_MAX)
		last = 0;
	table = model_services_build(&request, &last, &bytes);
	if (!table)
		return; /* out of memory: this process's ids stay */
	free(model->services);
	model->services = table;
	model->services_bytes = bytes;
	model->service_id_last = last;
}

int model_adopt(struct model *model, const struct model_running *running)
{
	struct adoption adoption = { .model = model, .running = running };
	struct model_instance *leaving = NULL;
	int err;

	if (!model->config)
		return 0;
	model_gone_forget(model);
	instances_each(model, index_forget);
	while ((leaving = model_leaving_next(model, leaving)))
		leaving->index = MODEL_INDEX_NONE;
	err = adopt_indices(&adoption);
	model_leaving_release_lost(model);
	adopt_pool_ids(&adoption);
	if (!err)
		err = instances_each(model, index_complete);
	else
		instances_each(model, index_complete);
	adopt_slots(&adoption);
	adopt_ramps(model);
	adopt_services(&adoption);
	model_nat_adopt(model, running->params ? &running->params->nat : NULL);
	model_tell(model, MODEL_CHANGE_PARAMS | MODEL_CHANGE_SERVICES | MODEL_CHANGE_INSTANCES,
		   adoption.tables, adoption.retire);
	return err;
}
