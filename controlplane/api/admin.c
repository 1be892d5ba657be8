/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * drain, maint and resume. The result: "instance", "admin", "before" (the admin state before the
 * command), "flows" (null if unknown) and what control_call_published() adds; for a drain that
 * waits also "elapsed_ms", "safe" and "receipt" (see receipt_json()).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "config/base/clock.h"
#include "config/base/scalar.h"
#include "controlplane/api/call.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/receipt.h"
#include "controlplane/api/verb.h"

/* How often the flows of a draining instance are checked. */
#define CONTROL_FLOWS_MS 500
/* The loop's clock is coarse: a timer may be early by as much. */
#define CONTROL_LATE_MS 10

static json_t *control_admin_flows(const struct control_instance *instance)
{
	return instance->flows_known ? json_integer((json_int_t)instance->flows) : json_null();
}

static uint64_t control_admin_elapsed_ms(const struct control_call *call)
{
	return (clock_now_ns() - call->started_ns) / CLOCK_NS_PER_MS;
}

static void control_admin_gone(struct control_call *call)
{
	control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
			    "%s was removed from the configuration meanwhile",
			    call->request.instance);
}

static int64_t control_admin_unix_ms(void)
{
	return (int64_t)(clock_read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS);
}

/* Bring call->result up to date, and return it. */
static json_t *control_admin_result(struct control_call *call,
				    const struct control_instance *instance, uint64_t elapsed_ms)
{
	bool safe = instance->flows_known && instance->flows == 0;

	if (json_object_set_new(call->result, "flows", control_admin_flows(instance)) != 0 ||
	    json_object_set_new(call->result, "elapsed_ms", json_integer((json_int_t)elapsed_ms)) !=
		    0 ||
	    json_object_set_new(call->result, "safe", json_boolean(safe)) != 0 ||
	    json_object_set_new(call->result, "receipt",
				receipt_json(call->own, instance, control_admin_unix_ms())) != 0)
		return NULL;
	return json_incref(call->result);
}

/* 0: wait without a limit. */
static uint32_t control_admin_limit_ms(const struct control_call *call)
{
	return control_call_value(call, "wait_ms")->number;
}

static void control_admin_too_late(struct control_call *call,
				   const struct control_instance *instance, uint64_t elapsed_ms)
{
	json_t *result = control_admin_result(call, instance, elapsed_ms);
	char text[16];

	if (instance->flows_known)
		control_call_refuse(
			call, CONTROL_CODE_REFUSED, result, "%s: still %" PRIu64 " flow%s after %s",
			call->request.instance, instance->flows, instance->flows == 1 ? "" : "s",
			config_scalar_duration_format(control_admin_limit_ms(call), text));
	else
		control_call_refuse(call, CONTROL_CODE_REFUSED, result,
				    "%s: flows unknown: the dataplane is not running",
				    call->request.instance);
}

/* Poll the flows of a draining instance. */
static void control_admin_watch(struct control_call *call)
{
	uint64_t elapsed_ms = control_admin_elapsed_ms(call);
	uint32_t limit_ms = control_admin_limit_ms(call);
	struct control_instance instance;
	uint64_t next_ms = CONTROL_FLOWS_MS;

	if (call->ops->get(call->ops_arg, call->request.instance, &instance) != 0) {
		control_admin_gone(call);
		return;
	}
	receipt_look(call->own, &instance, elapsed_ms);
	if (instance.admin == MODEL_READY) {
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "%s was set to ready meanwhile", call->request.instance);
		return;
	}
	if (instance.flows_known && instance.flows == 0) {
		control_call_done(call, control_admin_result(call, &instance, elapsed_ms));
		return;
	}
	if (limit_ms != 0 && elapsed_ms >= limit_ms) {
		control_admin_too_late(call, &instance, elapsed_ms);
		return;
	}
	control_call_progress(call, json_pack("{s:o, s:I}", "flows", control_admin_flows(&instance),
					      "elapsed_ms", (json_int_t)elapsed_ms));
	if (limit_ms != 0 && limit_ms - elapsed_ms < next_ms)
		next_ms = limit_ms - elapsed_ms + CONTROL_LATE_MS;
	call->on_timer = control_admin_watch;
	control_call_timer(call, (uint32_t)next_ms);
}

static void control_admin_published(struct control_call *call)
{
	struct control_instance instance;

	if (control_call_published(call) != 0)
		return;
	if (call->ops->get(call->ops_arg, call->request.instance, &instance) != 0) {
		control_admin_gone(call);
		return;
	}
	if (json_object_set_new(call->result, "flows", control_admin_flows(&instance)) != 0) {
		control_call_done(call, NULL);
		return;
	}
	if (!call->request.waits) {
		control_call_done(call, json_incref(call->result));
		return;
	}
	call->own = calloc(1, sizeof(struct receipt));
	if (call->own == NULL) {
		control_call_done(call, NULL);
		return;
	}
	call->end = free;
	receipt_begin(call->own, &instance, control_admin_unix_ms());
	control_call_progress(call, json_copy(call->result));
	control_admin_watch(call);
}

static void control_admin_run(struct control_call *call, enum model_admin admin)
{
	struct control_actor actor;
	const struct control_change change = {
		.set_admin = true,
		.admin = admin,
		.actor = &actor,
	};
	struct control_instance instance;
	char reason[CONTROL_REASON_MAX];
	struct control_wait *wait;

	if (call->ops->get(call->ops_arg, call->request.instance, &instance) != 0) {
		control_call_refuse_unknown(call);
		return;
	}
	call->result = json_pack("{s:s, s:s, s:s}", "instance", call->request.instance, "admin",
				 model_admin_name(change.admin), "before",
				 model_admin_name(instance.admin));
	if (call->result == NULL) {
		control_call_done(call, NULL);
		return;
	}
	control_call_actor(call, &actor);
	wait = control_call_wait(call, control_admin_published);
	if (call->ops->set(call->ops_arg, call->request.instance, &change, wait, reason) != 0) {
		control_call_unwait(call);
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s", reason);
	}
}

void control_drain_run(struct control_call *call)
{
	control_admin_run(call, MODEL_DRAIN);
}

void control_maint_run(struct control_call *call)
{
	control_admin_run(call, MODEL_MAINT);
}

void control_resume_run(struct control_call *call)
{
	control_admin_run(call, MODEL_READY);
}
