/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/control_call.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/error.h"
#include "controlplane/control_protocol.h"

void control_call_start(struct control_call *call)
{
	switch (call->request.verb) {
	case CONTROL_PING:
		control_call_done(call, call->ops->ping(call->ops_arg));
		return;
	case CONTROL_STATUS:
		control_call_done(call, call->ops->status(call->ops_arg));
		return;
	case CONTROL_DROPS:
		control_call_done(call, call->ops->drops(call->ops_arg));
		return;
	case CONTROL_DRAIN:
	case CONTROL_MAINT:
	case CONTROL_RESUME:
		control_admin_run(call);
		return;
	case CONTROL_WEIGHT:
		control_weight_run(call);
		return;
	case CONTROL_CONFIG_DIFF:
	case CONTROL_CONFIG_APPLY:
	case CONTROL_VERBS:
		control_config_run(call);
		return;
	}
}

void control_call_fini(struct control_call *call)
{
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
	control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
			    "the workers have not confirmed the change within %d s; it is kept and "
			    "will reach them when they answer",
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
				    "the dataplane refused the change and goes on with what it "
				    "has; the log of sluiced says why");
	else if (err == -ECANCELED)
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL,
				    "sluiced ends; the change is kept for its next start");
	else
		control_call_refuse(call, CONTROL_CODE_REFUSED, NULL, "%s", strerror(-err));
	return err;
}
