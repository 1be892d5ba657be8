/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weight. The result: "instance", "weight" (in force), "config_weight" (from the file),
 * "by_operator", and, if it was set, "before" and what control_call_published() adds.
 */
#include "controlplane/api/call.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/verb.h"

static void control_weight_published(struct control_call *call)
{
	if (control_call_published(call) == 0)
		control_call_done(call, json_incref(call->result));
}

static json_t *control_weight_result(const struct control_call *call, uint32_t weight,
				     bool by_operator, const struct control_instance *instance)
{
	return json_pack("{s:s, s:i, s:i, s:b, s:i}", "instance", call->request.instance, "weight",
			 (int)weight, "config_weight", (int)instance->config_weight, "by_operator",
			 by_operator, "before", (int)instance->weight);
}

static void control_weight_set(struct control_call *call, const struct control_instance *instance)
{
	const struct control_value *weight = control_call_value(call, "weight");
	bool by_operator = !weight->is_word;
	struct control_actor actor;
	struct control_change change = {
		.set_weight = true,
		.actor = &actor,
		.by_operator = by_operator,
		.weight = by_operator ? weight->number : instance->config_weight,
	};
	char reason[CONTROL_REASON_MAX];
	struct control_wait *wait;

	call->result = control_weight_result(call, change.weight, by_operator, instance);
	if (call->result == NULL) {
		control_call_done(call, NULL);
		return;
	}
	control_call_actor(call, &actor);
	wait = control_call_wait(call, control_weight_published);
	if (call->ops->set(call->ops_arg, call->request.instance, &change, wait, reason) != 0) {
		control_call_unwait(call);
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s", reason);
	}
}

void control_weight_run(struct control_call *call)
{
	struct control_instance instance;

	if (call->ops->get(call->ops_arg, call->request.instance, &instance) != 0)
		control_call_refuse_unknown(call);
	else if (control_call_value(call, "weight")->is_given)
		control_weight_set(call, &instance);
	else
		control_call_done(call, control_weight_result(call, instance.weight,
							      instance.weight_set, &instance));
}
