/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the publisher: shared by publish.c, publish/wait.c and publish/retire.c alone. */
#ifndef CONTROLPLANE_PUBLISH_INTERNAL_H
#define CONTROLPLANE_PUBLISH_INTERNAL_H

#include "controlplane/publish/backend.h"
#include "controlplane/publish/publish.h"

/* A refusal that comes again is no accident; the next change tries anew. */
#define PUBLISH_REFUSALS_MAX 3

/* What differs from what was sent. */
struct publish_dirty {
	bool params;
	bool services;
	bool instances;
	uint64_t pools;	       /* a bit each */
	uint64_t retire;       /* whose time is up */
	uint64_t retire_after; /* that changed hands */
};

/* How many changes were marked, sent and acknowledged so far, per scope. */
struct publish_count {
	uint64_t marked;
	uint64_t sent;
	uint64_t acked;
};

struct publish {
	struct publish_options options;
	const struct publish_backend_ops *ops;
	struct publish_backend *backend;
	struct publish_dirty dirty;
	struct publish_count count[2]; /* by enum publish_scope */
	bool in_flight;
	bool due;	   /* tables have waited long enough for others */
	bool force;	   /* send blocks even if they equal what runs */
	uint32_t refusals; /* in a row */
	struct publish_info info;
	struct publish_answer last;
	struct publish_wait *waits;
	struct event *flush_timer;
	struct event *second_timer;
};

/* Look which waits have ended. */
void publish_waits_run(struct publish *publish);
void publish_waits_end(struct publish *publish, int status);

/*
 * Once a second: free indices that nothing has any more, and mark previous generations whose time is up.
 * Return: whether there are any, to be sent.
 */
bool publish_retire_run(struct publish *publish);

#endif
