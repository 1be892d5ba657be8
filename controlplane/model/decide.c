/* SPDX-License-Identifier: BSD-3-Clause */
/* Decisions: from the model's inputs to what is published. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/internal.h"

#define MTU_BYTES_DEFAULT 1500
#define CLOSED_MS_MAX 5000

void model_changed(const struct model *model, uint32_t what, uint32_t pool_id)
{
	if (what)
		model->ops->changed(model->ops_arg, (enum model_change)what, pool_id);
}

bool model_is_reachable(const struct model_instance *instance)
{
	return instance->next_hop.resolved &&
	       (instance->next_hop.on_link || !instance->pool->wants_on_link);
}

static uint8_t instance_flags(const struct model_instance *instance)
{
	uint32_t flags = 0;

	if (!instance->pool && !instance->leaving)
		return 0;
	if (instance->serves)
		flags |= LB_INSTANCE_SERVES;
	if (instance->accepts)
		flags |= LB_INSTANCE_ACCEPTS;
	if (instance->next_hop.resolved)
		flags |= LB_INSTANCE_RESOLVED;
	if (instance->next_hop.resolved && instance->next_hop.on_link)
		flags |= LB_INSTANCE_ON_LINK;
	return (uint8_t)flags;
}

static uint32_t port_mtu(const struct model *model)
{
	uint32_t mtu = model->config->node.mtu_bytes;

	if (mtu == 0 || (model->port_mtu_bytes && mtu > model->port_mtu_bytes))
		mtu = model->port_mtu_bytes;
	return mtu >= LB_IPV4_MTU_MIN ? mtu : MTU_BYTES_DEFAULT;
}

void model_port_mtu_note(const struct model *model, char *note)
{
	const struct config *config = model->config;
	const struct config_service *service = config->services;
	uint32_t need = 0, has = port_mtu(model);

	note[0] = '\0';
	for (uint32_t i = 0; i < config->service_count && model->port_mtu_bytes; i++)
		for (uint32_t j = 0; j < config->services[i].listener_count; j++) {
			uint32_t least = config_listener_mtu_min(config, &config->services[i],
								 &config->services[i].listeners[j]);

			if (least > need) {
				need = least;
				service = &config->services[i];
			}
		}
	if (has < need)
		snprintf(note, MODEL_NOTE_MAX,
			 "the port's MTU is %u, but service %s with its IPv6 VIP needs %u: "
			 "packets of 1280 bytes from its clients are lost",
			 has, service->name, need);
}

uint16_t model_instance_mtu(const struct model *model, const struct model_instance *instance,
			    enum model_mtu_from *from)
{
	uint32_t route = instance->next_hop.mtu_bytes, path = instance->path_mtu_bytes;
	uint32_t mtu = port_mtu(model);
	enum model_mtu_from least = MODEL_MTU_PORT;

	if (route >= LB_IPV4_MTU_MIN && route < mtu) {
		mtu = route;
		least = MODEL_MTU_ROUTE;
	}
	if (path && path < mtu) {
		mtu = path;
		least = MODEL_MTU_PATH;
	}
	if (from)
		*from = least;
	return (uint16_t)mtu;
}

/* The network of an instance's next hop; NULL if the port is no trunk. */
static const struct config_network *hop_network(const struct model *model,
						const struct model_instance *instance)
{
	const struct config_node *node = &model->config->node;

	for (uint32_t i = 0; i < node->network_count; i++)
		if (node->networks[i].vlan == instance->next_hop.vlan)
			return &node->networks[i];
	return NULL;
}

bool model_entry_update(struct model *model, const struct model_instance *instance)
{
	struct lb_instance now = { .pool = (uint8_t)instance->pool_id,
				   .flags = instance_flags(instance) };
	struct template_source source = model->source;
	struct lb_instance *entry;

	if (instance->index == MODEL_INDEX_NONE)
		return false;
	now.mtu = model_instance_mtu(model, instance, NULL);
	entry = &model->block[instance->index];
	source.network = hop_network(model, instance);
	template_write(&now, &source, &instance->address, instance->next_hop.mac);
	if (memcmp(entry, &now, sizeof(now)) == 0)
		return false;
	*entry = now;
	return true;
}

bool model_entries_update(struct model *model)
{
	bool changed = false;

	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		if (model->by_index[i])
			changed |= model_entry_update(model, model->by_index[i]);
	return changed;
}

static void pool_describe(const struct model_pool *pool, struct eligible_pool *rule,
			  struct eligible_instance *list)
{
	*rule = (struct eligible_pool){
		.on_down = pool->on_down,
		.all_down = pool->all_down,
		.settled = pool->settled,
		.gathering = !pool->gathered,
		.zone_minimum = pool->zone_minimum,
		.panic_percent = pool->panic_percent,
		.minimum =
			pool->minimum.on_minimum == CONFIG_ON_MINIMUM_DROP ? pool->minimum.need : 0,
	};
	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct model_instance *instance = pool->instances[i];

		list[i] = (struct eligible_instance){
			.admin = model_admin_in_force(instance),
			.health = model_health_in_force(instance),
			.weight = instance->index == MODEL_INDEX_NONE
					  ? 0
					  : model_agent_weight(instance, instance->weight, true),
			.backup = instance->backup,
			.far = instance->far,
			.reachable = model_is_reachable(instance),
			.held = instance->held,
		};
	}
}

static uint64_t pool_fingerprint(const struct model_pool *pool)
{
	bool in_units = model_pool_has_agents(pool);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct model_instance *instance = pool->instances[i];

		if (instance->accepts)
			sum += lb_hash_mix(
				instance->key ^
				((uint64_t)instance->index << 32 |
				 (uint32_t)instance->ramp_step << 16 |
				 model_agent_weight(instance, instance->weight, in_units)));
	}
	return sum;
}

/* If no instance accepts, the table stays as it is, unless the pool has no instances at all. */
static bool pool_needs_table(struct model_pool *pool)
{
	uint64_t set = pool_fingerprint(pool);

	if ((set == 0 && pool->instance_count > 0) || set == pool->set)
		return false;
	pool->set = set;
	return true;
}

/*
 * Slow starts begin here. While all count as up, which of them are is unknown. A pool without a
 * table starts whole.
 */
static void instance_ramp(const struct model *model, const struct model_pool *pool,
			  struct model_instance *instance)
{
	bool starts = instance->was_out && instance->accepts && !pool->open;

	if (!instance->accepts) {
		enum health_state health = model_health_in_force(instance);

		instance->was_out |= model_admin_in_force(instance) != MODEL_READY ||
				     instance->held || health == HEALTH_LAME ||
				     health == HEALTH_DOWN;
		instance->ramp_step = 0;
		return;
	}
	if (starts) {
		instance->was_out = false;
		instance->ramp_ms = model->now_ms;
	}
	if (starts ? pool->slot_count != 0 : instance->ramp_step != 0)
		instance->ramp_step =
			ramp_step(instance->ramp_ms, model->now_ms, instance->slow_start_ms);
}

/* With no other instance at its full share there is nothing to ramp against. */
static void pool_ramp_together(struct model_pool *pool)
{
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (pool->instances[i]->accepts && !pool->instances[i]->ramp_step)
			return;
	for (uint32_t i = 0; i < pool->instance_count; i++)
		pool->instances[i]->ramp_step = 0;
}

uint32_t model_pool_decide(struct model *model, struct model_pool *pool)
{
	struct eligible_pool rule;
	uint32_t what = 0;

	pool->gathered |= pool->slot_count > 0;
	model_minimum_count(pool);
	pool_describe(pool, &rule, model->eligible);
	eligible_decide(&rule, model->eligible, pool->instance_count);
	pool->open = rule.open;
	pool->panic = rule.panic;
	pool->in_zone = rule.in_zone;
	pool->on_backup = rule.on_backup;
	pool->pending = rule.pending;
	for (uint32_t i = 0; i < pool->instance_count; i++) {
		struct model_instance *instance = pool->instances[i];

		instance->accepts = model->eligible[i].accepts;
		pool->gathered |= instance->accepts;
		instance_ramp(model, pool, instance);
		instance->serves = model->eligible[i].serves;
		if (model_entry_update(model, instance))
			what |= MODEL_CHANGE_INSTANCES;
	}
	pool_ramp_together(pool);
	if (model_minimum_decide(model, pool, rule.up))
		what |= MODEL_CHANGE_VIPS;
	if (pool_needs_table(pool)) {
		pool->stale = true;
		what |= MODEL_CHANGE_POOL;
	}
	return what;
}

void model_pool_refresh(struct model *model, struct model_pool *pool)
{
	if (!model->busy)
		model_changed(model, model_pool_decide(model, pool), pool->id);
}

void model_tell(struct model *model, uint32_t what, uint64_t tables, uint64_t retire)
{
	LB_STATIC_ASSERT(LB_POOLS_MAX <= 64, "an id is a bit");
	for (uint32_t i = 0; i < model->pool_count; i++) {
		uint32_t changed = model_pool_decide(model, model->pools[i]);

		what |= changed & ~(uint32_t)MODEL_CHANGE_POOL;
		if (changed & MODEL_CHANGE_POOL)
			tables |= 1ULL << model->pools[i]->id;
	}
	if (model_entries_update(model))
		what |= MODEL_CHANGE_INSTANCES;
	for (uint32_t id = 0; id < LB_POOLS_MAX; id++) {
		uint32_t pool = tables >> id & 1 ? MODEL_CHANGE_POOL : 0;

		model_changed(model, pool | (retire >> id & 1 ? MODEL_CHANGE_RETIRE : 0), id);
	}
	model_changed(model, what, 0);
}

/* ---- Slots ---- */

static uint32_t pool_members(const struct model_pool *pool, struct maglev_member *members)
{
	bool in_units = model_pool_has_agents(pool);
	uint32_t n = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++) {
		const struct model_instance *instance = pool->instances[i];

		if (instance->accepts)
			members[n++] = (struct maglev_member){
				.key = instance->key,
				.weight = model_agent_weight(instance, instance->weight, in_units),
				.value = instance->index,
			};
	}
	return n;
}

static int pool_other_build(struct model *model, struct model_pool *pool, uint32_t n)
{
	pool->other_set = 0;
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (pool->instances[i]->index < LB_INSTANCES_MAX)
			model->steps[pool->instances[i]->index] = pool->instances[i]->ramp_step;
	if (ramp_build(model->members, n, model->steps, pool->other,
		       model->config->node.table_slots))
		return -ENOMEM;
	for (uint32_t i = 0; i < pool->instance_count; i++)
		pool->instances[i]->other_slots = 0;
	for (uint32_t i = 0; i < n; i++)
		model->by_index[model->members[i].value]->other_slots = model->members[i].slots;
	pool->other_set = pool->set;
	return 0;
}

static void pool_tables_swap(struct model_pool *pool)
{
	uint16_t *slots = pool->slots;
	uint64_t set = pool->slots_set;

	pool->slots = pool->other;
	pool->slots_set = pool->other_set;
	pool->other = slots;
	pool->other_set = pool->slot_count ? set : 0;
	for (uint32_t i = 0; i < pool->instance_count; i++) {
		struct model_instance *instance = pool->instances[i];
		uint32_t count = instance->slots;

		instance->slots = instance->other_slots;
		instance->other_slots = count;
	}
}

/*
 * An instance that was out for a while returns to the table from before: so the last two tables are
 * kept, and each is built once.
 */
static void pool_build(struct model *model, struct model_pool *pool)
{
	uint32_t n = pool_members(pool, model->members);

	if (n == 0) {
		pool->slot_count = pool->instance_count ? pool->slot_count : 0;
	} else {
		if (pool->other_set != pool->set && pool_other_build(model, pool, n))
			return;
		pool_tables_swap(pool);
		pool->slot_count = model->config->node.table_slots;
	}
	pool->stale = false;
}

const uint16_t *model_pool_slots(struct model *model, uint32_t pool_id, uint32_t *count)
{
	struct model_pool *pool = model_pool_by_id(model, pool_id);

	*count = 0;
	if (!pool)
		return NULL;
	if (pool->stale)
		pool_build(model, pool);
	*count = pool->slot_count;
	return pool->slots;
}

/* 4 of 10 slots usable: one flow in 12 million finds none in 32 draws. */
static bool pool_is_worn(const struct model_pool *pool)
{
	uint32_t good = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++)
		good += pool->instances[i]->accepts ? pool->instances[i]->slots : 0;
	return (uint64_t)good * 10 < (uint64_t)pool->slot_count * 4;
}

bool model_tables_urgent(const struct model *model)
{
	for (uint32_t i = 0; i < model->pool_count; i++)
		if (model->pools[i]->stale && pool_is_worn(model->pools[i]))
			return true;
	return false;
}

/* No instance in the table has stopped accepting flows. */
static bool pool_only_gains(const struct model_pool *pool)
{
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (pool->instances[i]->slots && !pool->instances[i]->accepts)
			return false;
	return true;
}

bool model_tables_at_hand(const struct model *model)
{
	bool any = false;

	for (uint32_t i = 0; i < model->pool_count; i++) {
		const struct model_pool *pool = model->pools[i];

		if (!pool->stale)
			continue;
		if (pool->other_set != pool->set || !pool_only_gains(pool))
			return false;
		any = true;
	}
	return any;
}

double model_share(struct model *model, const struct model_instance *instance)
{
	uint32_t count;

	if (!instance->pool || !instance->accepts)
		return 0;
	model_pool_slots(model, instance->pool_id, &count);
	return count ? (double)instance->slots / count : 0;
}

/* ---- Parameters, instances, services ---- */

void model_params(const struct model *model, struct lb_params *params)
{
	const struct config_node *node = &model->config->node;
	uint32_t closed_ms =
		node->fin_timeout_ms < CLOSED_MS_MAX ? node->fin_timeout_ms : CLOSED_MS_MAX;

	*params = (struct lb_params){
		.mtu = port_mtu(model),
		.kernel_rate_pps = node->kernel_rate_pps,
		.icmp_rate_pps = node->icmp_rate_pps,
	};
	memcpy(params->secret, node->secret, sizeof(params->secret));
	params->timeouts.ticks[LB_FLOW_UNCONFIRMED] = model_ticks(node->syn_timeout_ms);
	params->timeouts.ticks[LB_FLOW_ESTABLISHED] = model_ticks(node->idle_timeout_ms);
	params->timeouts.ticks[LB_FLOW_FIN] = model_ticks(node->fin_timeout_ms);
	params->timeouts.ticks[LB_FLOW_CLOSED] = model_ticks(closed_ms);
	memcpy(params->node_addr4, model->source.addr4.bytes, sizeof(params->node_addr4));
	memcpy(params->node_addr6, model->source.addr6.bytes, sizeof(params->node_addr6));
	model_nat_params(model, &params->nat);
	if (config_has_nat(model->config))
		model_nat_pins(&params->timeouts);
}

const struct lb_instance *model_instances(const struct model *model, uint32_t *count)
{
	*count = model->block_count;
	return model->block;
}

const struct lb_service_table *model_services(const struct model *model, uint32_t *bytes)
{
	*bytes = model->services_bytes;
	return model->services;
}
