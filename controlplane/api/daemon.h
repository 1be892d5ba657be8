/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the verbs need from the daemon that runs the control server. The daemon fills it in; the
 * control server knows nothing else of it. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_API_DAEMON_H
#define CONTROLPLANE_API_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct control;
struct event_base;
struct health;
struct model;
struct path_mtu;
struct publish;
struct replies;
struct spread;
struct state;
struct stats;

#define CONTROL_KEYS_MAX 16

/* Why a configuration was not applied. */
struct control_apply_refusal {
	char message[256]; /* one line */
	/* Keys that only a restart of the daemons can change: "node.port". */
	uint32_t key_count; /* total; only the first CONTROL_KEYS_MAX are stored */
	char keys[CONTROL_KEYS_MAX][96];
};

struct control_daemon_ops {
	/**
	 * Apply a configuration: all or nothing. What must reach the dataplane is marked; wait for
	 * it with publish_wait_start(PUBLISH_ALL).
	 * @config: belongs to the daemon if this succeeds, to the caller if not.
	 * @force: apply even if it removes all services, or more than half of all instances.
	 * @refusal: filled if it fails.
	 * Return: 0; -EPERM: keys changed that need a restart; -ECANCELED: it needs @force;
	 * -ENOSPC, -ENOMEM.
	 */
	int (*apply)(void *arg, struct config *config, bool force,
		     struct control_apply_refusal *refusal);

	/** The daemon's own file is in force. */
	void (*accepted)(void *arg);

	/** The daemon's own file is refused. */
	void (*refused)(void *arg, const char *why);

	/** What is wrong with the node itself, so that checks are suspended; NULL: nothing. */
	const char *(*ailment)(void *arg);
};

struct control_daemon {
	const struct control_daemon_ops *ops;
	void *ops_arg;
	struct event_base *base;
	const char *config_path;
	const char *run_dir;
	const char *config_problem; /* why the file is not in force; "" if it is */
	uint64_t started_ms;	    /* CLOCK_MONOTONIC */
	struct model *model;
	struct state *state;
	struct stats *stats;
	struct publish *publish;
	const struct health *health;	 /* NULL: no checks */
	const struct path_mtu *path_mtu; /* NULL: not learned */
	const struct spread *spread;	 /* flows over workers */
	const struct replies *replies;	 /* of instances, with `forward: nat` */
	const char *mtu_note;		 /* a port MTU that is too small for a service; "": none */
	const char *nat_note;		 /* what is wrong with `forward: nat`; "": nothing */
	struct control *control;	 /* set by control_model_start() */
};

#endif
