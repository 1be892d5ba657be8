/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config-show: the configuration in force, merged from its files. The result: "files" (their names),
 * "lines", each with "text", "file" (index into "files") and "line" of what it comes from.
 */
#include "config/load/tree.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/verb.h"

static void control_show_line(void *arg, const char *line, struct config_place place)
{
	json_array_append_new(arg, json_pack("{s:s, s:i, s:i}", "text", line, "file",
					     (int)place.file, "line", (int)place.line));
}

/* Return: NULL: out of memory. */
static struct config_tree *control_show_tree(const struct config *config)
{
	struct config_errors errors;
	struct config_tree *commands = NULL, *tree;

	tree = config_tree_parse(config->text, config->bytes, CONFIG_FILE_OWN, &errors);
	if (tree != NULL && config->commands_text != NULL) {
		commands = config_tree_parse(config->commands_text, config->commands_bytes,
					     CONFIG_FILE_COMMANDS, &errors);
		if (commands == NULL) {
			config_tree_free(tree);
			return NULL;
		}
		config_tree_merge(tree, commands);
	}
	if (tree == NULL || config_tree_hide_secrets(tree) == 0)
		return tree;
	config_tree_free(tree);
	return NULL;
}

void control_config_show_run(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct config *config = model_config(daemon->model);
	struct config_tree *tree = control_show_tree(config);
	json_t *lines = json_array();

	if (tree == NULL || config_tree_lines(tree, control_show_line, lines) != 0) {
		config_tree_free(tree);
		json_decref(lines);
		control_call_done(call, NULL);
		return;
	}
	config_tree_free(tree);
	call->result = json_pack("{s:[s], s:o}", "files", config->file, "lines", lines);
	if (config->commands_file != NULL)
		json_array_append_new(json_object_get(call->result, "files"),
				      json_string(config->commands_file));
	control_call_done(call, json_incref(call->result));
}
