/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"
#include "config/load/last_good.h"
#include "config/load/load.h"
#include "config/load/tree.h"
#include "controlplane/api/plan.h"
#include "controlplane/model/model.h"
#include "controlplane/state/file.h"
#include "controlplane/versions.h"

static const char commands_empty[] = "pools: {}\nservices: {}\n";

static const char commands_head[] =
	"# Written by sluiced for the commands elb-create-lb and so on; merged with its configuration.\n"
	"# Comments are not kept.\n";

static int commands_refuse(struct control_refusal *refusal, const char *what, int err)
{
	snprintf(refusal->reason, sizeof(refusal->reason), "%.200s: %s; nothing has changed", what,
		 strerror(-err));
	return err;
}

/* Return: 0 and a text, to be freed; -errno and a refusal. */
static int commands_read(const struct sluiced *sluiced, char **text, size_t *size,
			 struct control_refusal *refusal)
{
	int err = state_file_read(sluiced->state_dir, CONFIG_COMMANDS_NAME, text, size);

	if (err == -ENOENT) {
		*text = strdup(commands_empty);
		*size = strlen(commands_empty);
		err = *text ? 0 : -ENOMEM;
	}
	return err ? commands_refuse(refusal, sluiced->commands_path, err) : 0;
}

/* With the operator's file as it is in force: editing it applies nothing. */
static struct config *commands_load(const struct sluiced *sluiced, const char *text, size_t size,
				    struct config_errors *errors)
{
	const struct config *in_force = model_config(sluiced->model);
	const struct config_part own = { in_force->file, in_force->text, in_force->bytes };
	const struct config_part commands = { sluiced->commands_path, text, size };

	return config_load_parts(&own, &commands, errors);
}

/* An error in a text that was never written has no place. */
static void commands_refuse_result(const struct config_errors *errors,
				   struct control_refusal *refusal)
{
	const struct config_error *error = &errors->list[0];
	char line[1024] = "";

	if (errors->count == 0)
		snprintf(refusal->reason, sizeof(refusal->reason), "%s", strerror(ENOMEM));
	else if (error->place.file != CONFIG_FILE_COMMANDS)
		control_plan_errors(errors, refusal);
	else
		snprintf(line, sizeof(line), "%s%s%s%s%s%s", error->key, error->key[0] ? ": " : "",
			 error->has_value ? "\"" : "", error->value, error->has_value ? "\": " : "",
			 error->message);
	if (line[0])
		snprintf(refusal->reason, sizeof(refusal->reason), "%.*s", CONTROL_REASON_MAX - 1,
			 line);
}

/* Return: a descriptor of the new file, synced, or -errno. */
static int commands_prepare(const struct sluiced *sluiced, const char *text, size_t size)
{
	int fd = state_file_prepare(sluiced->state_dir, CONFIG_COMMANDS_NAME, text, size);
	int err;

	if (fd < 0)
		return fd;
	sluiced_share(sluiced, fd);
	if (fsync(fd) == 0)
		return fd;
	err = -errno;
	state_file_abort(sluiced->state_dir, CONFIG_COMMANDS_NAME, fd);
	return err;
}

static int commands_apply(struct sluiced *sluiced, struct config *config,
			  struct control_refusal *refusal)
{
	struct control_apply_refusal why = { .key_count = 0 };
	int err = sluiced_apply(sluiced, config, true, &why);

	if (err)
		snprintf(refusal->reason, sizeof(refusal->reason), "%s", why.message);
	return err;
}

/*
 * The new file is on disk before the change is applied, and gets its name last: what can fail comes first.
 * Takes @next, which is in force then, also if the name fails.
 */
static int commands_commit(struct sluiced *sluiced, struct config *next, const char *text,
			   size_t size, struct control_refusal *refusal)
{
	int err, fd = commands_prepare(sluiced, text, size);

	if (fd < 0) {
		config_free(next);
		return commands_refuse(refusal, sluiced->commands_path, fd);
	}
	err = commands_apply(sluiced, next, refusal);
	if (err) {
		config_free(next);
		state_file_abort(sluiced->state_dir, CONFIG_COMMANDS_NAME, fd);
		return err;
	}
	err = state_file_commit(sluiced->state_dir, CONFIG_COMMANDS_NAME, fd);
	return err ? commands_refuse(refusal, sluiced->commands_path, err) : 0;
}

/* Return: 0; -errno and a refusal. @after: set to the new text, to be freed; NULL: no change. */
static int commands_rewrite(const struct control_edit *edit, const struct config *config,
			    const char *text, size_t size, char **after, size_t *after_size,
			    struct control_refusal *refusal)
{
	struct config_errors errors;
	struct config_reason reason = { "" };
	struct config_tree *tree = config_tree_parse(text, size, CONFIG_FILE_COMMANDS, &errors);
	char *before = tree ? config_tree_write(tree, commands_head, after_size) : NULL;
	int err = before ? edit->run(edit->arg, tree, config, &reason) : -ENOMEM;

	*after = err ? NULL : config_tree_write(tree, commands_head, after_size);
	if (err == 0 && !*after)
		err = -ENOMEM;
	if (err)
		snprintf(refusal->reason, sizeof(refusal->reason), "%s",
			 reason.text[0] ? reason.text : strerror(-err));
	if (err == 0 && strcmp(before, *after) == 0) {
		free(*after);
		*after = NULL;
	}
	free(before);
	config_tree_free(tree);
	return err;
}

/* It may clash with the configuration that a trial returns to. */
static int commands_refuse_trial(const struct sluiced *sluiced, struct control_refusal *refusal)
{
	snprintf(refusal->reason, sizeof(refusal->reason),
		 "configuration %" PRIu64 " waits for its confirmation: sluicectl config confirm, "
		 "or config rollback; nothing has changed",
		 versions_generation(sluiced->versions));
	return -EBUSY;
}

static int commands_change(struct sluiced *sluiced, struct config **before, const char *text,
			   size_t size, struct control_refusal *refusal)
{
	struct config_errors errors;
	struct config *next;
	struct control_refusal undo = { 0 };
	int err;

	if (versions_left_ms(sluiced->versions) >= 0)
		return commands_refuse_trial(sluiced, refusal);
	next = commands_load(sluiced, text, size, &errors);
	if (!next) {
		commands_refuse_result(&errors, refusal);
		return -EINVAL;
	}
	err = commands_commit(sluiced, next, text, size, refusal);
	if (err == 0 || model_config(sluiced->model) != next)
		return err;
	/* Only the name is missing: back to what the file still says. */
	if (commands_apply(sluiced, *before, &undo) == 0)
		*before = NULL;
	else
		log_err("%s: the change is in force until the next start: %s",
			sluiced->commands_path, undo.reason);
	return err;
}

int commands_edit(struct sluiced *sluiced, const struct control_edit *edit, bool *changed,
		  struct control_refusal *refusal)
{
	struct config_errors errors;
	struct config *before = NULL;
	char *text = NULL, *after = NULL;
	size_t size = 0, after_size = 0;
	int err = commands_read(sluiced, &text, &size, refusal);

	*changed = false;
	if (err == 0) {
		before = commands_load(sluiced, text, size, &errors);
		err = before ? 0 : -errno;
		if (err)
			control_plan_errors(&errors, refusal);
	}
	if (err == 0)
		err = commands_rewrite(edit, before, text, size, &after, &after_size, refusal);
	if (err == 0 && after)
		err = commands_change(sluiced, &before, after, after_size, refusal);
	if (err == 0 && after) {
		*changed = true;
		sluiced_commands_accepted(sluiced);
	}
	config_free(before);
	free(after);
	free(text);
	return err;
}
