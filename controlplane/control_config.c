/* SPDX-License-Identifier: BSD-3-Clause */
/* config-diff and config-apply. The result is the other side's, see control_ops.h. */
#include "controlplane/control_call.h"
#include "controlplane/control_protocol.h"

static void control_config_published(struct control_call *call)
{
	if (control_call_published(call) == 0)
		control_call_done(call, json_incref(call->result));
}

static void control_config_diff(struct control_call *call, const struct control_config *config)
{
	struct control_refusal refusal = { 0 };
	json_t *result = call->ops->config_diff(call->ops_arg, config, &refusal);

	if (result != NULL)
		control_call_done(call, result);
	else
		control_call_refuse(call, CONTROL_CODE_REFUSED, refusal.details, "%s",
				    refusal.reason);
}

static void control_config_apply(struct control_call *call, const struct control_config *config)
{
	struct control_refusal refusal = { 0 };
	struct control_wait *wait = control_call_wait(call, control_config_published);

	if (call->ops->config_apply(call->ops_arg, config, wait, &call->result, &refusal) == 0)
		return;
	control_call_unwait(call);
	control_call_refuse(call, CONTROL_CODE_REFUSED, refusal.details, "%s", refusal.reason);
}

void control_config_run(struct control_call *call)
{
	const struct control_config config = {
		.name = call->request.name,
		.text = call->request.text,
		.bytes = call->request.text_bytes,
		.force = call->request.force,
	};

	if (call->request.verb == CONTROL_CONFIG_DIFF)
		control_config_diff(call, &config);
	else
		control_config_apply(call, &config);
}
