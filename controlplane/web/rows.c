/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/web/rows.h"

#include <string.h>

#include "config/base/clock.h"
#include "config/base/version.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/plan.h"
#include "controlplane/api/stats.h"
#include "controlplane/events/events.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/publish.h"
#include "controlplane/state/state.h"
#include "controlplane/web/traffic.h"

/* Reasons come from instances, and may be cut in the middle of a character. */
static json_t *text_of(const char *text)
{
	json_t *value = json_string(text ? text : "");
	char ascii[512];
	size_t i;

	if (value)
		return value;
	for (i = 0; i + 1 < sizeof(ascii) && text[i]; i++)
		ascii[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	ascii[i] = '\0';
	return json_string(ascii);
}

static const char *carrier(const struct control_daemon *daemon)
{
	const struct config *config = model_config(daemon->model);
	struct publish_handover handover;

	publish_handover_get(daemon->publish, &handover);
	if (handover.is_on)
		return handover.is_dpdk ? "dpdk, xdp in reserve" : "xdp, dpdk has failed";
	return config ? config_dataplane_name(config->node.dataplane) : "?";
}

json_t *rows_node(struct control_daemon *daemon)
{
	struct publish_info info;
	struct stats_node figures;

	publish_info_get(daemon->publish, &info);
	stats_node_get(daemon->stats, &figures);
	return json_pack("{s:s, s:f, s:b, s:o, s:I, s:b, s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:I}",
			 "version", SLUICE_VERSION, "uptime",
			 (double)(clock_now_ms() - daemon->started_ms) / 1e3, "running",
			 info.connected, "dataplane", text_of(carrier(daemon)), "generation",
			 (json_int_t)info.generation, "pending", info.pending, "problem",
			 text_of(info.problem), "ailment",
			 text_of(daemon->ops->ailment(daemon->ops_arg)), "config_problem",
			 text_of(daemon->config_problem), "idle_timeout",
			 model_idle_timeout_ms(daemon->model) / 1e3, "bits", figures.rx_bits_per_s,
			 "packets", figures.rx_pkts_per_s, "new", figures.new_per_s, "flows",
			 (json_int_t)figures.flows);
}

json_t *rows_drops(struct control_daemon *daemon)
{
	json_t *list = json_array();
	struct stats_node figures;

	stats_node_get(daemon->stats, &figures);
	for (uint32_t i = 0; list && i < LB_DROP_COUNT; i++)
		if (figures.drop[i])
			json_array_append_new(list, json_pack("[s, I, s]", stats_drop_name(i),
							      (json_int_t)figures.drop[i],
							      stats_drop_text(i)));
	return list;
}

static json_t *service_of(const struct config_service *service)
{
	json_t *vips = json_array(), *listeners = json_array();
	char text[CONFIG_ADDRESS_STRLEN];

	for (uint32_t i = 0; i < service->vip_count; i++)
		json_array_append_new(
			vips, json_string(config_address_format(&service->vips[i].address, text)));
	for (uint32_t i = 0; i < service->listener_count; i++)
		json_array_append_new(listeners,
				      json_pack("{s:i, s:i, s:s}", "port",
						(int)service->listeners[i].port, "instance_port",
						(int)service->listeners[i].instance_port, "pool",
						service->listeners[i].pool_name));
	return json_pack("{s:s, s:o, s:o, s:s}", "name", service->name, "vip", vips, "listeners",
			 listeners, "forward", config_forward_name(service->forward));
}

json_t *rows_services(struct control_daemon *daemon)
{
	const struct config *config = model_config(daemon->model);
	json_t *list = json_array();

	for (uint32_t i = 0; config && i < config->service_count; i++)
		json_array_append_new(list, service_of(&config->services[i]));
	return list;
}

json_t *rows_pools(struct control_daemon *daemon)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < model_pool_count(daemon->model); i++) {
		const struct model_pool *pool = model_pool_at(daemon->model, i);
		int up = 0, accepting = 0;

		for (uint32_t j = 0; j < pool->instance_count; j++) {
			up += model_health_in_force(pool->instances[j]) == HEALTH_UP;
			accepting += pool->instances[j]->accepts;
		}
		json_array_append_new(list,
				      json_pack("{s:s, s:i, s:i, s:i, s:b, s:b}", "name",
						pool->name, "instances", (int)pool->instance_count,
						"up", up, "accepting", accepting, "open",
						pool->open, "on_backup", pool->on_backup));
	}
	return list;
}

json_t *rows_instance(struct control_daemon *daemon, const struct model_instance *instance,
		      const struct stats_instance *figures)
{
	const struct model_pool *pool = instance->pool;
	char address[CONFIG_ADDRESS_STRLEN];
	struct state_entry kept;

	state_get(daemon->state, instance->path, &kept);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:f, s:f, s:i, s:b, s:I}", "pool",
			 pool->name, "name", instance->name, "address",
			 config_address_format(&instance->address, address), "health",
			 health_state_name(model_health_in_force(instance)), "admin",
			 model_admin_name(model_admin_in_force(instance)), "reason",
			 text_of(model_reason(instance)[0] ? model_reason(instance)
							   : instance->next_hop.reason),
			 "flows", (json_int_t)figures->flows, "new", figures->new_per_s, "share",
			 pool->slot_count ? (double)instance->slots / pool->slot_count : 0.0,
			 "weight", (int)instance->weight, "backup", instance->backup, "since",
			 (json_int_t)kept.changed_unix);
}

json_t *rows_sample(const struct traffic *traffic)
{
	const double *sample = traffic_at(traffic, traffic->count - 1);
	json_t *object = json_object();

	for (uint32_t i = 0; i < TRAFFIC_SERIES; i++)
		json_object_set_new(object, traffic_names[i], json_real(sample[i]));
	return object;
}

json_t *rows_history(const struct traffic *traffic)
{
	json_t *object = json_object();

	for (uint32_t i = 0; i < TRAFFIC_SERIES; i++) {
		json_t *list = json_array();

		for (uint32_t j = 0; j < traffic->count; j++)
			json_array_append_new(list, json_real(traffic_at(traffic, j)[i]));
		json_object_set_new(object, traffic_names[i], list);
	}
	return object;
}

json_t *rows_events(struct control_daemon *daemon, uint64_t *after)
{
	json_t *list = json_array();
	const struct events_record *record;
	uint64_t lost = 0;

	while (list && (record = events_next(daemon->events, after, &lost)) != NULL)
		json_array_append_new(list, json_loads(record->text, 0, NULL));
	return list;
}

json_t *rows_plan(struct control_daemon *daemon)
{
	const struct control_config own = { .name = NULL };
	struct control_refusal refusal = { .details = NULL };
	json_t *result = control_plan_diff(daemon, &own, &refusal);

	if (!result) {
		json_decref(refusal.details);
		return json_pack("{s:o}", "error", text_of(refusal.reason));
	}
	if (json_array_size(json_object_get(result, "changes")) > 0)
		return result;
	json_decref(result);
	return json_null();
}
