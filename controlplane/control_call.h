/* SPDX-License-Identifier: BSD-3-Clause */
/* One command under way. Shared by the session that has it and the verbs that do it. */
#ifndef CONTROLPLANE_CONTROL_CALL_H
#define CONTROLPLANE_CONTROL_CALL_H

#include <event2/event.h>

#include "controlplane/control_ops.h"
#include "controlplane/control_request.h"

struct control_session;

/* For the workers to have a change. Afterwards something is wrong with the dataplane. */
#define CONTROL_ACK_MS 5000
/* Between two looks at the flows of an instance that drains. */
#define CONTROL_FLOWS_MS 500

struct control_call {
	struct control_session *session;
	const struct control_ops *ops;
	void *ops_arg;
	const char *who;
	struct control_request request;
	uint64_t started_ns; /* CLOCK_MONOTONIC, when the whole request was there */
	struct event *timer; /* for whoever does the verb; not pending at first */
	void (*on_timer)(struct control_call *call);
	void (*on_published)(struct control_call *call);
	struct control_wait wait;
	bool waiting;	/* wait.done() is still to come */
	json_t *result; /* so far; owned */
};

/** Do a request. Ends with control_call_done() or control_call_refuse(), now or later. */
void control_call_start(struct control_call *call);

/* Forget everything that the call waits for, and what it holds. */
void control_call_fini(struct control_call *call);

/** Send a line before the last one, unless many before it wait for the client. Takes @line. */
void control_call_progress(struct control_call *call, json_t *line);

/** End with a result. Takes it; NULL: no memory. The call is gone afterwards. */
void control_call_done(struct control_call *call, json_t *result);

/** End with a refusal. @result: taken; may be NULL. The call is gone afterwards. */
void control_call_refuse(struct control_call *call, const char *code, json_t *result,
			 const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Run call->on_timer once, @ms from now. */
void control_call_timer(struct control_call *call, uint32_t ms);

/* The verbs. */
void control_admin_run(struct control_call *call);  /* drain, maint, resume */
void control_weight_run(struct control_call *call); /* weight */
void control_config_run(struct control_call *call); /* config-diff, config-apply */

/** Refuse a call whose pool or instance isn't there, with the nearest name that is. */
void control_call_refuse_unknown(struct control_call *call);

/**
 * Start waiting for the workers: call->on_published is called, or the call ends with a refusal after
 * CONTROL_ACK_MS. To be called before ops.set and ops.config_apply; undone by control_call_unwait().
 */
struct control_wait *control_call_wait(struct control_call *call,
				       void (*on_published)(struct control_call *call));
void control_call_unwait(struct control_call *call);

/**
 * Say in call->result how a publish ended: "took_us", "workers", "generation", "dataplane".
 * Return: 0; -errno, and the call has ended with a refusal.
 */
int control_call_published(struct control_call *call);

#endif
