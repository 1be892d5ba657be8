/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explain: where a connection goes and why; the result: see flows/answer.h. What runs is read
 * between two generations, and the result has "pending" if one is due but does not get through. With
 * "at" a configuration of the history is asked instead.
 */
#include <errno.h>
#include <string.h>

#include "config/base/clock.h"
#include "config/base/scalar.h"
#include "config/load/load.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/verb.h"
#include "controlplane/flows/answer.h"
#include "controlplane/flows/endpoint.h"
#include "controlplane/flows/query.h"
#include "controlplane/state/history.h"

#define CONTROL_EXPLAIN_LOOK_MS 5
#define CONTROL_EXPLAIN_PENDING_MS 1000 /* a generation that takes longer is not waited for */

static void control_explain_refuse(struct control_call *call, int err)
{
	if (err == -ENOTCONN)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "the dataplane is not running; explain -c FILE tells of a "
				    "configuration");
	else if (err == -ENODATA)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "the dataplane has no tables yet");
	else
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s", strerror(-err));
}

static void control_explain_end(struct control_call *call, json_t *result, const char *key,
				json_t *value)
{
	if (result == NULL || json_object_set_new(result, key, value) != 0) {
		json_decref(result);
		result = NULL;
	}
	control_call_done(call, result);
}

static bool control_explain_is_pending(const struct control_daemon *daemon)
{
	struct publish_info info;

	publish_info_get(daemon->publish, &info);
	return info.pending;
}

static void control_explain_live(struct control_call *call, const struct explain_query *query)
{
	const struct control_daemon *daemon = call->ops_arg;
	struct answer_source source = { .model = daemon->model, .is_live = true };
	struct flows_view view;
	json_t *result;
	int err = publish_view(daemon->publish, &view);

	if (err != 0) {
		control_explain_refuse(call, err);
		return;
	}
	source.view = &view;
	result = answer_connection(&source, query);
	flows_view_fini(&view);
	control_explain_end(call, result, "pending",
			    json_boolean(control_explain_is_pending(daemon)));
}

/* The history has the operator's file alone. */
static void control_explain_past(struct control_call *call, const struct explain_query *query,
				 uint32_t back)
{
	const struct control_daemon *daemon = call->ops_arg;
	const struct history_entry *entry = history_at(daemon->history, back);
	struct config_errors errors;
	struct config *config;
	json_t *result = NULL;
	uint64_t generation;
	size_t bytes;
	char *text;
	int err;

	if (entry == NULL) {
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "the history has no configuration %u back", back);
		return;
	}
	generation = entry->generation;
	err = history_text(daemon->history, generation, &text, &bytes);
	if (err != 0) {
		control_explain_refuse(call, err);
		return;
	}
	config = config_load_buffer(text, bytes, entry->file, &errors);
	explicit_bzero(text, bytes);
	free(text);
	err = config != NULL ? answer_offline(config, query, &result) : -EINVAL;
	if (err != 0)
		control_explain_refuse(call, err);
	else
		control_explain_end(call, result, "configuration",
				    json_integer((json_int_t)generation));
}

static void control_explain_go_on(struct control_call *call)
{
	const struct control_value *at = control_call_value(call, "at");
	uint64_t waited_ms = (clock_now_ns() - call->started_ns) / CLOCK_NS_PER_MS;
	char why[QUERY_WHY_MAX];
	struct explain_query query;

	if (query_parse(control_call_value(call, "client")->text,
			control_call_value(call, "vip")->text, &query, why) != 0) {
		control_call_refuse(call, CONTROL_CODE_REQUEST, NULL, "%s", why);
	} else if (at->is_given) {
		control_explain_past(call, &query, at->number);
	} else if (control_explain_is_pending(call->ops_arg) &&
		   waited_ms < CONTROL_EXPLAIN_PENDING_MS) {
		call->on_timer = control_explain_go_on;
		control_call_timer(call, CONTROL_EXPLAIN_LOOK_MS);
	} else {
		control_explain_live(call, &query);
	}
}

/* "POOL/INSTANCE", "POOL/INSTANCE:PORT" or "ADDRESS:PORT". Return: 0; the call has ended if not. */
static int control_explain_read_reverse(struct control_call *call, struct reverse_query *query)
{
	const struct control_daemon *daemon = call->ops_arg;
	const char *text = control_call_value(call, "reverse")->text;
	const char *colon = strrchr(text, ':');
	const struct model_instance *instance;
	char path[MODEL_PATH_MAX + 8];
	uint32_t port = 0;

	*query = (struct reverse_query){ .instance = LB_INSTANCE_NONE };
	if (endpoint_parse(text, &query->source, &query->port) == 0 && query->port != 0)
		return 0;
	query->source.family = 0;
	snprintf(path, sizeof(path), "%.*s",
		 colon != NULL ? (int)(colon - text) : (int)strlen(text), text);
	instance = model_instance_find(daemon->model, path);
	if (instance == NULL || (colon != NULL && (config_scalar_number(colon + 1, &port) != 0 ||
						   port == 0 || port > UINT16_MAX))) {
		control_call_refuse(call, CONTROL_CODE_REQUEST, NULL,
				    "\"%s\": expected POOL/INSTANCE or POOL/INSTANCE:PORT, or the "
				    "ADDRESS:PORT that an instance sees",
				    text);
		return -EINVAL;
	}
	query->instance = instance->index;
	query->port = (uint16_t)port;
	return 0;
}

static void control_explain_reverse(struct control_call *call)
{
	const struct control_daemon *daemon = call->ops_arg;
	struct answer_source source = { .model = daemon->model, .is_live = true };
	struct reverse_query query;
	struct flows_view view;
	int err;

	if (control_explain_read_reverse(call, &query) != 0)
		return;
	err = publish_view(daemon->publish, &view);
	if (err != 0) {
		control_explain_refuse(call, err);
		return;
	}
	source.view = &view;
	if (view.nat.params == NULL)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "no service is nat here: an instance sees its clients "
				    "themselves");
	else
		control_call_done(call, answer_reverse(&source, &query));
	flows_view_fini(&view);
}

void control_explain_run(struct control_call *call)
{
	if (control_call_value(call, "reverse")->is_given)
		control_explain_reverse(call);
	else if (!control_call_value(call, "client")->is_given)
		control_call_refuse(call, CONTROL_CODE_REQUEST, NULL,
				    "explain: \"client\" and \"vip\", or \"reverse\", are missing");
	else
		control_explain_go_on(call);
}
