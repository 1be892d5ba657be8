/* SPDX-License-Identifier: BSD-3-Clause */
/* elb-describe-lbs and elb-describe-instance-health. */
#include <stdio.h>
#include <string.h>

#include "config/base/scalar.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/elb_describe.h"
#include "controlplane/api/elb_list.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/verb.h"
#include "controlplane/elb/edit.h"

/* ---- Load balancers ---- */

static json_t *elb_vips(const struct config_service *service)
{
	char text[CONFIG_ADDRESS_STRLEN];
	json_t *list = json_array();

	for (uint32_t i = 0; list != NULL && i < service->vip_count; i++)
		json_array_append_new(
			list, json_string(config_address_format(&service->vips[i].address, text)));
	return list;
}

static json_t *elb_listeners(const struct config_service *service)
{
	json_t *list = json_array();

	for (uint32_t i = 0; list != NULL && i < service->listener_count; i++)
		json_array_append_new(list, json_pack("{s:i, s:i}", "port",
						      service->listeners[i].port, "instance_port",
						      service->listeners[i].instance_port));
	return list;
}

/* The pools of a service, each once. Return: the next after @at, or NULL. */
static const struct config_pool *elb_next_pool(const struct config *config,
					       const struct config_service *service, uint32_t *at)
{
	while (*at < service->listener_count) {
		uint32_t i = (*at)++, before = 0;

		while (before < i && service->listeners[before].pool != service->listeners[i].pool)
			before++;
		if (before == i)
			return &config->pools[service->listeners[i].pool];
	}
	return NULL;
}

static void elb_add_checks(json_t *list, const struct config_pool *pool)
{
	char interval[16], timeout[16];

	for (uint32_t i = 0; i < pool->check_count; i++) {
		const struct config_check *check = &pool->checks[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:i, s:i}", "target", check->target, "interval",
				  config_scalar_duration_format(check->interval_ms, interval),
				  "timeout",
				  config_scalar_duration_format(check->timeout_ms, timeout),
				  "unhealthy", (int)check->unhealthy, "healthy",
				  (int)check->healthy));
	}
}

json_t *control_elb_lb(const struct config *config, const struct config_service *service)
{
	json_t *checks = json_array(), *instances = json_array();
	const struct config_pool *pool;
	uint32_t at = 0;

	while (checks != NULL && instances != NULL &&
	       (pool = elb_next_pool(config, service, &at)) != NULL) {
		elb_add_checks(checks, pool);
		for (uint32_t i = 0; i < pool->instance_count; i++)
			json_array_append_new(instances, json_string(pool->instances[i].name));
	}
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "name", service->name, "vip",
			 elb_vips(service), "forward", config_forward_name(service->forward),
			 "listeners", elb_listeners(service), "checks", checks, "instances",
			 instances);
}

static void elb_refuse_unknown(struct control_call *call, const char *name)
{
	control_call_refuse(call, CONTROL_CODE_UNKNOWN, NULL,
			    "There is no ACTIVE Load Balancer named '%s'", name);
}

void control_elb_describe_run(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct config *config = model_config(daemon->model);
	const char *names = control_call_value(call, "names")->text;
	json_t *list = json_array();
	char name[CONFIG_NAME_MAX + 1];

	for (uint32_t i = 0; names == NULL && i < config->service_count; i++)
		json_array_append_new(list, control_elb_lb(config, &config->services[i]));
	while (names != NULL && control_elb_next(&names, name)) {
		const struct config_service *service = elb_service_find(config, name);

		if (service == NULL) {
			json_decref(list);
			elb_refuse_unknown(call, name);
			return;
		}
		json_array_append_new(list, control_elb_lb(config, service));
	}
	control_call_done(call, json_pack("{s:o}", "lbs", list));
}

/* ---- Health ---- */

/* ELB's words for a state. */
struct elb_state {
	const char *state;
	const char *description;
	const char *reason_code;
};

static const struct elb_state elb_in_service = { "InService", "N/A", "N/A" };
static const struct elb_state elb_not_registered = {
	"OutOfService", "Instance is not currently registered with the LoadBalancer.", "N/A"
};

static const struct elb_state *elb_state_of(const struct model_instance *instance)
{
	static const struct elb_state drained = { "OutOfService",
						  "Instance is drained: it gets no new flows.",
						  "Instance" };
	static const struct elb_state maint = { "OutOfService", "Instance is in maintenance.",
						"Instance" };
	static const struct elb_state leaving = { "InService",
						  "Instance deregistration currently in progress.",
						  "N/A" };
	static const struct elb_state flapping = {
		"OutOfService", "Instance changes its health too often: it gets no new flows.",
		"Instance"
	};
	static const struct elb_state unknown = { "OutOfService",
						  "Instance registration is still in progress.",
						  "ELB" };
	static const struct elb_state failed = {
		"OutOfService",
		"Instance has failed at least the UnhealthyThreshold number of health checks "
		"consecutively.",
		"Instance"
	};

	if (instance->leaving)
		return &leaving;
	if (model_admin_in_force(instance) != MODEL_READY)
		return model_admin_in_force(instance) == MODEL_DRAIN ? &drained : &maint;
	switch (model_health_in_force(instance)) {
	case HEALTH_UP:
		return instance->held && !instance->accepts ? &flapping : &elb_in_service;
	case HEALTH_UNKNOWN:
		return &unknown;
	default:
		return &failed;
	}
}

/* With the check's own words. */
static json_t *elb_health(const char *id, const struct model_instance *instance)
{
	const struct elb_state *state =
		instance != NULL ? elb_state_of(instance) : &elb_not_registered;
	const char *reason = instance != NULL && state != &elb_in_service &&
					     model_health_in_force(instance) != HEALTH_UP
				     ? model_reason(instance)
				     : "";
	char description[256];

	snprintf(description, sizeof(description), "%s%s%s", state->description,
		 reason[0] != '\0' ? " " : "", reason);
	return json_pack("{s:s, s:s, s:s, s:s}", "id", id, "state", state->state, "description",
			 description, "reason_code", state->reason_code);
}

/* An instance of one of the service's pools, or NULL. */
static const struct model_instance *elb_find_instance(const struct model *model,
						      const struct config_service *service,
						      const char *id)
{
	const struct config *config = model_config(model);
	const struct config_pool *pool;
	uint32_t at = 0;
	char path[MODEL_PATH_MAX];

	while ((pool = elb_next_pool(config, service, &at)) != NULL) {
		const struct model_instance *instance;

		snprintf(path, sizeof(path), "%s/%s", pool->name, id);
		instance = model_instance_find(model, path);
		if (instance == NULL)
			instance = model_leaving_find(model, path, NULL);
		if (instance != NULL)
			return instance;
	}
	return NULL;
}

static void elb_add_all(const struct model *model, const struct config_service *service,
			json_t *list)
{
	const struct config *config = model_config(model);
	const struct config_pool *pool;
	uint32_t at = 0;

	while ((pool = elb_next_pool(config, service, &at)) != NULL) {
		const struct model_instance *leaving = NULL;

		for (uint32_t i = 0; i < pool->instance_count; i++)
			json_array_append_new(
				list, elb_health(pool->instances[i].name,
						 elb_find_instance(model, service,
								   pool->instances[i].name)));
		while ((leaving = model_leaving_next(model, leaving)) != NULL)
			if (model_is_of_pool(leaving, pool->name) &&
			    model_instance_find(model, leaving->path) == NULL)
				json_array_append_new(list, elb_health(leaving->name, leaving));
	}
}

void control_elb_health_run(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct config *config = model_config(daemon->model);
	const struct config_service *service = elb_service_find(config, call->request.instance);
	const char *ids = control_call_value(call, "instances")->text;
	json_t *list = json_array();
	char id[CONFIG_NAME_MAX + 1];

	if (service == NULL) {
		json_decref(list);
		elb_refuse_unknown(call, call->request.instance);
		return;
	}
	if (ids == NULL)
		elb_add_all(daemon->model, service, list);
	while (ids != NULL && control_elb_next(&ids, id))
		json_array_append_new(
			list, elb_health(id, elb_find_instance(daemon->model, service, id)));
	control_call_done(call, json_pack("{s:s, s:o}", "name", service->name, "instances", list));
}
