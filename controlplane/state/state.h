/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operators' run-time settings, kept in DIR/state.json over restarts and crashes: per instance its
 * admin state and a weight other than the configuration's. Each change replaces the whole file, so
 * a reader finds the old one or the new one. state.json~ is a copy in case the disk damages the
 * first.
 *
 * Entries of instances that the configuration doesn't have are kept: they may come back.
 * One thread. Reads and writes files; state_set() waits for the disk.
 */
#ifndef CONTROLPLANE_STATE_STATE_H
#define CONTROLPLANE_STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/state/entry.h"

struct state;

/**
 * Read the state of a directory, which is created if missing. A damaged file is renamed to
 * state.json.corrupt-TIME and its copy used; if that is damaged too, the state starts empty. All of
 * this is logged.
 * Return: NULL and errno ENOMEM or ENAMETOOLONG. A directory that can't be read or written is no
 * error here: state_set() will report it.
 */
struct state *state_open(const char *dir);

/* NULL is allowed. */
void state_close(struct state *state);

/** "DIR/state.json", for messages. */
const char *state_path(const struct state *state);

/** The entry of an instance ("web/web-1"). */
void state_get(const struct state *state, const char *path, struct state_entry *entry);

/**
 * Set which instances the configuration has. When the file is full, entries of others are evicted,
 * the one changed longest ago first. Without a call nothing is ever evicted.
 */
void state_set_known(struct state *state, bool (*known)(void *arg, const char *path), void *arg);

/**
 * Write a change to disk.
 * @entry: changed_unix is filled in by this function.
 * Return: 0; -ENOSPC, -EROFS and other errors of open(2), write(2), fsync(2) and rename(2); -E2BIG:
 * STATE_ENTRIES_MAX. After an error, state_get() and the file are as before.
 */
int state_set(struct state *state, const char *path, const struct state_entry *entry);

#endif
