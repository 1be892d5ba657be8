/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/ops_model.h"
#include "config/schema/diff.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config/base/log.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/plan.h"
#include "controlplane/api/server.h"
#include "controlplane/api/stats.h"
#include "controlplane/api/verbs.h"
#include "controlplane/elb/resolve.h"
#include "controlplane/events/events.h"
#include "controlplane/health/flaps.h"
#include "controlplane/state/state.h"

static const char *control_model_pool_name(void *arg, uint32_t pool)
{
	const struct control_daemon *daemon = arg;

	return pool < model_pool_count(daemon->model) ? model_pool_at(daemon->model, pool)->name
						      : NULL;
}

static const char *control_model_instance_name(void *arg, uint32_t pool, uint32_t instance)
{
	const struct control_daemon *daemon = arg;
	const struct model_pool *in = model_pool_at(daemon->model, pool);

	return instance < in->instance_count ? in->instances[instance]->name : NULL;
}

static int control_model_get(void *arg, const char *path, struct control_instance *out)
{
	const struct control_daemon *daemon = arg;
	const struct model_instance *instance = model_instance_find(daemon->model, path);
	struct stats_instance figures;

	if (instance == NULL)
		return -ENOENT;
	stats_instance_get(daemon->stats, instance->index, &figures);
	*out = (struct control_instance){
		.admin = instance->admin,
		.weight = instance->weight,
		.config_weight = instance->config_weight,
		.weight_set = instance->weight_set,
		.flows_known = publish_segment(daemon->publish) != NULL,
		.flows = figures.flows,
		.serves = instance->serves,
	};
	out->workers = stats_instance_workers(daemon->stats, instance->index, out->worker,
					      CONTROL_WORKERS_MAX);
	return 0;
}

/* ---- Changes ---- */

static void control_model_on_published(void *arg, const struct publish_result *result)
{
	struct control_wait *wait = arg;

	wait->handle = NULL;
	wait->result = *result;
	wait->finished = true;
	if (!wait->held)
		wait->done(wait);
}

/* Send what the model has marked. The answer is held back until control_model_release(). */
static void control_model_send(struct control_daemon *daemon, enum publish_scope scope,
			       struct control_wait *wait)
{
	struct publish_wait *handle;

	wait->held = true;
	handle = publish_wait_start(daemon->publish, scope, wait->started_ns,
				    control_model_on_published, wait);
	wait->handle = wait->finished ? NULL : handle;
}

static void control_model_release(struct control_wait *wait)
{
	wait->held = false;
	if (wait->finished)
		wait->done(wait);
}

static void control_model_cancel(void *arg, struct control_wait *wait)
{
	(void)arg;
	publish_wait_cancel(wait->handle);
	wait->handle = NULL;
}

static void control_model_change(struct control_daemon *daemon, struct model_instance *instance,
				 const struct control_change *change)
{
	if (change->set_admin)
		model_admin_set(daemon->model, instance, change->admin);
	if (change->set_weight)
		model_weight_set(daemon->model, instance, change->weight, change->by_operator);
}

static struct state_entry control_model_entry(const struct model_instance *instance,
					      const struct control_change *change)
{
	struct state_entry entry = {
		.admin = instance->admin,
		.weight_set = instance->weight_set,
		.weight = instance->weight_set ? instance->weight : 0,
	};

	if (change->set_admin)
		entry.admin = change->admin;
	if (change->set_weight) {
		entry.weight_set = change->by_operator;
		entry.weight = change->by_operator ? change->weight : 0;
	}
	return entry;
}

static bool control_model_is_kept(const struct control_daemon *daemon, const char *path,
				  const struct state_entry *entry)
{
	struct state_entry kept;

	state_get(daemon->state, path, &kept);
	return kept.admin == entry->admin && kept.weight_set == entry->weight_set &&
	       (!kept.weight_set || kept.weight == entry->weight);
}

static int control_model_refuse(const struct control_daemon *daemon, int err,
				char reason[CONTROL_REASON_MAX])
{
	snprintf(reason, CONTROL_REASON_MAX, "cannot write %s: %s; nothing has changed",
		 state_path(daemon->state), err == -E2BIG ? "too many entries" : strerror(-err));
	return err;
}

/*
 * A drain only keeps new flows away, and undoing it is harmless. So it takes effect before the disk
 * write completes, and the operator gets the answer after.
 */
static int control_model_drain(struct control_daemon *daemon, struct model_instance *instance,
			       const struct state_entry *entry, struct control_wait *wait)
{
	int err;

	model_admin_set(daemon->model, instance, MODEL_DRAIN);
	control_model_send(daemon, PUBLISH_INSTANCES, wait);
	/* The dataplane's main thread may share this CPU: let it run before the disk write. */
	sched_yield();
	err = state_set(daemon->state, instance->path, entry);
	if (err != 0) {
		control_model_cancel(daemon, wait);
		model_admin_set(daemon->model, instance, MODEL_READY);
	}
	return err;
}

/* All other changes are written to disk first. */
static int control_model_keep(struct control_daemon *daemon, struct model_instance *instance,
			      const struct control_change *change, const struct state_entry *entry,
			      struct control_wait *wait)
{
	bool out = change->set_admin && change->admin != MODEL_READY;
	int err = 0;

	if (!control_model_is_kept(daemon, instance->path, entry))
		err = state_set(daemon->state, instance->path, entry);
	if (err != 0)
		return err;
	control_model_change(daemon, instance, change);
	control_model_send(daemon, out ? PUBLISH_INSTANCES : PUBLISH_ALL, wait);
	return 0;
}

/* What an operator has changed; @before: the instance as it was. */
static void control_model_note(struct control_daemon *daemon, const char *path,
			       const struct control_change *change,
			       const struct model_instance *before,
			       const struct model_instance *now)
{
	struct events_change event = {
		.object = path,
		.cause = change->actor->cause,
		.who = change->actor->who,
		.flows = EVENTS_FLOWS_ASK,
	};
	char from[16], to[16];

	if (before->admin != now->admin) {
		event.what = "admin";
		event.from = model_admin_name(before->admin);
		event.to = model_admin_name(now->admin);
		events_add(daemon->events, &event);
	}
	if (before->weight == now->weight && before->weight_set == now->weight_set)
		return;
	snprintf(from, sizeof(from), "%u", before->weight);
	snprintf(to, sizeof(to), "%u", now->weight);
	event.what = "weight";
	event.from = from;
	event.to = to;
	events_add(daemon->events, &event);
}

static int control_model_set(void *arg, const char *path, const struct control_change *change,
			     struct control_wait *wait, char reason[CONTROL_REASON_MAX])
{
	struct control_daemon *daemon = arg;
	struct model_instance *instance = model_instance_find(daemon->model, path);
	struct model_instance before;
	struct state_entry entry;
	int err;

	if (instance == NULL) {
		snprintf(reason, CONTROL_REASON_MAX, "there is no %s", path);
		return -ENOENT;
	}
	before = *instance;
	entry = control_model_entry(instance, change);
	if (change->set_admin && change->admin == MODEL_DRAIN && instance->admin == MODEL_READY)
		err = control_model_drain(daemon, instance, &entry, wait);
	else
		err = control_model_keep(daemon, instance, change, &entry, wait);
	if (err != 0)
		return control_model_refuse(daemon, err, reason);
	control_model_note(daemon, path, change, &before, instance);
	if (change->set_admin && change->admin == MODEL_READY && daemon->flaps != NULL)
		flaps_resume(daemon->flaps, instance, change->actor->who);
	control_model_release(wait);
	return 0;
}

/* ---- Configurations ---- */

static int control_model_config_apply(void *arg, const struct control_config *config,
				      struct control_wait *wait, json_t **result,
				      struct control_refusal *refusal)
{
	struct control_daemon *daemon = arg;
	int err = control_plan_apply(daemon, config, result, refusal);

	if (err != 0)
		return err;
	control_model_send(daemon, PUBLISH_ALL, wait);
	control_model_release(wait);
	return 0;
}

static int control_model_edit(void *arg, const struct control_edit *edit, struct control_wait *wait,
			      bool *changed, struct control_refusal *refusal)
{
	struct control_daemon *daemon = arg;
	int err = daemon->ops->edit(daemon->ops_arg, edit, changed, refusal);

	if (err != 0 || !*changed)
		return err;
	control_model_send(daemon, PUBLISH_ALL, wait);
	control_model_release(wait);
	return 0;
}

static json_t *control_model_config_diff(void *arg, const struct control_config *config,
					 struct control_refusal *refusal)
{
	return control_plan_diff(arg, config, refusal);
}

static const struct control_ops control_model_ops = {
	.pool_name = control_model_pool_name,
	.instance_name = control_model_instance_name,
	.get = control_model_get,
	.set = control_model_set,
	.cancel = control_model_cancel,
	.config_diff = control_model_config_diff,
	.config_apply = control_model_config_apply,
	.edit = control_model_edit,
};

/* ---- Start and stop ---- */

static bool control_model_is_known(void *arg, const char *path)
{
	const struct control_daemon *daemon = arg;

	return model_instance_find(daemon->model, path) != NULL;
}

int control_model_start(struct control_daemon *daemon)
{
	const struct config *config = model_config(daemon->model);
	const struct control_options options = {
		.base = daemon->base,
		.dir = daemon->run_dir,
		.group = config != NULL ? config->node.control_group : NULL,
		.verbs = control_verbs,
		.ops = &control_model_ops,
		.ops_arg = daemon,
	};

	state_set_known(daemon->state, control_model_is_known, daemon);
	daemon->resolve = resolve_create(daemon->base, RESOLVE_CONF);
	if (daemon->resolve == NULL)
		return -errno;
	daemon->control = control_create(&options);
	if (daemon->control != NULL)
		return 0;
	resolve_destroy(daemon->resolve);
	return -errno;
}

void control_model_stop(struct control_daemon *daemon)
{
	control_destroy(daemon->control);
	daemon->control = NULL;
	resolve_destroy(daemon->resolve);
	daemon->resolve = NULL;
}

void control_model_restore(const struct state *state, struct model *model,
			   struct model_instance *instance)
{
	struct state_entry entry;

	state_get(state, instance->path, &entry);
	if (entry.admin != instance->admin) {
		log_info("%s: %s, restored", instance->path, model_admin_name(entry.admin));
		model_admin_set(model, instance, entry.admin);
	}
	if (entry.weight_set)
		model_weight_set(model, instance, entry.weight, true);
}
