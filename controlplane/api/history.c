/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * history, config-confirm and config-rollback. A rollback is an apply of an old text, with the same
 * result; "back" counts from the configuration in force, 1: the one before.
 */
#include <errno.h>
#include <string.h>

#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/verb.h"
#include "controlplane/state/history.h"

static json_t *control_history_text(const char *text)
{
	json_t *value = text[0] != '\0' ? json_string(text) : NULL;

	return value != NULL ? value : json_null();
}

static json_t *control_history_entry(const struct history_entry *entry, uint32_t back)
{
	return json_pack("{s:i, s:I, s:I, s:s, s:o, s:o, s:I}", "back", (int)back, "generation",
			 (json_int_t)entry->generation, "time", (json_int_t)entry->time_unix, "how",
			 entry->how, "who", control_history_text(entry->who), "file",
			 control_history_text(entry->file), "bytes", (json_int_t)entry->bytes);
}

void control_history_run(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct history_entry *entry;
	json_t *list = json_array();
	int64_t left_ms = daemon->ops->left_ms(daemon->ops_arg);
	uint64_t generation = daemon->ops->generation(daemon->ops_arg);
	uint32_t back = history_before(daemon->history, generation, 0) != NULL ? 0 : 1;

	for (; (entry = history_before(daemon->history, generation, back)) != NULL; back++)
		json_array_append_new(list, control_history_entry(entry, back));
	control_call_done(call, json_pack("{s:I, s:o, s:o}", "generation", (json_int_t)generation,
					  "unconfirmed_ms",
					  left_ms < 0 ? json_null() : json_integer(left_ms),
					  "configurations", list));
}

void control_config_confirm_run(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	struct control_actor actor;
	int err;

	control_call_actor(call, &actor);
	err = daemon->ops->confirm(daemon->ops_arg, &actor);
	if (err == -ENOENT)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "no configuration waits for its confirmation");
	else if (err != 0)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "cannot be stored: %s; it still waits", strerror(-err));
	else
		control_call_done(call,
				  json_pack("{s:I}", "generation",
					    (json_int_t)daemon->ops->generation(daemon->ops_arg)));
}
