/* SPDX-License-Identifier: BSD-3-Clause */
/* One command in progress: what its verb knows of it, and helpers for verbs. */
#ifndef CONTROLPLANE_API_CALL_H
#define CONTROLPLANE_API_CALL_H

#include <event2/event.h>
#include <sys/types.h>

#include "controlplane/api/ops.h"
#include "controlplane/api/request.h"

struct control_session;

/* How the session continues a command. Takes the JSON. */
struct control_call_ends {
	void (*progress)(struct control_session *session, json_t *line);
	void (*line)(struct control_session *session, json_t *line);
	bool (*has_room)(const struct control_session *session);
	/* The call is freed afterwards. */
	void (*done)(struct control_session *session, json_t *result);
	void (*refused)(struct control_session *session, const char *code, const char *error,
			json_t *result);
};

/* Time for the workers to take a change. A longer wait means that the dataplane is at fault. */
#define CONTROL_ACK_MS 5000

struct control_call {
	struct control_session *session;
	const struct control_call_ends *ends; /* the session's */
	const struct control_ops *ops;
	void *ops_arg;
	const char *who;
	uid_t uid; /* of the client */
	struct control_request request;
	uint64_t started_ns; /* CLOCK_MONOTONIC, when the whole request was received */
	struct event *timer; /* for the verb; not pending at first */
	void (*on_timer)(struct control_call *call);
	void (*on_published)(struct control_call *call);
	void (*on_room)(struct control_call *call); /* the client has read; NULL: of no interest */
	struct control_stream {
		uint64_t after; /* the number of the last record that was looked at */
		uint64_t skip;	/* matching records to leave out */
		uint64_t count;
		uint64_t lost;
		uint64_t said_ns; /* when the last line was sent */
		int64_t since_unix_ms;
	} stream; /* of a verb that answers with many lines */
	struct control_wait wait;
	bool waiting;	/* wait.done() was not called yet */
	json_t *result; /* so far; owned */
	/* What else the verb has; ended with the call. NULL: nothing. */
	void (*end)(void *own);
	void *own;
};

/* Cancel everything the call waits for, and free what it holds. */
void control_call_fini(struct control_call *call);

/** Send a line before the last one; dropped if the client has much output queued. Takes @line. */
void control_call_progress(struct control_call *call, json_t *line);

/** Send a line before the last one in any case: ask control_call_has_room() first. Takes @line. */
void control_call_line(struct control_call *call, json_t *line);

/** Whether the client has read enough for another line; if not, call->on_room is called later. */
bool control_call_has_room(const struct control_call *call);

/** End with a result. Takes it; NULL: no memory. The call is freed afterwards. */
void control_call_done(struct control_call *call, json_t *result);

/** End with a refusal. @result: taken; may be NULL. The call is freed afterwards. */
void control_call_refuse(struct control_call *call, const char *code, json_t *result,
			 const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Run call->on_timer once, @ms from now. */
void control_call_timer(struct control_call *call, uint32_t ms);

/** The value of one of its arguments; see control_request_value(). */
const struct control_value *control_call_value(const struct control_call *call, const char *name);

/** Who has made this call. */
void control_call_actor(const struct control_call *call, struct control_actor *actor);

/** Refuse a call whose pool or instance doesn't exist; suggest the nearest name that does. */
void control_call_refuse_unknown(struct control_call *call);

/**
 * Start waiting for the workers: call->on_published is called, or the call ends with a refusal after
 * CONTROL_ACK_MS. To be called before ops.set and ops.config_apply; undone by control_call_unwait().
 */
struct control_wait *control_call_wait(struct control_call *call,
				       void (*on_published)(struct control_call *call));
void control_call_unwait(struct control_call *call);

/**
 * Record in call->result how a publish ended: "took_us", "workers", "generation", "dataplane".
 * Return: 0; -errno, and the call has ended with a refusal.
 */
int control_call_published(struct control_call *call);

#endif
