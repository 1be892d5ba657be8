/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flows: the recorded flows that match, counted, and those that were idle longest. Tables of
 * millions are walked a part a turn of the loop. The result: "flows", "all", "by_state", "ipv6",
 * "ipv6_of_pools" (with "service"), "expired", "moved", "unstable", "buckets", "took_ms", and "list"
 * of objects with "client", "client_port" and "service" (null of IPv6: see flows/scan.h),
 * "instance", "state", "idle_ms", "worker", "cpu".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/stats.h"
#include "controlplane/api/verb.h"
#include "controlplane/flows/answer.h"
#include "controlplane/flows/scan.h"

#define CONTROL_FLOWS_BUCKETS 8192 /* a turn: half a MB, well under a millisecond */
#define CONTROL_FLOWS_PAUSE_MS 1
#define CONTROL_FLOWS_LIMIT 20

struct control_flows {
	struct scan_filter filter;
	struct scan scan;
	uint64_t boot_id; /* of the tables */
	uint64_t buckets;
};

/* ---- What is wanted ---- */

/* Return: 0; the call has ended if not. */
static int control_flows_read_instance(struct control_call *call, struct scan_filter *filter)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct control_value *value = control_call_value(call, "instance");
	const struct model_instance *instance;

	filter->instance = LB_INSTANCE_NONE;
	if (!value->is_given)
		return 0;
	instance = model_instance_find(daemon->model, value->text);
	if (instance == NULL) {
		control_call_refuse(call, CONTROL_CODE_UNKNOWN, NULL, "there is no %s",
				    value->text);
		return -ENOENT;
	}
	filter->instance = instance->index;
	return 0;
}

static int control_flows_read_client(struct control_call *call, struct scan_filter *filter)
{
	const struct control_value *value = control_call_value(call, "client");

	if (!value->is_given)
		return 0;
	if (config_address_parse(value->text, &filter->client) != 0)
		control_call_refuse(call, CONTROL_CODE_REQUEST, NULL, "\"%s\": expected an address",
				    value->text);
	else if (filter->client.family == 6)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "an IPv6 flow is recorded by a fingerprint of client, port and "
				    "service: ask explain CLIENT:PORT VIP:PORT");
	else
		return 0;
	return -EINVAL;
}

static void control_flows_want(struct scan_filter *filter, const struct lb_service *entry)
{
	filter->service[entry->id / 64] |= 1ULL << entry->id % 64;
	filter->pools |= 1ULL << entry->pool;
}

/* All listeners of a service. */
static void control_flows_want_service(const struct model *model,
				       const struct config_service *service,
				       struct scan_filter *filter)
{
	uint32_t bytes;
	const struct lb_service_table *table = model_services(model, &bytes);

	for (uint32_t i = 0; bytes != 0 && i <= table->mask; i++) {
		const struct lb_service *entry = &table->slot[i];
		const struct config_address address = { .family = entry->family };
		struct config_address vip = address;

		memcpy(vip.bytes, entry->addr, sizeof(vip.bytes));
		for (uint32_t j = 0; entry->family && entry->port && j < service->vip_count; j++)
			if (config_address_equal(&vip, &service->vips[j].address))
				control_flows_want(filter, entry);
	}
}

static int control_flows_read_service(struct control_call *call, struct scan_filter *filter)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct control_value *value = control_call_value(call, "service");
	const struct config *config = model_config(daemon->model);

	if (!value->is_given)
		return 0;
	filter->has_service = true;
	for (uint32_t i = 0; i < config->service_count; i++) {
		if (strcmp(config->services[i].name, value->text) != 0)
			continue;
		control_flows_want_service(daemon->model, &config->services[i], filter);
		return 0;
	}
	control_call_refuse(call, CONTROL_CODE_UNKNOWN, NULL, "there is no service %s",
			    value->text);
	return -ENOENT;
}

/* ---- What is told ---- */

static json_t *control_flows_record(const struct answer_source *source,
				    const struct flows_record *record)
{
	const struct lb_service *service = scan_service4(source->view, record);
	uint32_t cpu = source->view->region[record->region].cpu;
	char text[CONFIG_ADDRESS_STRLEN];
	struct config_address client;
	uint16_t port;

	scan_client4(record, &client, &port);
	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:i, s:i, s:o}", "client",
			 service ? json_string(config_address_format(&client, text)) : json_null(),
			 "client_port", service ? json_integer(port) : json_null(), "service",
			 service ? answer_service(source, service->id) : json_null(), "instance",
			 answer_instance(source, record->home & LB_FLOW_INSTANCE), "state",
			 flows_state_name(record->state), "idle_ms",
			 (int)(flows_record_idle(source->view, record) * LB_FLOW_TICK_MS), "worker",
			 (int)record->region, "cpu",
			 cpu == LB_SEGMENT_CPU_NONE ? json_null() : json_integer(cpu));
}

static json_t *control_flows_states(const struct scan *scan)
{
	json_t *states = json_object();

	for (uint32_t i = LB_FLOW_UNCONFIRMED; i < LB_FLOW_STATES; i++)
		json_object_set_new(states, flows_state_name(i),
				    json_integer((json_int_t)scan->by_state[i]));
	return states;
}

static void control_flows_end(struct control_call *call, const struct answer_source *source)
{
	struct control_flows *flows = call->own;
	struct scan *scan = &flows->scan;
	json_t *list = json_array();

	scan_end(scan, source->view);
	for (uint32_t i = 0; i < scan->listed; i++)
		json_array_append_new(list, control_flows_record(source, &scan->list[i]));
	control_call_done(
		call, json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "flows",
				(json_int_t)scan->flows, "all", (json_int_t)scan->all, "by_state",
				control_flows_states(scan), "ipv6", (json_int_t)scan->six,
				"ipv6_of_pools", (json_int_t)scan->six_unknown, "expired",
				(json_int_t)scan->expired, "moved", (json_int_t)scan->moved,
				"unstable", (json_int_t)scan->unstable, "buckets",
				(json_int_t)flows->buckets, "took_ms",
				(json_int_t)((clock_now_ns() - call->started_ns) / CLOCK_NS_PER_MS),
				"list", list));
}

/* ---- The walk ---- */

/* Return: 0; the call has ended if not. */
static int control_flows_view(struct control_call *call, struct flows_view *view)
{
	const struct control_daemon *daemon = call->ops_arg;
	struct control_flows *flows = call->own;
	int err = publish_view(daemon->publish, view);

	if (err == 0 && flows->boot_id == 0)
		flows->boot_id = stats_segment(daemon->stats)->boot_id;
	if (err == 0 && flows->boot_id == stats_segment(daemon->stats)->boot_id &&
	    !view->why_no_flows[0])
		return 0;
	if (err != 0)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s",
				    err == -ENOTCONN  ? "the dataplane is not running"
				    : err == -ENODATA ? "the dataplane has no tables yet"
						      : strerror(-err));
	else if (view->why_no_flows[0])
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s", view->why_no_flows);
	else
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "the dataplane has started again meanwhile");
	if (err == 0)
		flows_view_fini(view);
	return -EAGAIN;
}

static void control_flows_go_on(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	struct control_flows *flows = call->own;
	struct flows_view view;
	const struct answer_source source = { .view = &view,
					      .model = daemon->model,
					      .is_live = true };

	if (control_flows_view(call, &view) != 0)
		return;
	if (scan_step(&flows->scan, &view, &flows->filter, CONTROL_FLOWS_BUCKETS)) {
		for (uint32_t i = 0; i < view.n_regions; i++)
			flows->buckets += view.region[i].n_buckets;
		control_flows_end(call, &source);
	} else {
		call->on_timer = control_flows_go_on;
		control_call_timer(call, CONTROL_FLOWS_PAUSE_MS);
	}
	flows_view_fini(&view);
}

void control_flows_run(struct control_call *call)
{
	const struct control_value *limit = control_call_value(call, "limit");
	struct control_flows *flows = calloc(1, sizeof(*flows));

	if (flows == NULL) {
		control_call_done(call, NULL);
		return;
	}
	call->own = flows;
	call->end = free;
	flows->filter.limit = limit->is_given ? limit->number : CONTROL_FLOWS_LIMIT;
	flows->filter.older_ticks = control_call_value(call, "older_ms")->number / LB_FLOW_TICK_MS;
	if (control_flows_read_instance(call, &flows->filter) == 0 &&
	    control_flows_read_client(call, &flows->filter) == 0 &&
	    control_flows_read_service(call, &flows->filter) == 0)
		control_flows_go_on(call);
}
