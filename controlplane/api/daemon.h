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
#include "config/error.h"

struct config_tree;
struct doctor_watch;
struct control;
struct event_base;
struct events;
struct flaps;
struct health;
struct model;
struct path_mtu;
struct publish;
struct resolve;
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

struct control_actor;
struct history;

/* How a configuration comes in force. */
struct control_apply {
	const char *how;		   /* "apply", "reload", "rollback" */
	const struct control_actor *actor; /* NULL: nobody */
	bool force;	  /* even if it removes all services, or more than half of all instances */
	bool is_own;	  /* the text of the daemon's own file */
	bool is_rollback; /* the text of an earlier one */
	uint32_t confirm_ms; /* undo it after that, unless it is confirmed; 0: it is for good */
};

struct control_refusal;

/* A change of the file of what commands have created. */
struct control_edit {
	/**
	 * @config: what the file means, merged with the operator's.
	 * Return: 0; -EINVAL and the reason; -ENOMEM.
	 */
	int (*run)(void *arg, struct config_tree *tree, const struct config *config,
		   struct config_reason *reason);
	void *arg;
};

struct control_daemon_ops {
	/**
	 * Apply a configuration: all or nothing. What must reach the dataplane is marked; wait for
	 * it with publish_wait_start(PUBLISH_ALL).
	 * @config: belongs to the daemon if this succeeds, to the caller if not.
	 * @refusal: filled if it fails.
	 * Return: 0; -EPERM: keys changed that need a restart; -ECANCELED: it needs force; -EBUSY:
	 * another one waits for its confirmation; -ENOSPC, -ENOMEM.
	 */
	int (*apply)(void *arg, struct config *config, const struct control_apply *request,
		     struct control_apply_refusal *refusal);

	/**
	 * Change the file of what commands have created, and apply it; see controlplane/commands.h.
	 * Return: 0 and whether anything has changed; -errno and a refusal.
	 */
	int (*edit)(void *arg, const struct control_edit *edit, bool *changed,
		    struct control_refusal *refusal);

	/** Return: 0; -ENOENT: no configuration waits for it; -errno: it could not be stored. */
	int (*confirm)(void *arg, const struct control_actor *actor);

	/** The number of the configuration in force, and the time left to confirm it, or -1. */
	uint64_t (*generation)(void *arg);
	int64_t (*left_ms)(void *arg);

	/** The daemon's own file is in force. */
	void (*accepted)(void *arg);

	/** A configuration is refused. @is_own: it is the daemon's own file. */
	void (*refused)(void *arg, const struct control_actor *actor, const char *file, bool is_own,
			const char *why);

	/** What is wrong with the node itself, so that checks are suspended; NULL: nothing. */
	const char *(*ailment)(void *arg);
};

struct control_daemon {
	const struct control_daemon_ops *ops;
	void *ops_arg;
	struct event_base *base;
	const char *config_path;
	const char *commands_path; /* of what commands have created; need not exist */
	const char *run_dir;
	const char *config_problem;  /* why the file is not in force; "" if it is */
	uint64_t started_ms;	     /* CLOCK_MONOTONIC */
	const uint64_t *applied;     /* configurations so far */
	const int64_t *applied_unix; /* when the last one was */
	struct events *events;
	const struct history *history;
	struct model *model;
	struct state *state;
	struct stats *stats;
	struct publish *publish;
	const struct health *health;	 /* NULL: no checks */
	struct flaps *flaps;		 /* NULL: no checks */
	const struct path_mtu *path_mtu; /* NULL: not learned */
	const struct spread *spread;	 /* flows over workers */
	const struct replies *replies;	 /* of instances, with `forward: nat` */
	const char *mtu_note;		 /* a port MTU that is too small for a service; "": none */
	const struct doctor_watch *doctor; /* what it found last */
	const char *nat_note;		   /* what is wrong with `forward: nat`; "": nothing */
	struct control *control;	   /* set by control_model_start() */
	struct resolve *resolve;	   /* the same */
	bool has_capture;		   /* one is running */
};

#endif
