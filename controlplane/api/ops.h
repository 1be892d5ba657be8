/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the control server needs from the rest of the daemon. Context: the event loop's thread.
 * Returned JSON is new and belongs to the caller; NULL: no memory.
 */
#ifndef CONTROLPLANE_API_OPS_H
#define CONTROLPLANE_API_OPS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/schema/diff.h"
#include "controlplane/model/model.h"
#include "controlplane/publish/publish.h"

#define CONTROL_REASON_MAX 320

#define CONTROL_WORKERS_MAX 64

struct control_worker {
	uint32_t cpu;
	uint64_t new_flows; /* of the instance, so far */
};

struct control_instance {
	enum model_admin admin;
	uint32_t weight;
	uint32_t config_weight;
	bool weight_set;
	bool flows_known; /* false without a dataplane */
	uint64_t flows;
	bool serves;
	uint32_t workers;
	struct control_worker worker[CONTROL_WORKERS_MAX];
};

/* Who asked for a change, and by what, for the record of it. */
struct control_actor {
	char who[64];	 /* "root" */
	char cause[128]; /* "drain, uid 0, pid 4711" */
};

/* What an operator sets; one of the two. */
struct control_change {
	bool set_admin;
	enum model_admin admin;
	bool set_weight;
	bool by_operator; /* false: back to the configuration's weight */
	uint32_t weight;
	const struct control_actor *actor;
};

/* A change in flight to the workers. Belongs to the server; must not move while it is pending. */
struct control_wait {
	/* Set by the server. */
	uint64_t started_ns; /* CLOCK_MONOTONIC, when the command was received */
	void (*done)(struct control_wait *wait);
	/* Set by the implementation before done(). */
	struct publish_result result;
	/* Private to the implementation. */
	void *handle;
	bool held;
	bool finished;
};

/* Why a configuration was refused: details for the result, and one line. */
struct control_refusal {
	char reason[CONTROL_REASON_MAX];
	json_t *details; /* new, or NULL */
};

struct control_edit;

struct control_config {
	const char *name; /* NULL: the daemon's own file, and no text */
	const char *text;
	size_t bytes;
	bool force;	     /* apply: even if it removes nearly everything */
	bool is_rollback;    /* to an earlier one; no name and text */
	uint32_t back;	     /* how many are newer than that */
	uint32_t confirm_ms; /* apply: undo it after that, unless it is confirmed; 0: for good */
	const struct control_actor *actor;
};

struct control_ops {
	/** Names of pools and of their instances, for suggestions. NULL past the last. */
	const char *(*pool_name)(void *arg, uint32_t pool);
	const char *(*instance_name)(void *arg, uint32_t pool, uint32_t instance);

	/** Look up an instance ("web/web-1"). Return: 0 or -ENOENT. */
	int (*get)(void *arg, const char *path, struct control_instance *instance);

	/**
	 * Keep a change on disk and apply it. Both or neither.
	 * @wait: done() is called when the workers have it, possibly from inside this call.
	 * @reason: why it is refused.
	 * Return: 0; -errno, and done() will not be called.
	 */
	int (*set)(void *arg, const char *path, const struct control_change *change,
		   struct control_wait *wait, char reason[CONTROL_REASON_MAX]);

	/** Cancel a wait whose done() has not been called. The change itself proceeds. */
	void (*cancel)(void *arg, struct control_wait *wait);

	/** Compute what a configuration would change. Return: the result, or NULL and a refusal. */
	json_t *(*config_diff)(void *arg, const struct control_config *config,
			       struct control_refusal *refusal);

	/**
	 * Apply a configuration.
	 * @wait: as for set().
	 * @result: set to what config_diff() returns, before done() is called.
	 * Return: 0; -errno and a refusal, and done() will not be called.
	 */
	int (*config_apply)(void *arg, const struct control_config *config,
			    struct control_wait *wait, json_t **result,
			    struct control_refusal *refusal);

	/**
	 * Change what commands have created, and apply it.
	 * @wait: as for set(); done() is called only if something has changed.
	 * Return: 0 and whether; -errno and a refusal, and done() will not be called.
	 */
	int (*edit)(void *arg, const struct control_edit *edit, struct control_wait *wait,
		    bool *changed, struct control_refusal *refusal);
};

#endif
