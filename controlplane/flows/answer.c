/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/flows/headers.h"
#include "controlplane/flows/offline.h"

json_t *answer_instance(const struct answer_source *source, uint32_t index)
{
	const struct model_instance *instance =
		index < LB_INSTANCES_MAX ? model_instance_at(source->model, index) : NULL;

	return instance ? json_string(instance->path) : json_null();
}

/* ---- Service ---- */

static bool listener_is(const struct lb_service *entry, const struct config_service *service,
			uint32_t vip, uint32_t listener)
{
	const struct config_address *address = &service->vips[vip].address;

	return entry->family == address->family &&
	       memcmp(entry->addr, address->bytes, sizeof(entry->addr)) == 0 &&
	       lb_be16_to_cpu(entry->port) == service->listeners[listener].port;
}

static json_t *listener_json(const struct config_service *service, uint32_t vip, uint32_t listener)
{
	char address[CONFIG_ADDRESS_STRLEN];

	return json_pack("{s:s, s:s, s:i, s:s, s:s}", "name", service->name, "vip",
			 config_address_format(&service->vips[vip].address, address), "port",
			 (int)service->listeners[listener].port, "pool",
			 service->listeners[listener].pool_name, "forward",
			 config_forward_name(service->forward));
}

static json_t *entry_json(const struct config *config, const struct lb_service *entry)
{
	for (uint32_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		for (uint32_t vip = 0; vip < service->vip_count; vip++)
			for (uint32_t j = 0; j < service->listener_count; j++)
				if (listener_is(entry, service, vip, j))
					return listener_json(service, vip, j);
	}
	return json_null();
}

json_t *answer_service(const struct answer_source *source, uint16_t id)
{
	const struct lb_service_table *table = source->view->services;

	for (uint32_t i = 0; i <= table->mask; i++)
		if (table->slot[i].family && table->slot[i].id == id)
			return entry_json(model_config(source->model), &table->slot[i]);
	return json_null();
}

/* ---- One connection ---- */

static json_t *mac_json(const uint8_t *mac)
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return json_string(text);
}

static json_t *address_json(const struct config_address *address)
{
	char text[CONFIG_ADDRESS_STRLEN];

	return address->family ? json_string(config_address_format(address, text)) : json_null();
}

static json_t *port_json(uint16_t port)
{
	return port ? json_integer(port) : json_null();
}

static json_t *cpu_json(uint32_t cpu)
{
	return cpu == LB_SEGMENT_CPU_NONE ? json_null() : json_integer(cpu);
}

static json_t *record_json(const struct answer_source *source, const struct explain *e)
{
	const struct flows_view *view = source->view;
	const struct flows_record *record = &e->record;
	uint32_t idle = flows_record_idle(view, record);
	uint32_t limit = view->timeouts.ticks[record->state & 7];

	return json_pack("{s:s, s:i, s:o, s:s, s:o, s:i, s:i, s:i, s:b}", "table", "found",
			 "worker", (int)record->region, "cpu",
			 cpu_json(view->region[record->region].cpu), "state",
			 flows_state_name(record->state), "instance",
			 answer_instance(source, record->home & LB_FLOW_INSTANCE), "idle_ms",
			 (int)(idle * LB_FLOW_TICK_MS), "timeout_ms",
			 (int)(limit * LB_FLOW_TICK_MS), "expires_ms",
			 (int)((idle < limit ? limit - idle : 0) * LB_FLOW_TICK_MS), "moved",
			 flows_record_is_moved(record));
}

/* A flow's beginning is in no table. */
static json_t *flow_json(const struct answer_source *source, const struct explain *e)
{
	if (!source->is_live)
		return json_pack("{s:s}", "table", "none");
	if (source->view->why_no_flows[0])
		return json_pack("{s:s, s:s}", "table", "unreadable", "why",
				 source->view->why_no_flows);
	switch (e->read) {
	case FLOWS_FOUND:
		return record_json(source, e);
	case FLOWS_UNSTABLE:
		return json_pack("{s:s}", "table", "being written");
	case FLOWS_NOT_FOUND:
		break;
	}
	return json_pack("{s:s}", "table", "not found");
}

static json_t *slot_json(const struct answer_source *source, const struct explain_slot *slot)
{
	if (!slot->n)
		return json_null();
	return json_pack("{s:i, s:i, s:o}", "slot", (int)slot->slot, "slots", (int)slot->n,
			 "instance", answer_instance(source, slot->instance));
}

static json_t *choice_json(const struct answer_source *source, const struct explain_choice *choice)
{
	static const char *const names[] = {
		[EXPLAIN_NONE] = "none",	 [EXPLAIN_VIP_SOURCE] = "vip source",
		[EXPLAIN_DENIED] = "denied",	 [EXPLAIN_RECORD] = "record",
		[EXPLAIN_CURRENT] = "current",	 [EXPLAIN_BOTH] = "both",
		[EXPLAIN_PREVIOUS] = "previous", [EXPLAIN_DRAWN] = "drawn again",
	};

	return json_pack("{s:o, s:s, s:b}", "instance", answer_instance(source, choice->instance),
			 "why", names[choice->why], "moved", choice->is_moved);
}

static json_t *next_hop_json(const struct model_next_hop *hop)
{
	if (!hop->resolved)
		return json_pack("{s:b, s:s}", "resolved", 0, "reason", hop->reason);
	return json_pack("{s:b, s:o, s:b}", "resolved", 1, "mac", mac_json(hop->mac), "on_link",
			 hop->on_link);
}

static json_t *state_json(const struct answer_source *source, uint32_t index)
{
	const struct model_instance *instance =
		index < LB_INSTANCES_MAX ? model_instance_at(source->model, index) : NULL;

	if (!instance)
		return json_null();
	if (!source->is_live)
		return json_pack("{s:s, s:o}", "name", instance->path, "address",
				 address_json(&instance->address));
	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:b, s:b, s:b, s:o}", "name", instance->path,
			 "address", address_json(&instance->address), "admin",
			 model_admin_name(model_admin_in_force(instance)), "health",
			 health_state_name(model_health_in_force(instance)), "reason",
			 model_reason(instance), "configured", instance->pool != NULL, "accepts",
			 instance->accepts, "serves", instance->serves, "next_hop",
			 next_hop_json(&instance->next_hop));
}

/* The tag: its VLAN, null: there is none, "kept": as the packet came. */
static json_t *vlan_json(lb_be16 vlan)
{
	if (vlan == LB_VLAN_KEEP)
		return json_string("kept");
	return vlan == LB_VLAN_NONE ? json_null() : json_integer(lb_be16_to_cpu(vlan));
}

static json_t *headers_json(const struct answer_source *source, const struct explain *e,
			    uint32_t instance)
{
	struct explain_headers h;

	if (instance >= source->view->instances.n)
		return json_null();
	explain_headers_fill(source->view, e, instance, &h);
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:i, s:b}", "mode",
			 config_forward_name(h.forward), "reached", h.is_reached, "dst_mac",
			 source->is_live ? mac_json(h.dst_mac) : json_null(), "src_mac",
			 source->is_live ? mac_json(h.src_mac) : json_null(), "vlan",
			 vlan_json(h.vlan), "src", address_json(&h.src), "dst",
			 address_json(&h.dst), "proto", (int)h.proto, "src_port",
			 port_json(h.src_port), "dst_port", port_json(h.dst_port), "mtu",
			 (int)h.mtu, "chosen", h.is_chosen);
}

/* The prefix that decides, and its list; without one, whether the client is refused for that. */
static json_t *access_json(const struct config_address *client, const struct explain *e)
{
	struct config_prefix prefix = { *client, (uint8_t)(e->rule & LB_ACCESS_LENGTH), { 0 } };
	bool denied = e->rule & LB_ACCESS_DENIED;
	char text[CONFIG_NETWORK_STRLEN];

	if (!e->packet.access)
		return json_null();
	if (!(e->rule & LB_ACCESS_LISTED))
		return json_pack("{s:b, s:n, s:n}", "denied", denied, "list", "prefix");
	config_prefix_clear(&prefix);
	return json_pack("{s:b, s:s, s:s}", "denied", denied, "list",
			 denied ? "deny_from" : "allow_from", "prefix",
			 config_network_format(&prefix, text));
}

/* What its next packet gets: of a recorded flow any, else a SYN. */
static json_t *connection_json(const struct answer_source *source, const struct explain *e)
{
	const struct explain_choice *next = e->read == FLOWS_FOUND ? &e->go_on : &e->begin;
	char hash[24];

	snprintf(hash, sizeof(hash), "0x%016" PRIx64, e->hash);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "hash", hash, "flow",
			 flow_json(source, e), "current", slot_json(source, &e->current),
			 "previous", slot_json(source, &e->previous), "choice",
			 choice_json(source, next), "new", choice_json(source, &e->begin), "old",
			 choice_json(source, &e->go_on), "instance",
			 state_json(source, next->instance), "headers",
			 headers_json(source, e, next->instance));
}

/* ---- A client without a port ---- */

static json_t *share_json(const struct answer_source *source, const uint32_t *counts,
			  uint32_t ports)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		if (counts[i])
			json_array_append_new(list, json_pack("{s:o, s:i, s:f}", "instance",
							      answer_instance(source, i), "ports",
							      (int)counts[i], "share",
							      (double)counts[i] / ports));
	return json_pack("{s:i, s:o}", "ports", (int)ports, "share", list);
}

static json_t *client_json(const struct answer_source *source, const struct explain_query *query,
			   struct explain_room *room)
{
	static uint32_t counts[LB_INSTANCES_MAX];
	uint32_t ports = explain_share(source->view, query, room, counts);

	return share_json(source, counts, ports);
}

/* ---- Both ---- */

static json_t *head_json(const struct answer_source *source, const struct explain_query *query,
			 const struct explain *e)
{
	json_t *service =
		e->service ? entry_json(model_config(source->model), e->service) : json_null();

	return json_pack("{s:o, s:o, s:o, s:i, s:b, s:I, s:o, s:o, s:b}", "client",
			 address_json(&query->client), "client_port", port_json(query->client_port),
			 "vip", address_json(&query->vip), "vip_port", (int)query->vip_port, "live",
			 source->is_live, "generation", (json_int_t)source->view->generation,
			 "service", service, "access",
			 e->service ? access_json(&query->client, e) : json_null(), "is_vip",
			 e->service || e->is_vip);
}

json_t *answer_connection(const struct answer_source *source, const struct explain_query *query)
{
	struct explain_room *room = calloc(1, sizeof(*room));
	json_t *result, *rest = NULL;
	struct explain e;

	if (!room)
		return NULL;
	explain_run(source->view, query, room, &e);
	result = head_json(source, query, &e);
	if (e.service)
		rest = query->client_port ? connection_json(source, &e)
					  : client_json(source, query, room);
	free(room);
	if (rest)
		json_object_update(result, rest);
	json_decref(rest);
	return result;
}

/* ---- From an instance to a client ---- */

static json_t *found_json(const struct answer_source *source, const struct reverse_found *found)
{
	const struct lb_nat_record *record = &found->record;
	const struct config_address client = reverse_client(record);
	const struct config_address from = reverse_source(source->view, record->address);
	uint16_t idle = (uint16_t)(source->view->now - record->seen);

	return json_pack("{s:o, s:i, s:o, s:o, s:o, s:i, s:s, s:i, s:i, s:o}", "client",
			 address_json(&client), "client_port",
			 (int)lb_be16_to_cpu(record->client_port), "service",
			 answer_service(source, record->service), "instance",
			 answer_instance(source, record->instance), "source", address_json(&from),
			 "source_port", (int)found->port, "state",
			 reverse_state_name(record->state), "idle_ms",
			 (int)(idle * LB_FLOW_TICK_MS), "worker", (int)found->worker, "cpu",
			 cpu_json(source->view->region[found->worker].cpu));
}

json_t *answer_reverse(const struct answer_source *source, const struct reverse_query *query)
{
	struct reverse *reverse = calloc(1, sizeof(*reverse));
	json_t *list = json_array(), *result;

	if (!reverse)
		return NULL;
	reverse_find(source->view, query, reverse);
	for (uint32_t i = 0; i < reverse->listed; i++)
		json_array_append_new(list, found_json(source, &reverse->list[i]));
	result = json_pack("{s:I, s:o}", "count", (json_int_t)reverse->n, "connections", list);
	free(reverse);
	return result;
}

int answer_offline(struct config *config, const struct explain_query *query, json_t **result)
{
	const struct lb_service *service;
	struct answer_source source;
	struct offline offline;
	struct lb_packet packet;
	int err = offline_create(&offline, config);

	if (err)
		return err;
	service = explain_packet(&offline.view, query, &packet);
	if (service)
		offline_pool_build(&offline, service->pool);
	source = (struct answer_source){ .view = &offline.view, .model = offline.model };
	*result = answer_connection(&source, query);
	offline_destroy(&offline);
	return *result ? 0 : -ENOMEM;
}
