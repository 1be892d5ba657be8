/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One client's side of the protocol, without its socket: bytes in, commands one at a time, bytes
 * out. Its input and its queued output are bounded. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_API_SESSION_H
#define CONTROLPLANE_API_SESSION_H

#include <event2/buffer.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "controlplane/api/ops.h"
#include "controlplane/api/verb.h"

struct control_session;
struct event_base;

/* Limits over all clients at the same time: */
#define CONTROL_LARGE_SESSIONS_MAX 4 /* sessions receiving a large line */
#define CONTROL_WAITS_MAX 48	     /* commands that may take hours */
#define CONTROL_WRITES_MAX 56	     /* those, and commands that change something or follow */
#define CONTROL_FOLLOWS_MAX 16	     /* commands that follow what happens, without an end */

/* What the sessions of all clients hold now. Commands that only read hold nothing. */
struct control_load {
	unsigned int large_sessions;
	unsigned int waits;
	unsigned int follows;
	unsigned int writes;
};

struct control_session_options {
	struct event_base *base;
	const struct control_verb *verbs; /* the last has no name; these must outlive the session */
	const struct control_ops *ops;
	void *ops_arg;
	struct evbuffer *input; /* both belong to the caller, and outlive the session */
	struct evbuffer *output;
	struct control_load *load; /* shared by all sessions */
	const char *who;	   /* for the log: "uid 0, pid 4711"; copied */
	uid_t uid;

	/** A command has ended, or with its last one the session. May destroy the session. */
	void (*changed)(void *arg);
	void *arg;
};

/** Return: NULL and errno ENOMEM. */
struct control_session *control_session_create(const struct control_session_options *options);

/* A command in progress continues, without an answer. NULL is allowed. */
void control_session_destroy(struct control_session *session);

/**
 * Continue: there is input, or output was read. Calls options.changed before it returns, which may
 * destroy the session.
 */
void control_session_run(struct control_session *session);

/** End of input: answer what was received, then the session is over. May destroy the session. */
void control_session_end_input(struct control_session *session);

/** Whether a command is in progress. */
bool control_session_busy(const struct control_session *session);

/** Whether the session reads nothing any more; the output holds the last of it. */
bool control_session_over(const struct control_session *session);

/** Bytes that the input may hold. Rises once a large line has begun. */
size_t control_session_input_max(const struct control_session *session);

/** Number of commands that have ended. */
uint64_t control_session_commands(const struct control_session *session);

#endif
