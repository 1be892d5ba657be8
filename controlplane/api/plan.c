/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/plan.h"
#include "config/load/load.h"
#include "config/schema/diff.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/api/daemon.h"
#include "controlplane/api/stats.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/publish.h"
#include "controlplane/state/history.h"

#define CONTROL_CHANGES_MAX 1000

struct control_changes {
	json_t *list;
	uint32_t more;
};

static void __attribute__((format(printf, 2, 3)))
control_plan_refuse(struct control_refusal *refusal, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(refusal->reason, sizeof(refusal->reason), format, arguments);
	va_end(arguments);
}

void control_plan_errors(const struct config_errors *errors, struct control_refusal *refusal)
{
	uint32_t count = errors->count + errors->more;
	json_t *list = json_array();
	char line[1024];

	for (uint32_t i = 0; list != NULL && i < errors->count; i++) {
		config_error_format(errors, i, line, sizeof(line));
		json_array_append_new(list, json_string(line));
	}
	refusal->details =
		json_pack("{s:o, s:i}", "errors", list, "errors_more", (int)errors->more);
	control_plan_refuse(refusal, "%s is refused: %u error%s",
			    config_errors_file(errors, errors->list[0].place.file), count,
			    count == 1 ? "" : "s");
}

static struct config *control_plan_load(const struct control_daemon *daemon,
					const struct control_config *from,
					struct control_refusal *refusal)
{
	const struct config_part own = { from->name, from->text, from->bytes };
	struct config_errors errors = { 0 };
	struct config *config;

	config = from->name == NULL
			 ? config_load_files(daemon->config_path, daemon->commands_path, &errors)
			 : config_load_beside(&own, daemon->commands_path, &errors);
	if (config != NULL)
		return config;
	if (errors.count > 0)
		control_plan_errors(&errors, refusal);
	else
		control_plan_refuse(refusal, "%s: %s",
				    from->name != NULL ? from->name : daemon->config_path,
				    strerror(errno));
	return NULL;
}

static const char *control_plan_kind_name(enum config_change_kind kind)
{
	return kind == CONFIG_CHANGE_ADDED     ? "added"
	       : kind == CONFIG_CHANGE_REMOVED ? "removed"
					       : "changed";
}

static void control_plan_on_change(const struct config_change *change, void *context)
{
	struct control_changes *changes = context;

	if (json_array_size(changes->list) >= CONTROL_CHANGES_MAX) {
		changes->more++;
		return;
	}
	json_array_append_new(changes->list,
			      json_pack("{s:s, s:s, s:s?, s:s?, s:b}", "kind",
					control_plan_kind_name(change->kind), "key", change->key,
					"before", change->before, "after", change->after,
					"reloadable", change->reloadable));
}

static uint64_t control_plan_flows(void *arg, uint32_t index)
{
	const struct control_daemon *daemon = arg;
	struct stats_instance figures;

	stats_instance_get(daemon->stats, index, &figures);
	return figures.flows;
}

static json_t *control_plan_figures(const struct model_plan *plan)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "changes",
			 (int)plan->keys.changes, "restarts", (int)plan->keys.restarts,
			 "instances_added", (int)plan->instances_added, "instances_removed",
			 (int)plan->instances_removed, "slots", (int)plan->slots, "slots_changed",
			 (int)plan->slots_changed, "flows", (json_int_t)plan->flows,
			 "flows_rehashed", (json_int_t)plan->flows_rehashed, "flows_moved",
			 (json_int_t)plan->flows_moved, "flows_drained",
			 (json_int_t)plan->flows_drained);
}

/* Clients send the file's real path. */
static bool control_plan_is_own(const struct control_daemon *daemon, const char *file)
{
	char *path = realpath(daemon->config_path, NULL);
	bool own =
		strcmp(file, daemon->config_path) == 0 || (path != NULL && strcmp(file, path) == 0);

	free(path);
	return own;
}

/* The result, built before the configuration is applied. */
static json_t *control_plan_result(struct control_daemon *daemon, const struct control_config *from,
				   const struct config *config)
{
	const struct config *before = model_config(daemon->model);
	struct control_changes changes = { .list = json_array() };
	const char *file = from->name != NULL ? from->name : daemon->config_path;
	struct model_plan plan;
	char much[96];
	json_t *name;

	if (changes.list == NULL ||
	    model_plan(daemon->model, config, control_plan_flows, daemon, &plan) != 0) {
		json_decref(changes.list);
		return NULL;
	}
	if (!config_has_nat(before) &&
	    model_nat_lacks_memory(config, publish_segment(daemon->publish)))
		plan.keys.restarts++;
	config_diff(before, config, control_plan_on_change, &changes);
	name = json_string(file);
	return json_pack("{s:o, s:b, s:b, s:o, s:i, s:o}", "file",
			 name != NULL ? name : json_null(), "own_file",
			 control_plan_is_own(daemon, file), "needs_force",
			 config_removes_much(before, config, much, sizeof(much)), "changes",
			 changes.list, "changes_more", (int)changes.more, "plan",
			 control_plan_figures(&plan));
}

json_t *control_plan_diff(struct control_daemon *daemon, const struct control_config *from,
			  struct control_refusal *refusal)
{
	struct config *config = control_plan_load(daemon, from, refusal);
	json_t *result;

	if (config == NULL)
		return NULL;
	result = control_plan_result(daemon, from, config);
	config_free(config);
	if (result == NULL)
		control_plan_refuse(refusal, "%s", strerror(ENOMEM));
	return result;
}

static void control_plan_refused(int err, const struct control_apply_refusal *why,
				 struct control_refusal *refusal)
{
	uint32_t listed = why->key_count < CONTROL_KEYS_MAX ? why->key_count : CONTROL_KEYS_MAX;
	json_t *keys = json_array();

	control_plan_refuse(refusal, "%s", why->message);
	for (uint32_t i = 0; keys != NULL && i < listed; i++)
		json_array_append_new(keys, json_string(why->keys[i]));
	refusal->details = json_pack("{s:o, s:b}", "restart", keys, "force", err == -ECANCELED);
}

/* The first error, or else the refusal's line. */
static const char *control_plan_why(const struct control_refusal *refusal)
{
	const json_t *errors = json_object_get(refusal->details, "errors");
	const char *first = json_string_value(json_array_get(errors, 0));

	return first != NULL ? first : refusal->reason;
}

static int control_plan_fail(const struct control_daemon *daemon, const struct control_config *from,
			     bool own, int err, const char *why)
{
	daemon->ops->refused(daemon->ops_arg, from->actor,
			     from->name != NULL ? from->name : daemon->config_path,
			     own && err != -EBUSY, why);
	return err;
}

/* @from: with its text. */
static int control_plan_put(struct control_daemon *daemon, const struct control_config *from,
			    json_t **result, struct control_refusal *refusal)
{
	struct config *config = control_plan_load(daemon, from, refusal);
	bool own = from->name == NULL || control_plan_is_own(daemon, from->name);
	const struct control_apply request = {
		.how = from->is_rollback ? "rollback" : "apply",
		.actor = from->actor,
		.force = from->force,
		.is_own = own && !from->is_rollback,
		.is_rollback = from->is_rollback,
		.confirm_ms = from->confirm_ms,
	};
	struct control_apply_refusal why = { 0 };
	json_t *planned;
	int err;

	if (config == NULL)
		return control_plan_fail(daemon, from, request.is_own, -EINVAL,
					 control_plan_why(refusal));
	planned = control_plan_result(daemon, from, config);
	if (planned == NULL) {
		control_plan_refuse(refusal, "%s", strerror(ENOMEM));
		config_free(config);
		return -ENOMEM;
	}
	err = daemon->ops->apply(daemon->ops_arg, config, &request, &why);
	if (err != 0) {
		control_plan_refused(err, &why, refusal);
		json_decref(planned);
		config_free(config);
		return control_plan_fail(daemon, from, request.is_own, err, why.message);
	}
	if (request.is_own)
		daemon->ops->accepted(daemon->ops_arg);
	json_object_set_new(planned, "configuration",
			    json_integer((json_int_t)daemon->ops->generation(daemon->ops_arg)));
	*result = planned;
	return 0;
}

static int control_plan_rollback(struct control_daemon *daemon, const struct control_config *from,
				 json_t **result, struct control_refusal *refusal)
{
	const struct history_entry *entry = history_before(
		daemon->history, daemon->ops->generation(daemon->ops_arg), from->back);
	struct control_config old = *from;
	char *text = NULL, file[PATH_MAX];
	int err = -ENOENT;

	if (entry != NULL)
		err = history_text(daemon->history, entry->generation, &text, &old.bytes);
	if (err != 0) {
		control_plan_refuse(refusal, "there is no configuration %u back: %s", from->back,
				    entry != NULL ? strerror(-err) : "see sluicectl history");
		return err;
	}
	/* The entry may be evicted by the one that is added. */
	snprintf(file, sizeof(file), "%s", entry->file);
	old.name = file;
	old.text = text;
	err = control_plan_put(daemon, &old, result, refusal);
	explicit_bzero(text, old.bytes);
	free(text);
	return err;
}

int control_plan_apply(struct control_daemon *daemon, const struct control_config *from,
		       json_t **result, struct control_refusal *refusal)
{
	return from->is_rollback ? control_plan_rollback(daemon, from, result, refusal)
				 : control_plan_put(daemon, from, result, refusal);
}
