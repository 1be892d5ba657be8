/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has changed on this node, when and why: the last EVENTS_MAX changes in memory, in a bounded
 * file that outlives the process (events/file.h), and in the journal with fields (events/journal.h).
 * Readers hold a position and ask for what follows it, so a slow one costs no memory.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_EVENTS_EVENTS_H
#define CONTROLPLANE_EVENTS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/events/change.h"

struct event_base;
struct events;

#define EVENTS_MAX 4096

struct events_options {
	struct event_base *base;	   /* NULL: the owner calls events_flush() */
	const char *dir;		   /* of the file */
	int64_t (*now_unix_ms)(void *arg); /* NULL: CLOCK_REALTIME */
	void *arg;
	uint32_t file_bytes_max; /* 0: EVENTS_FILE_BYTES_MAX */
};

/**
 * Read what the file has, and continue it. Damaged records are skipped, and logged.
 * Return: NULL and errno ENOMEM. A file that can't be read or written is no error: it is logged, and
 * tried again.
 */
struct events *events_open(const struct events_options *options);

/* Writes what is not written yet. NULL is allowed. */
void events_close(struct events *events);

/** @flows: the flows of an object now, or EVENTS_FLOWS_UNKNOWN. */
void events_set_flows(struct events *events, int64_t (*flows)(void *arg, const char *object),
		      void *arg);

/**
 * Record a change. It reaches the file at the end of this turn of the loop, or once the disk has
 * room again. @events: NULL is allowed.
 */
void events_add(struct events *events, const struct events_change *change);

/** Write what is not written yet. Return: 0 or -errno, logged once. */
int events_flush(struct events *events);

/** The number of the newest record; 0: none. */
uint64_t events_last(const struct events *events);

/**
 * The record after a position.
 * @after: a record's number, 0: from the oldest; set to that of the record returned.
 * @lost: the records are added to it that were dropped before this reader came to them.
 * Return: valid until the next events_add(); NULL: there is none yet.
 */
const struct events_record *events_next(const struct events *events, uint64_t *after,
					uint64_t *lost);

/** Whether an object is @filter, or one of its pool. "" and NULL match all. */
bool events_is_about(const struct events_record *record, const char *filter);

#endif
