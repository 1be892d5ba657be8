/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/base/log.h"
#include "config/error.h"
#include "controlplane/api/peer.h"
#include "controlplane/api/protocol.h"

void control_call_fini(struct control_call *call)
{
	if (call->end != NULL)
		call->end(call->own);
	call->end = NULL;
	control_call_unwait(call);
	evtimer_del(call->timer);
	json_decref(call->result);
	call->result = NULL;
	control_request_fini(&call->request);
}

/* The pool's index, or -1. */
static int control_call_find_pool(const struct control_call *call, const char *name, size_t length,
				  struct config_guess *guess)
{
	const char *pool;

	for (uint32_t i = 0; (pool = call->ops->pool_name(call->ops_arg, i)) != NULL; i++) {
		if (strlen(pool) == length && memcmp(pool, name, length) == 0)
			return (int)i;
		config_guess_offer(guess, pool);
	}
	return -1;
}

void control_call_refuse_unknown(struct control_call *call)
{
	char pool[MODEL_PATH_MAX], instance[MODEL_PATH_MAX];
	const char *slash = strchr(call->request.instance, '/');
	int length = (int)(slash - call->request.instance);
	struct config_guess guess = { .word = pool };
	const char *name;
	int index;

	snprintf(pool, sizeof(pool), "%.*s", length, call->request.instance);
	snprintf(instance, sizeof(instance), "%s", slash + 1);
	index = control_call_find_pool(call, pool, (size_t)length, &guess);
	if (index < 0) {
		control_call_refuse(call, CONTROL_CODE_UNKNOWN, NULL,
				    "there is no pool \"%s\"%s%s%s", pool,
				    guess.best ? "; did you mean \"" : "",
				    guess.best ? guess.best : "", guess.best ? "\"?" : "");
		return;
	}
	guess = (struct config_guess){ .word = instance };
	for (uint32_t i = 0;
	     (name = call->ops->instance_name(call->ops_arg, (uint32_t)index, i)) != NULL; i++)
		config_guess_offer(&guess, name);
	control_call_refuse(call, CONTROL_CODE_UNKNOWN, NULL,
			    "the pool \"%s\" has no instance \"%s\"%s%s%s", pool, instance,
			    guess.best ? "; did you mean \"" : "", guess.best ? guess.best : "",
			    guess.best ? "\"?" : "");
}

static void control_call_on_wait(struct control_wait *wait)
{
	struct control_call *call =
		(struct control_call *)((char *)wait - offsetof(struct control_call, wait));

	call->waiting = false;
	evtimer_del(call->timer);
	call->on_published(call);
}

static void control_call_on_late(struct control_call *call)
{
	control_call_unwait(call);
	control_call_refuse(
		call, CONTROL_CODE_REFUSED, NULL,
		"the workers have not acknowledged the change within %d s; it is stored, and "
		"in force as soon as they do",
		CONTROL_ACK_MS / 1000);
}

struct control_wait *control_call_wait(struct control_call *call,
				       void (*on_published)(struct control_call *call))
{
	call->on_published = on_published;
	call->on_timer = control_call_on_late;
	call->waiting = true;
	call->wait = (struct control_wait){
		.started_ns = call->started_ns,
		.done = control_call_on_wait,
	};
	control_call_timer(call, CONTROL_ACK_MS);
	return &call->wait;
}

void control_call_unwait(struct control_call *call)
{
	if (call->waiting && call->wait.handle != NULL)
		call->ops->cancel(call->ops_arg, &call->wait);
	call->waiting = false;
}

int control_call_published(struct control_call *call)
{
	const struct publish_result *result = &call->wait.result;
	uint64_t took_ns =
		result->acked_ns > call->started_ns ? result->acked_ns - call->started_ns : 0;
	int err = result->status;

	if (err == -ENOTCONN)
		err = json_object_set_new(call->result, "dataplane", json_false()) ? -ENOMEM : 0;
	else if (err == 0)
		err = json_object_set_new(call->result, "dataplane", json_true()) ||
				      json_object_set_new(call->result, "took_us",
							  json_real((double)took_ns / 1000)) ||
				      json_object_set_new(call->result, "workers",
							  json_integer(result->workers)) ||
				      json_object_set_new(
					      call->result, "generation",
					      json_integer((json_int_t)result->generation))
			      ? -ENOMEM
			      : 0;
	if (err == 0)
		return 0;
	if (err == -EBADMSG)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "the dataplane refused the change and keeps its current "
				    "tables; see the log of sluiced");
	else if (err == -ECANCELED)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "sluiced is stopping; the change is stored for its next start");
	else
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s", strerror(-err));
	return err;
}

void control_call_timer(struct control_call *call, uint32_t ms)
{
	struct timeval after = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	evtimer_add(call->timer, &after);
}

void control_call_progress(struct control_call *call, json_t *line)
{
	call->ends->progress(call->session, line);
}

void control_call_line(struct control_call *call, json_t *line)
{
	call->ends->line(call->session, line);
}

bool control_call_has_room(const struct control_call *call)
{
	return call->ends->has_room(call->session);
}

void control_call_actor(const struct control_call *call, struct control_actor *actor)
{
	_Static_assert(sizeof(actor->who) == CONTROL_PEER_NAME_MAX, "a name fits");
	control_peer_name(call->uid, actor->who);
	snprintf(actor->cause, sizeof(actor->cause), "%s, %s", call->request.verb->name, call->who);
}

const struct control_value *control_call_value(const struct control_call *call, const char *name)
{
	return control_request_value(&call->request, name);
}

/* " 42" or " default" from the argument by which a command changes something; or "". */
static void control_call_log_value(const struct control_request *request, char text[16])
{
	const struct control_argument *argument = request->verb->arguments;

	text[0] = '\0';
	for (int i = 0; argument[i].name != NULL; i++) {
		const struct control_value *value = &request->values[i];

		if (argument[i].changes && value->is_word)
			snprintf(text, 16, " %s", argument[i].word);
		else if (argument[i].changes && value->is_given)
			snprintf(text, 16, " %u", value->number);
	}
}

static void control_call_log(const struct control_call *call, const char *outcome)
{
	const struct control_request *request = &call->request;
	char value[16];

	if (!request->changes)
		return;
	control_call_log_value(request, value);
	log_info("control: %s: %s%s%s%s: %s", call->who, request->verb->name,
		 request->instance[0] != '\0' ? " " : "", request->instance, value, outcome);
}

void control_call_done(struct control_call *call, json_t *result)
{
	if (result == NULL) {
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s", strerror(ENOMEM));
		return;
	}
	control_call_log(call, "done");
	call->ends->done(call->session, result);
}

void control_call_refuse(struct control_call *call, const char *code, json_t *result,
			 const char *format, ...)
{
	char error[CONTROL_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, sizeof(error), format, arguments);
	va_end(arguments);
	control_call_log(call, error);
	call->ends->refused(call->session, code, error, result);
}
