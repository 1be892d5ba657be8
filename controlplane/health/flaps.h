/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flap control of all instances: which are out, over restarts too (DIR/flapping.json). Every change
 * is an event. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_HEALTH_FLAPS_H
#define CONTROLPLANE_HEALTH_FLAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/health/flap.h"

struct events;
struct flaps;
struct model;
struct model_instance;

struct flaps_options {
	struct model *model;
	struct events *events; /* NULL: nowhere */
	const char *dir;
	uint64_t (*now_ms)(void *arg);	   /* NULL: CLOCK_MONOTONIC */
	int64_t (*now_unix_ms)(void *arg); /* NULL: CLOCK_REALTIME */
	void *arg;
};

/** Read what was kept. Return: NULL and errno ENOMEM. */
struct flaps *flaps_create(const struct flaps_options *options);

/* Writes what has changed. NULL is allowed. */
void flaps_destroy(struct flaps *flaps);

/** An instance has come, or its pool has another rule: what was kept of it counts, or is dropped. */
void flaps_follow(struct flaps *flaps, struct model_instance *instance,
		  const struct config_flapping *rule);

/** It is removed from the configuration. */
void flaps_forget(struct flaps *flaps, struct model_instance *instance);

/** The checks or its agent have changed its health, and the model has it. */
void flaps_change(struct flaps *flaps, struct model_instance *instance, const char *cause);

/** An operator resumes it: it is in again, and its past is forgotten. @who: of the event. */
void flaps_resume(struct flaps *flaps, struct model_instance *instance, const char *who);

/** To be called about every 100 ms: instances are retried, the file is written. */
void flaps_tick(struct flaps *flaps);

/** Where it stands; NULL: its pool has no flap control. @left_ms: until it is retried. */
const struct flap *flaps_get(const struct flaps *flaps, const struct model_instance *instance,
			     uint64_t *left_ms);

#endif
