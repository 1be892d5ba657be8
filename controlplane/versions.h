/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which configuration is in force: each file of the operator that was is kept (state/history.h); one may be applied on
 * trial, and is undone if it is not confirmed in time, also when sluiced was restarted meanwhile;
 * and a file that was undone or rolled back does not come in force again by a restart
 * (state/trial.h). Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_VERSIONS_H
#define CONTROLPLANE_VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "controlplane/api/daemon.h"

struct events;
struct history;
struct versions;

/* How often an undo that failed is tried again. */
#define VERSIONS_RETRY_MS 5000

struct versions_options {
	const char *config_path;
	const char *state_dir;
	struct events *events; /* may be NULL */

	/** Put a configuration in force; as control_daemon_ops.apply, without what is done here. */
	int (*apply)(void *arg, struct config *config, bool force,
		     struct control_apply_refusal *refusal);
	/** The configuration in force. */
	const struct config *(*in_force)(void *arg);
	/** The daemon's own file is in force (@why NULL), or not, and why. */
	void (*file_is)(void *arg, const char *why);
	void *arg;

	int64_t (*now_unix_ms)(void *arg); /* NULL: CLOCK_REALTIME */
	uint64_t (*now_ms)(void *arg);	   /* NULL: CLOCK_MONOTONIC */
};

/** Read what was kept. @options: copied. Return: NULL and errno ENOMEM or ENAMETOOLONG. */
struct versions *versions_open(const struct versions_options *options);
void versions_close(struct versions *versions);

/**
 * The configuration to start with, given that of the file. An overdue one is undone here.
 * @file: taken; NULL: the file is refused.
 * @why: why it is not the file's; "": it is.
 */
struct config *versions_start(struct versions *versions, struct config *file, char *why,
			      size_t size);

/** It is in force. */
void versions_started(struct versions *versions);

/**
 * Put a configuration in force, and record it.
 * @request: how, by whom, and on trial or for good. While another one waits for its confirmation,
 * only a rollback is accepted (-EBUSY).
 * Return: as versions_options.apply; other errors if it could not be undone (@request.confirm_ms).
 */
int versions_apply(struct versions *versions, struct config *config,
		   const struct control_apply *request, struct control_apply_refusal *refusal);

/** Return: 0; -ENOENT: none waits; else it could not be stored, and it still waits. */
int versions_confirm(struct versions *versions, const struct control_actor *actor);

/** Undo what is overdue. To be called about every 100 ms. */
void versions_tick(struct versions *versions);

/** A configuration was refused: record that. */
void versions_refused(struct versions *versions, const struct control_actor *actor,
		      const char *file, const char *why);

const struct history *versions_history(const struct versions *versions);

/** The number of the configuration in force. */
uint64_t versions_generation(const struct versions *versions);

/** Milliseconds left to confirm it; -1: it does not wait. */
int64_t versions_left_ms(const struct versions *versions);

#endif
