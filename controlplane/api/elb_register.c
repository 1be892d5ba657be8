/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * elb-register-instances-with-lb: looks up the addresses first, one after the other, which may take
 * seconds; other commands may run in between, so the change is made only then, all at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema/field.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/elb.h"
#include "controlplane/api/elb_list.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/verb.h"
#include "controlplane/elb/edit.h"
#include "controlplane/elb/resolve.h"

/* Instances of one command. */
#define ELB_REGISTER_MAX 1024
/* How often a client hears of lookups: it takes a silent daemon for a dead one. */
#define ELB_REGISTER_ALIVE_MS 10000

struct elb_register {
	struct control_call *call;
	const char *rest; /* of the list, after the one that is looked up */
	struct resolve_query *query;
	uint32_t count;
	struct elb_register_one {
		char id[CONFIG_NAME_MAX + 1];
		struct config_address address;
	} list[ELB_REGISTER_MAX];
};

static void elb_register_end(void *own)
{
	struct elb_register *all = own;

	if (all->query != NULL)
		resolve_cancel(all->query);
	free(all);
}

static int elb_register_run(void *arg, struct config_tree *tree, const struct config *config,
			    struct config_reason *reason)
{
	const struct elb_register *all = arg;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < all->count; i++)
		err = elb_register(tree, config, all->call->request.instance, all->list[i].id,
				   &all->list[i].address, reason);
	return err;
}

static const struct config_id *elb_register_known(const struct config *config, const char *id)
{
	for (uint32_t i = 0; i < config->id_count; i++)
		if (strcmp(config->ids[i].name, id) == 0)
			return &config->ids[i];
	return NULL;
}

/* Return: whether to go on at once; if not, an answer will do that, or the call has ended. */
static bool elb_register_one(struct elb_register *all);

static void elb_register_go(struct elb_register *all)
{
	const struct control_edit edit = { elb_register_run, all };

	while (all->rest[0] != '\0')
		if (!elb_register_one(all))
			return;
	control_elb_edit(all->call, &edit);
}

static void elb_register_refuse(struct elb_register *all, const char *id, const char *domain,
				const char *why)
{
	if (domain == NULL)
		control_call_refuse(all->call, CONTROL_CODE_UNKNOWN, NULL,
				    "InvalidInstance: %s: not in instances, and there is no "
				    "node.instance_domain",
				    id);
	else
		control_call_refuse(all->call, CONTROL_CODE_UNKNOWN, NULL,
				    "InvalidInstance: %s: not in instances, and %s.%s: %s", id, id,
				    domain, why);
}

static void elb_register_on_address(void *arg, const struct config_address *address,
				    const char *why)
{
	struct elb_register *all = arg;
	const struct control_daemon *daemon = all->call->ops_arg;
	struct elb_register_one *one = &all->list[all->count];

	all->query = NULL;
	if (address == NULL) {
		const char *domain = model_config(daemon->model)->node.instance_domain;

		elb_register_refuse(all, one->id, domain != NULL ? domain : "", why);
		return;
	}
	one->address = *address;
	all->count++;
	elb_register_go(all);
}

static bool elb_register_look_up(struct elb_register *all, const char *domain)
{
	const struct control_daemon *daemon = all->call->ops_arg;
	char name[CONFIG_NAME_MAX + CONFIG_DOMAIN_MAX + 2];

	snprintf(name, sizeof(name), "%s.%s", all->list[all->count].id, domain);
	all->query = resolve_start(daemon->resolve, name, elb_register_on_address, all);
	if (all->query == NULL)
		control_call_done(all->call, NULL);
	return false;
}

static bool elb_register_one(struct elb_register *all)
{
	const struct control_daemon *daemon = all->call->ops_arg;
	const struct config *config = model_config(daemon->model);
	struct elb_register_one *one = &all->list[all->count];
	struct config_reason reason = { "" };
	const struct config_id *known;

	if (all->count == ELB_REGISTER_MAX) {
		control_call_refuse(all->call, CONTROL_CODE_REQUEST, NULL,
				    "expected at most %d instances", ELB_REGISTER_MAX);
		return false;
	}
	control_elb_next(&all->rest, one->id);
	if (config_field_check_name(one->id, &reason) != 0) {
		control_call_refuse(all->call, CONTROL_CODE_UNKNOWN, NULL,
				    "InvalidInstance: \"%s\": %s", one->id, reason.text);
		return false;
	}
	known = elb_register_known(config, one->id);
	if (known != NULL) {
		one->address = known->address;
		all->count++;
		return true;
	}
	if (config->node.instance_domain != NULL)
		return elb_register_look_up(all, config->node.instance_domain);
	elb_register_refuse(all, one->id, NULL, NULL);
	return false;
}

static void elb_register_on_timer(struct control_call *call)
{
	const struct elb_register *all = call->own;

	control_call_progress(call, json_pack("{s:i}", "looked_up", (int)all->count));
	control_call_timer(call, ELB_REGISTER_ALIVE_MS);
}

void control_elb_register_run(struct control_call *call)
{
	struct elb_register *all = calloc(1, sizeof(*all));

	if (all == NULL) {
		control_call_done(call, NULL);
		return;
	}
	all->call = call;
	all->rest = control_call_value(call, "instances")->text;
	call->own = all;
	call->end = elb_register_end;
	call->on_timer = elb_register_on_timer;
	control_call_timer(call, ELB_REGISTER_ALIVE_MS);
	if (all->rest != NULL && all->rest[0] != '\0')
		elb_register_go(all);
	else
		control_call_refuse(call, CONTROL_CODE_REQUEST, NULL,
				    "%s: \"instances\" is missing", call->request.verb->name);
}
