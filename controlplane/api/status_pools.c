/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "config/base/clock.h"
#include "config/base/scalar.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/stats.h"
#include "controlplane/api/status_internal.h"
#include "controlplane/health/agent.h"
#include "controlplane/health/flaps.h"
#include "controlplane/health/health.h"
#include "controlplane/model/model.h"
#include "controlplane/model/ramp.h"
#include "controlplane/state/state.h"

/* Milliseconds ago; null: never. */
static json_t *control_status_ago(int64_t ms)
{
	return ms < 0 ? json_null() : json_integer(ms);
}

static json_t *control_status_checks(const struct model_instance *instance)
{
	uint32_t count =
		instance->checker != NULL ? health_instance_check_count(instance->checker) : 0;
	json_t *checks = json_array();

	for (uint32_t i = 0; checks != NULL && i < count; i++) {
		struct health_check_info info;

		if (health_check_info(instance->checker, i, &info) != 0)
			break;
		json_array_append_new(
			checks,
			json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:i, s:b}", "target", info.target,
				  "health", health_state_name(info.state), "last",
				  health_state_name(info.last), "reason", info.reason, "streak",
				  (int)info.streak, "last_ms", control_status_ago(info.last_ms),
				  "latency_us", (int)info.latency_us, "in_flight", info.in_flight));
	}
	return checks;
}

/* Bytes of the largest tunnel packet, and what limits it. */
static json_t *control_status_mtu(const struct model *model, const struct model_instance *instance)
{
	static const char *const names[] = {
		[MODEL_MTU_PORT] = "port", [MODEL_MTU_ROUTE] = "route", [MODEL_MTU_PATH] = "path"
	};
	enum model_mtu_from from;
	uint16_t mtu = model_instance_mtu(model, instance, &from);

	return json_pack("{s:i, s:s}", "bytes", (int)mtu, "from", names[from]);
}

/* Where flap control sees an instance; NULL: its pool has none. */
static const struct flap *control_status_flap(const struct control_daemon *daemon,
					      const struct model_instance *instance,
					      uint64_t *left_ms)
{
	*left_ms = 0;
	return daemon->flaps != NULL ? flaps_get(daemon->flaps, instance, left_ms) : NULL;
}

/* How long an instance that was removed still drains. */
static uint64_t control_status_left_ms(const struct model_instance *instance)
{
	uint64_t now_ms = clock_now_ms();

	return instance->leaving && instance->leave_ms > now_ms ? instance->leave_ms - now_ms : 0;
}

static const char *control_status_seconds(uint64_t ms, char text[16])
{
	return config_scalar_duration_format((uint32_t)((ms + 999) / 1000 * 1000), text);
}

#define STATUS_REASON_MAX (HEALTH_REASON_MAX + AGENT_WHY_MAX + 80)

#define STATUS_AGENT_MAX (AGENT_WHY_MAX + 32)

/* The checks' reason, or what the agent has said, where that counts. */
static const char *control_status_agent_reason(const struct model_instance *instance, char *text)
{
	const char *reason = model_reason(instance);

	if (reason[0] == '\0' && instance->asked != NULL &&
	    agent_problem(instance->asked)[0] != '\0') {
		snprintf(text, STATUS_AGENT_MAX, "its agent fails: %s",
			 agent_problem(instance->asked));
		return text;
	}
	if (reason[0] != '\0' || model_admin_in_force(instance) == instance->admin)
		return reason;
	snprintf(text, STATUS_AGENT_MAX, "its agent says \"%s\"", instance->agent.text);
	return text;
}

/* Why an instance gets no new flows, as far as its health decides: flap control, then the checks. */
static const char *control_status_reason(const struct control_daemon *daemon,
					 const struct model_instance *instance, char *text)
{
	static char agent_text[STATUS_AGENT_MAX];
	const char *reason = control_status_agent_reason(instance, agent_text);
	const char *sep = reason[0] != '\0' ? "; " : "";
	uint64_t left_ms = control_status_left_ms(instance);
	const struct flap *flap;
	char left[16];

	if (instance->leaving) {
		snprintf(text, STATUS_REASON_MAX, "removed, drained for %s more%s%s",
			 control_status_seconds(left_ms, left), sep, reason);
		return text;
	}
	flap = control_status_flap(daemon, instance, &left_ms);

	if (flap == NULL || flap->state == FLAP_IN)
		return reason;
	if (flap->state == FLAP_OUT)
		snprintf(text, STATUS_REASON_MAX, "flapping: out, retried in %s%s%s",
			 control_status_seconds(left_ms, left), sep, reason);
	else
		snprintf(text, STATUS_REASON_MAX, "flapping: left out until sluicectl resume%s%s",
			 sep, reason);
	return text;
}

static json_t *control_status_flapping(const struct control_daemon *daemon,
				       const struct model_instance *instance)
{
	uint64_t left_ms;
	const struct flap *flap = control_status_flap(daemon, instance, &left_ms);

	if (flap == NULL)
		return json_null();
	return json_pack("{s:s, s:o, s:i, s:i}", "state", flap_state_name(flap->state), "retry_ms",
			 flap->state == FLAP_OUT ? json_integer((json_int_t)left_ms) : json_null(),
			 "changes", (int)flap->changes.count, "outs", (int)flap->outs.count);
}

/* null: it has its full share. */
static json_t *control_status_slow_start(const struct model_instance *instance)
{
	if (instance->ramp_step == 0)
		return json_null();
	return json_pack("{s:i, s:i, s:i}", "percent", instance->ramp_step * 100 / RAMP_STEPS,
			 "step", (int)instance->ramp_step, "steps", RAMP_STEPS);
}

static json_t *control_status_next_hop(const struct model_next_hop *hop)
{
	char mac[18];

	if (!hop->resolved)
		return json_pack("{s:b, s:s}", "resolved", 0, "reason", hop->reason);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", hop->mac[0], hop->mac[1],
		 hop->mac[2], hop->mac[3], hop->mac[4], hop->mac[5]);
	return json_pack("{s:b, s:s, s:b, s:i}", "resolved", 1, "mac", mac, "on_link", hop->on_link,
			 "vlan", hop->vlan);
}

/* null: it has none. */
static json_t *control_status_asked(const struct model_instance *instance)
{
	const struct model_agent *agent = &instance->agent;

	if (instance->asked == NULL && !agent->known)
		return json_null();
	return json_pack(
		"{s:i, s:i, s:s, s:b, s:s, s:o, s:s}", "port",
		instance->asked != NULL ? (int)agent_port(instance->asked) : 0, "percent",
		agent->known ? (int)agent->percent : 100, "admin", model_admin_name(agent->admin),
		"down", agent->down, "said", agent->text, "last_ms",
		control_status_ago(instance->asked != NULL ? agent_last_ms(instance->asked) : -1),
		"problem", instance->asked != NULL ? agent_problem(instance->asked) : "");
}

static json_t *control_status_instance(struct control_daemon *daemon,
				       const struct model_instance *instance)
{
	int64_t last_ms =
		instance->checker != NULL ? health_instance_last_ms(instance->checker) : -1;
	char address[CONFIG_ADDRESS_STRLEN], reason[STATUS_REASON_MAX];
	struct stats_instance figures;
	struct state_entry kept;

	stats_instance_get(daemon->stats, instance->index, &figures);
	state_get(daemon->state, instance->path, &kept);
	return json_pack(
		"{s:s, s:s, s:i, s:s, s:s, s:s, s:I, s:f, s:f, s:i, s:b, s:b, s:b, s:b, s:b, s:I, s:I, "
		"s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"name", instance->name, "address",
		config_address_format(&instance->address, address), "weight", (int)instance->weight,
		"admin", model_admin_name(instance->leaving ? MODEL_DRAIN : instance->admin),
		"health", health_state_name(model_health_in_force(instance)), "reason",
		control_status_reason(daemon, instance, reason), "flows", (json_int_t)figures.flows,
		"new_per_s", figures.new_per_s, "share", model_share(daemon->model, instance),
		"config_weight", (int)instance->config_weight, "weight_by_operator",
		instance->weight_set, "backup", instance->backup, "far", instance->far, "accepts",
		instance->accepts, "serves", instance->serves, "new_flows",
		(json_int_t)figures.new_flows, "packets", (json_int_t)figures.pkts, "bytes",
		(json_int_t)figures.bytes, "reply_packets", (json_int_t)figures.reply_pkts,
		"admin_since",
		kept.changed_unix != 0 ? json_integer(kept.changed_unix) : json_null(),
		"last_check_ms", control_status_ago(last_ms), "checks",
		control_status_checks(instance), "next_hop",
		control_status_next_hop(&instance->next_hop), "mtu",
		control_status_mtu(daemon->model, instance), "replies",
		control_status_replies(daemon, instance), "flapping",
		control_status_flapping(daemon, instance), "slow_start",
		control_status_slow_start(instance), "agent", control_status_asked(instance),
		"removed_in_ms",
		instance->leaving ? json_integer((json_int_t)control_status_left_ms(instance))
				  : json_null());
}

/* With those that were removed and drain. @pool: NULL: the configuration has it no more. */
static json_t *control_status_instances(struct control_daemon *daemon,
					const struct model_pool *pool, const char *name)
{
	const struct model_instance *leaving = NULL;
	json_t *instances = json_array();

	for (uint32_t i = 0; instances != NULL && pool != NULL && i < pool->instance_count; i++)
		json_array_append_new(instances,
				      control_status_instance(daemon, pool->instances[i]));
	while (instances != NULL && (leaving = model_leaving_next(daemon->model, leaving)) != NULL)
		if (model_is_of_pool(leaving, name))
			json_array_append_new(instances, control_status_instance(daemon, leaving));
	return instances;
}

/* null: the pool has no minimum_up. */
static json_t *control_status_minimum(const struct control_daemon *daemon,
				      const struct model_pool *pool)
{
	const struct model_minimum *minimum = &pool->minimum;
	char want[16];

	if (minimum->need == 0)
		return json_null();
	return json_pack("{s:s, s:i, s:i, s:s, s:s, s:I}", "minimum_up",
			 config_minimum_format(&minimum->want, want), "need", (int)minimum->need,
			 "up", (int)minimum->up, "on_minimum",
			 config_on_minimum_name(minimum->on_minimum), "vips",
			 model_vips_name(minimum->vips), "announced_in_ms",
			 (json_int_t)model_vips_left_ms(daemon->model, pool));
}

static json_t *control_status_pool(struct control_daemon *daemon, const struct model_pool *pool)
{
	return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:s, s:s, s:s, s:o, s:s, s:o}", "name",
			 pool->name, "open", pool->open, "panic", pool->panic, "in_zone",
			 pool->in_zone, "on_backup", pool->on_backup, "removed", 0, "on_down",
			 config_on_down_name(pool->on_down), "all_down",
			 config_all_down_name(pool->all_down), "proxy_protocol",
			 config_proxy_name(pool->proxy_protocol), "minimum",
			 control_status_minimum(daemon, pool), "affinity",
			 config_affinity_name(pool->affinity), "instances",
			 control_status_instances(daemon, pool, pool->name));
}

static bool control_status_has_pool(const json_t *pools, const char *name)
{
	const json_t *pool;
	size_t i;

	json_array_foreach(pools, i, pool)
		if (strcmp(json_string_value(json_object_get(pool, "name")), name) == 0)
			return true;
	return false;
}

/* Pools that were removed, while instances of them drain. */
static void control_status_pools_removed(struct control_daemon *daemon, json_t *pools)
{
	const struct model_instance *leaving = NULL;
	char name[CONFIG_NAME_MAX + 1];

	while ((leaving = model_leaving_next(daemon->model, leaving)) != NULL) {
		snprintf(name, sizeof(name), "%.*s", (int)(leaving->name - leaving->path - 1),
			 leaving->path);
		if (control_status_has_pool(pools, name))
			continue;
		json_array_append_new(
			pools,
			json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:s, s:s, s:s, s:n, s:s, s:o}",
				  "name", name, "open", 0, "panic", 0, "in_zone", 0, "on_backup", 0,
				  "removed", 1, "on_down",
				  config_on_down_name(leaving->leave_on_down), "all_down",
				  config_all_down_name(CONFIG_ALL_DOWN_DROP), "proxy_protocol",
				  config_proxy_name(CONFIG_PROXY_NONE), "minimum", "affinity",
				  config_affinity_name(CONFIG_AFFINITY_FLOW), "instances",
				  control_status_instances(daemon, NULL, name)));
	}
}

json_t *control_status_pools(struct control_daemon *daemon)
{
	uint32_t count = model_pool_count(daemon->model);
	json_t *pools = json_array();

	for (uint32_t i = 0; pools != NULL && i < count; i++)
		json_array_append_new(pools,
				      control_status_pool(daemon, model_pool_at(daemon->model, i)));
	if (pools != NULL)
		control_status_pools_removed(daemon, pools);
	return pools;
}
