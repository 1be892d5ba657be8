/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be known of configurations over a restart, besides their texts: one that waits for its
 * confirmation, and the file's text that was set aside, so that a restart does not bring back what
 * was undone. In DIR/configuration.json; without the file there is neither.
 */
#ifndef CONTROLPLANE_STATE_TRIAL_H
#define CONTROLPLANE_STATE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIAL_FILE_NAME "configuration.json"
#define TRIAL_HASH_MAX 65 /* SHA-256 in hex digits, with the final NUL */

struct trial {
	bool is_pending;
	char hash[TRIAL_HASH_MAX]; /* of the text that waits */
	int64_t deadline_unix_ms;
	uint32_t period_ms; /* what was left at the command */
	uint64_t back;	    /* the configuration to return to */
	char who[64];

	char set_aside[TRIAL_HASH_MAX]; /* of the file's text; "": the file counts */
	uint64_t in_force;		/* the configuration in its place */
};

/** The hash of a text. */
void trial_hash(const char *text, size_t bytes, char hash[TRIAL_HASH_MAX]);

/** Read it. A missing file, or a damaged one, which is logged, counts as neither. */
void trial_load(const char *dir, struct trial *trial);

/** Write it, in whole or not at all. Return: 0 or -errno. */
int trial_save(const char *dir, const struct trial *trial);

#endif
