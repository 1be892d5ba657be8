/* SPDX-License-Identifier: BSD-3-Clause */
/* Internal to the publisher: shared by publish.c, publish/wait.c and publish/retire.c only. */
#ifndef CONTROLPLANE_PUBLISH_INTERNAL_H
#define CONTROLPLANE_PUBLISH_INTERNAL_H

#include "controlplane/metrics/histogram.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/publish.h"

/* A repeated refusal is not transient: give up until the next change. */
#define PUBLISH_REFUSALS_MAX 3

/* What differs from what was sent. */
struct publish_dirty {
	bool params;
	bool services;
	bool instances;
	uint64_t pools;	       /* a bit each */
	uint64_t retire;       /* pools whose previous generation can be released */
	uint64_t retire_after; /* pools whose old generation belongs to another pool */
};

/* Number of changes marked, sent and acknowledged so far, per scope. */
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
	bool due;	   /* tables were held back long enough for others to join */
	bool force;	   /* send blocks even if they equal what runs */
	uint32_t refusals; /* consecutive */
	struct publish_info info;
	struct metric_histogram latency;
	struct publish_answer last;
	struct publish_wait *waits;
	struct event *flush_timer;
	struct event *second_timer;
};

extern const struct metric_bounds publish_latency_bounds;

/* Complete the waits that have ended. */
void publish_waits_run(struct publish *publish);
void publish_waits_end(struct publish *publish, int status);

/*
 * Once a second: free indices that are no longer referenced, and mark previous generations that can
 * be released.
 * Return: whether there are any to send.
 */
bool publish_retire_run(struct publish *publish);

#endif
