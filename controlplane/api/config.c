/* SPDX-License-Identifier: BSD-3-Clause */
/* config-diff, config-apply and config-rollback. The result comes from the ops, see api/ops.h. */
#include "config/schema/diff.h"
#include "controlplane/api/call.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/verb.h"

static void control_config_published(struct control_call *call)
{
	if (control_call_published(call) == 0)
		control_call_done(call, json_incref(call->result));
}

static struct control_config control_config_of(const struct control_call *call)
{
	const struct control_value *text = control_call_value(call, "text");

	return (struct control_config){
		.name = control_call_value(call, "name")->text,
		.text = text->text,
		.bytes = text->bytes,
		.force = control_call_value(call, "force")->number != 0,
		.confirm_ms = control_call_value(call, "confirm_ms")->number,
	};
}

void control_config_diff_run(struct control_call *call)
{
	const struct control_config config = control_config_of(call);
	struct control_refusal refusal = { 0 };
	json_t *result = call->ops->config_diff(call->ops_arg, &config, &refusal);

	if (result != NULL)
		control_call_done(call, result);
	else
		control_call_refuse(call, CONTROL_CODE_REFUSED, refusal.details, "%s",
				    refusal.reason);
}

static void control_config_put(struct control_call *call, struct control_config config)
{
	struct control_actor actor;
	struct control_refusal refusal = { 0 };
	struct control_wait *wait = control_call_wait(call, control_config_published);

	control_call_actor(call, &actor);
	config.actor = &actor;
	if (call->ops->config_apply(call->ops_arg, &config, wait, &call->result, &refusal) == 0)
		return;
	control_call_unwait(call);
	control_call_refuse(call, CONTROL_CODE_REFUSED, refusal.details, "%s", refusal.reason);
}

void control_config_apply_run(struct control_call *call)
{
	control_config_put(call, control_config_of(call));
}

void control_config_rollback_run(struct control_call *call)
{
	const struct control_value *back = control_call_value(call, "back");
	const struct control_config config = {
		.is_rollback = true,
		.back = back->is_given ? back->number : 1,
		.force = control_call_value(call, "force")->number != 0,
	};

	control_config_put(call, config);
}
