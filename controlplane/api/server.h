/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control server: DIR/control.sock, its clients, and what they may cost. Context: the event loop's
 * thread. The process ignores SIGPIPE.
 */
#ifndef CONTROLPLANE_API_SERVER_H
#define CONTROLPLANE_API_SERVER_H

#include <stdint.h>

#include "controlplane/api/ops.h"
#include "controlplane/api/verb.h"

struct control;
struct event_base;

/* With one more, the one that has been idle for the longest time is closed: CONTROL_WRITES_MAX are not. */
#define CONTROL_CLIENTS_MAX 64

struct control_options {
	struct event_base *base;
	const char *dir;		  /* of the socket */
	const char *group;		  /* node.control_group, may be NULL */
	const struct control_verb *verbs; /* the last has no name; these must outlive the server */
	const struct control_ops *ops;
	void *ops_arg;
	uint32_t idle_ms;  /* a client without a whole request is closed; 0: a minute */
	uint32_t stall_ms; /* a client that doesn't read its answer is closed; 0: half a minute */
	uint32_t watch_ms; /* how often to look whether the socket is still there; 0: a second */
};

/**
 * Open the socket, 0660, and serve it. It is opened again when its file is removed or replaced.
 * Return: NULL and errno, logged: EADDRINUSE if another daemon serves it, ENAMETOOLONG, what socket(2),
 * bind(2) and rename(2) say.
 */
struct control *control_create(const struct control_options *options);

/* Removes the socket, if it is still this one's. Commands under way go on without an answer. NULL is allowed. */
void control_destroy(struct control *control);

struct control_stats {
	uint32_t clients;
	uint64_t accepted;
	uint64_t denied; /* by their credentials */
	uint64_t closed; /* too many, idle, or not reading */
	uint64_t commands;
};

void control_stats_get(const struct control *control, struct control_stats *stats);

#endif
