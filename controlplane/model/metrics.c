/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/metrics.h"

#include <math.h>
#include <stdio.h>

#include "controlplane/model/model.h"

/* ---- Services ---- */

static const char *const listener_labels[] = { "service", "vip", "port", "pool", NULL };

/* Each VIP of each listener of each service. */
static bool listener_next(const void *source, struct metric_cursor *cursor,
			  struct metric_entity *entity)
{
	const struct config *config = model_config(source);
	const struct config_service *service;
	char *port = entity->scratch + CONFIG_ADDRESS_STRLEN;

	if (!config || cursor->outer >= config->service_count)
		return false;
	service = &config->services[cursor->outer];
	entity->object = service;
	snprintf(port, 6, "%u", service->listeners[cursor->inner].port);
	entity->labels[0] = (struct metric_label){ "service", service->name };
	entity->labels[1] = (struct metric_label){
		"vip",
		config_address_format(&service->vips[cursor->third].address, entity->scratch),
	};
	entity->labels[2] = (struct metric_label){ "port", port };
	entity->labels[3] =
		(struct metric_label){ "pool", service->listeners[cursor->inner].pool_name };
	if (++cursor->third < service->vip_count)
		return true;
	cursor->third = 0;
	if (++cursor->inner < service->listener_count)
		return true;
	cursor->inner = 0;
	cursor->outer++;
	return true;
}

static const char *const listener_info_labels[] = { "forward", "protocol", NULL };

static bool listener_info(const struct metric_entity *entity, const char **values, char *scratch)
{
	const struct config_service *service = entity->object;

	(void)scratch;
	values[0] = config_forward_name(service->forward);
	values[1] = config_protocol_name(service->protocol);
	return true;
}

static const struct metric listener_rows[] = {
	{ .name = "service_listener",
	  .type = METRIC_INFO,
	  .info = listener_info,
	  .info_labels = listener_info_labels,
	  .help = "How a listener forwards." },
};

const struct metric_table model_metrics_listeners = {
	.scope = "service",
	.about = "Each VIP and port of a service, and the pool behind it.",
	.labels = listener_labels,
	.next = listener_next,
	METRIC_ROWS(listener_rows),
};

/* ---- Pools ---- */

static const char *const pool_labels[] = { "pool", NULL };

static bool pool_next(const void *source, struct metric_cursor *cursor,
		      struct metric_entity *entity)
{
	const struct model_pool *pool;

	if (cursor->outer >= model_pool_count(source))
		return false;
	pool = model_pool_at(source, cursor->outer++);
	entity->object = pool;
	entity->labels[0] = (struct metric_label){ "pool", pool->name };
	return true;
}

static double pool_instances(const struct metric_entity *entity)
{
	const struct model_pool *pool = entity->object;

	return pool->instance_count;
}

static double pool_up(const struct metric_entity *entity)
{
	const struct model_pool *pool = entity->object;
	uint32_t up = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++)
		up += model_health_in_force(pool->instances[i]) == HEALTH_UP;
	return up;
}

static double pool_accepting(const struct metric_entity *entity)
{
	const struct model_pool *pool = entity->object;
	uint32_t accepting = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++)
		accepting += pool->instances[i]->accepts;
	return accepting;
}

static double pool_draining(const struct metric_entity *entity)
{
	const struct model_pool *pool = entity->object;
	uint32_t draining = 0;

	for (uint32_t i = 0; i < pool->instance_count; i++)
		draining += model_admin_in_force(pool->instances[i]) == MODEL_DRAIN;
	return draining;
}

static double pool_open(const struct metric_entity *entity)
{
	const struct model_pool *pool = entity->object;

	return pool->open;
}

static double pool_on_backup(const struct metric_entity *entity)
{
	const struct model_pool *pool = entity->object;

	return pool->on_backup;
}

static const struct metric pool_rows[] = {
	{ .name = "pool_instances", .value = pool_instances, .help = "Instances." },
	{ .name = "pool_instances_up", .value = pool_up, .help = "Instances that are up." },
	{ .name = "pool_instances_accepting",
	  .value = pool_accepting,
	  .help = "Instances that get new flows." },
	{ .name = "pool_instances_draining",
	  .value = pool_draining,
	  .help = "Instances that an operator drains." },
	{ .name = "pool_open",
	  .value = pool_open,
	  .help = "1 while no instance is up and all are treated as up (`all_down: open`)." },
	{ .name = "pool_on_backup",
	  .value = pool_on_backup,
	  .help = "1 while backups get the new flows." },
};

const struct metric_table model_metrics_pools = {
	.scope = "pool",
	.about = "Each pool.",
	.labels = pool_labels,
	.next = pool_next,
	METRIC_ROWS(pool_rows),
};

/* ---- Instances ---- */

const char *const model_metrics_instance_labels[] = { "pool", "instance", NULL };

bool model_metrics_instance_next(const void *source, struct metric_cursor *cursor,
				 struct metric_entity *entity)
{
	const struct model_instance *instance;
	const struct model_pool *pool;

	while (cursor->outer < model_pool_count(source) &&
	       cursor->inner >= model_pool_at(source, cursor->outer)->instance_count) {
		cursor->outer++;
		cursor->inner = 0;
	}
	if (cursor->outer >= model_pool_count(source))
		return false;
	pool = model_pool_at(source, cursor->outer);
	instance = pool->instances[cursor->inner++];
	entity->object = instance;
	entity->is_maint = model_admin_in_force(instance) == MODEL_MAINT;
	entity->labels[0] = (struct metric_label){ "pool", pool->name };
	entity->labels[1] = (struct metric_label){ "instance", instance->name };
	return true;
}

static const char *const instance_info_labels[] = { "address", NULL };

static bool instance_info(const struct metric_entity *entity, const char **values, char *scratch)
{
	const struct model_instance *instance = entity->object;

	values[0] = config_address_format(&instance->address, scratch);
	return true;
}

/* In the order of their enums. */
static const char *const healths[] = { "unknown", "up", "lame", "down", NULL };
static const char *const admins[] = { "ready", "drain", "maint", NULL };

_Static_assert(HEALTH_UNKNOWN == 0 && HEALTH_UP == 1 && HEALTH_LAME == 2 && HEALTH_DOWN == 3,
	       "healths[] is in the order of the enum");

static uint32_t instance_health(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return model_health_in_force(instance);
}

static uint32_t instance_admin(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return model_admin_in_force(instance);
}

static double instance_accepts(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return instance->accepts;
}

static double instance_serves(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return instance->serves;
}

static double instance_weight(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return instance->weight;
}

static double instance_config_weight(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return instance->config_weight;
}

static double instance_backup(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return instance->backup;
}

/* Of the table as built last: a scrape builds none. */
static double instance_share(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;
	const struct model_pool *pool = instance->pool;

	return pool->slot_count ? (double)instance->slots / pool->slot_count : 0;
}

static double instance_next_hop(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return instance->next_hop.resolved;
}

static double instance_mtu(const struct metric_entity *entity)
{
	enum model_mtu_from from;
	const uint16_t mtu = model_instance_mtu(entity->source, entity->object, &from);

	return mtu ? mtu : NAN;
}

static double instance_flapping(const struct metric_entity *entity)
{
	const struct model_instance *instance = entity->object;

	return instance->held;
}

static const struct metric instance_rows[] = {
	{ .name = "instance",
	  .type = METRIC_INFO,
	  .info = instance_info,
	  .info_labels = instance_info_labels,
	  .help = "Where an instance is." },
	{ .name = "instance_health",
	  .type = METRIC_STATE,
	  .states = healths,
	  .state = instance_health,
	  .help = "1 for the state that the checks have found." },
	{ .name = "instance_admin",
	  .type = METRIC_STATE,
	  .states = admins,
	  .state = instance_admin,
	  .help = "1 for the state that operators have set." },
	{ .name = "instance_accepting",
	  .value = instance_accepts,
	  .help = "1 if it gets new flows." },
	{ .name = "instance_serving",
	  .value = instance_serves,
	  .help = "1 if it keeps its existing flows." },
	{ .name = "instance_flapping",
	  .value = instance_flapping,
	  .help = "1 while flap control keeps new flows away from it." },
	{ .name = "instance_weight", .value = instance_weight, .help = "Weight in force." },
	{ .name = "instance_configured_weight",
	  .value = instance_config_weight,
	  .help = "Weight in the configuration." },
	{ .name = "instance_backup", .value = instance_backup, .help = "1 for a backup." },
	{ .name = "instance_share_ratio",
	  .unit = "ratio",
	  .value = instance_share,
	  .help = "Share of its pool's new flows, 0 to 1." },
	{ .name = "instance_next_hop_resolved",
	  .value = instance_next_hop,
	  .help = "1 if the MAC address that leads to it is known." },
	{ .name = "instance_mtu_bytes",
	  .unit = "bytes",
	  .value = instance_mtu,
	  .help = "Largest tunnel packet to it." },
};

const struct metric_table model_metrics_instances = {
	.scope = "instance",
	.about = "Each instance.",
	.labels = model_metrics_instance_labels,
	.next = model_metrics_instance_next,
	METRIC_ROWS(instance_rows),
};
