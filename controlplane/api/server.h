/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control server: DIR/control.sock, its clients, and their limits. Context: the event loop's
 * thread. The process ignores SIGPIPE.
 */
#ifndef CONTROLPLANE_API_SERVER_H
#define CONTROLPLANE_API_SERVER_H

#include <stdint.h>

#include "controlplane/api/ops.h"
#include "controlplane/api/verb.h"

struct control;
struct event_base;

/* One more evicts the client idle the longest; busy ones, up to CONTROL_WRITES_MAX, stay. */
#define CONTROL_CLIENTS_MAX 64

struct control_options {
	struct event_base *base;
	const char *dir;		  /* directory of the socket */
	const char *group;		  /* node.control_group, may be NULL */
	const struct control_verb *verbs; /* the last has no name; these must outlive the server */
	const struct control_ops *ops;
	void *ops_arg;
	uint32_t idle_ms;  /* a client that sends no whole request is closed; 0: a minute */
	uint32_t stall_ms; /* a client that doesn't read its answer is closed; 0: 30 seconds */
	uint32_t watch_ms; /* how often the socket's file is checked; 0: a second */
};

/**
 * Open the socket, 0660, and serve it. It is reopened when its file is removed or replaced.
 * Return: NULL and errno, logged: EADDRINUSE if another daemon serves it, ENAMETOOLONG, errors of
 * socket(2), bind(2) and rename(2).
 */
struct control *control_create(const struct control_options *options);

/*
 * Remove the socket, if it is still this server's. Commands in progress continue without an answer.
 * NULL is allowed.
 */
void control_destroy(struct control *control);

struct control_stats {
	uint32_t clients;
	uint64_t accepted;
	uint64_t denied; /* for their credentials */
	uint64_t closed; /* too many, idle, or not reading */
	uint64_t commands;
};

void control_stats_get(const struct control *control, struct control_stats *stats);

#endif
