/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configurations that were in force, the last HISTORY_MAX, each in a file of its own:
 * DIR/configurations/12.yaml, whose first line says who, when, and from which file. They contain the
 * secret, so only the daemon's user may read them.
 * One thread. Reads and writes files; history_add() waits for the disk.
 */
#ifndef CONTROLPLANE_STATE_HISTORY_H
#define CONTROLPLANE_STATE_HISTORY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_MAX 50
#define HISTORY_DIR "configurations"

struct history;

struct history_entry {
	uint64_t generation; /* rises by one with each */
	int64_t time_unix;   /* seconds, when it came in force */
	char who[64];	     /* "": nobody, as at a start */
	char how[16];	     /* "apply", "reload", "start", "rollback", "undo" */
	char file[PATH_MAX];
	size_t bytes; /* of its text */
};

/** Read what a state directory has. Return: NULL and errno ENOMEM or ENAMETOOLONG. */
struct history *history_open(const char *state_dir);
void history_close(struct history *history);

uint32_t history_count(const struct history *history);

/** @back: 0: the newest. Return: NULL past the oldest. */
const struct history_entry *history_at(const struct history *history, uint32_t back);

/**
 * A configuration before the one in force, which may not be kept.
 * @generation: in force. @back: 0: itself, 1: the one before.
 * Return: NULL: not kept, or past the oldest.
 */
const struct history_entry *history_before(const struct history *history, uint64_t generation,
					   uint32_t back);

/** Return: how many are newer than it; -ENOENT. */
int history_find(const struct history *history, uint64_t generation);

/**
 * Store a configuration as the newest; nothing if its text is the newest one's.
 * @entry: who, how, file and time_unix are used.
 * @generation: set to its number.
 * Return: 0; else -errno: it has that number, but is not stored.
 */
int history_add(struct history *history, const struct history_entry *entry, const char *text,
		size_t bytes, uint64_t *generation);

/** @text: set; ends with a NUL, to be wiped and freed. Return: 0 or -errno. */
int history_text(const struct history *history, uint64_t generation, char **text, size_t *bytes);

#endif
