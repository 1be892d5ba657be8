/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of ELB classic that change something, but for elb-register-instances-with-lb. */
#include "controlplane/api/elb.h"

#include <errno.h>
#include <string.h>

#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/elb_describe.h"
#include "controlplane/api/elb_list.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/verb.h"
#include "controlplane/elb/edit.h"

/* Bring call->result up to date, and end the call with it. */
static void control_elb_finish(struct control_call *call, bool changed)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct config *config = model_config(daemon->model);
	const struct config_service *service = elb_service_find(config, call->request.instance);
	json_t *lb = service != NULL ? control_elb_lb(config, service) : json_object();
	bool failed = lb == NULL || json_object_update(call->result, lb) != 0 ||
		      json_object_set_new(call->result, "changed", json_boolean(changed)) != 0;

	json_decref(lb);
	control_call_done(call, failed ? NULL : json_incref(call->result));
}

static void control_elb_published(struct control_call *call)
{
	if (control_call_published(call) == 0)
		control_elb_finish(call, true);
}

void control_elb_edit(struct control_call *call, const struct control_edit *edit)
{
	struct control_refusal refusal = { 0 };
	struct control_wait *wait;
	bool changed = false;
	int err;

	call->result = json_pack("{s:s}", "name", call->request.instance);
	if (call->result == NULL) {
		control_call_done(call, NULL);
		return;
	}
	wait = control_call_wait(call, control_elb_published);
	err = call->ops->edit(call->ops_arg, edit, wait, &changed, &refusal);
	if (err == 0 && changed)
		return;
	control_call_unwait(call);
	if (err == 0)
		control_elb_finish(call, false);
	else
		control_call_refuse(call, CONTROL_CODE_REFUSED, refusal.details, "%s",
				    refusal.reason);
}

static const char *control_elb_text(const struct control_call *call, const char *name)
{
	return control_call_value(call, name)->text;
}

/* Return: whether the argument is there; if not, the call has ended. */
static bool control_elb_has(struct control_call *call, const char *name)
{
	if (control_call_value(call, name)->is_given)
		return true;
	control_call_refuse(call, CONTROL_CODE_REQUEST, NULL, "%s: \"%s\" is missing",
			    call->request.verb->name, name);
	return false;
}

static int control_elb_run_create(void *arg, struct config_tree *tree, const struct config *config,
				  struct config_reason *reason)
{
	return elb_create(tree, config, arg, reason);
}

void control_elb_create_run(struct control_call *call)
{
	struct elb_create create = {
		.name = call->request.instance,
		.listeners = control_elb_text(call, "listeners"),
		.vips = control_elb_text(call, "vip"),
		.forward = control_elb_text(call, "forward"),
	};
	const struct control_edit edit = { control_elb_run_create, &create };

	if (control_elb_has(call, "listeners") && control_elb_has(call, "forward"))
		control_elb_edit(call, &edit);
}

static int control_elb_run_delete(void *arg, struct config_tree *tree, const struct config *config,
				  struct config_reason *reason)
{
	const struct control_call *call = arg;

	return elb_delete(tree, config, call->request.instance, reason);
}

void control_elb_delete_run(struct control_call *call)
{
	const struct control_edit edit = { control_elb_run_delete, call };

	control_elb_edit(call, &edit);
}

static int control_elb_run_configure(void *arg, struct config_tree *tree,
				     const struct config *config, struct config_reason *reason)
{
	const struct control_call *call = arg;
	const struct elb_check check = {
		.target = control_elb_text(call, "target"),
		.interval = control_elb_text(call, "interval"),
		.timeout = control_elb_text(call, "timeout"),
		.unhealthy = control_call_value(call, "unhealthy")->number,
		.healthy = control_call_value(call, "healthy")->number,
		.only = control_call_value(call, "only")->number != 0,
	};

	return elb_configure(tree, config, call->request.instance, &check, reason);
}

void control_elb_configure_run(struct control_call *call)
{
	const struct control_edit edit = { control_elb_run_configure, call };

	if (control_elb_has(call, "target") && control_elb_has(call, "interval") &&
	    control_elb_has(call, "timeout") && control_elb_has(call, "unhealthy") &&
	    control_elb_has(call, "healthy"))
		control_elb_edit(call, &edit);
}

static int control_elb_run_deregister(void *arg, struct config_tree *tree,
				      const struct config *config, struct config_reason *reason)
{
	const struct control_call *call = arg;
	const char *list = control_elb_text(call, "instances");
	char id[CONFIG_NAME_MAX + 1];
	int err = 0;

	while (err == 0 && control_elb_next(&list, id))
		err = elb_deregister(tree, config, call->request.instance, id, reason);
	return err;
}

void control_elb_deregister_run(struct control_call *call)
{
	const struct control_edit edit = { control_elb_run_deregister, call };

	if (control_elb_has(call, "instances"))
		control_elb_edit(call, &edit);
}
