/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the model's instances and the health checker. Checks depend on the dataplane: while it is
 * disconnected they are suspended, since their results would say nothing about the instances; the
 * known health stays, over restarts too (health/kept.h).
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_HEALTH_ADAPTER_H
#define CONTROLPLANE_HEALTH_ADAPTER_H

#include <stdbool.h>

#include "config/config.h"

struct checks;
struct event_base;
struct events;
struct flaps;
struct health;
struct model;
struct model_instance;

struct checks_options {
	struct event_base *base;
	/* Has its configuration, and the state of instances from a running dataplane; the others
	 * get their kept health. */
	struct model *model;
	const char *state_dir;
	/* Most of the control socket and the HTTP server: their descriptors are not available to
	 * checks. */
	uint32_t clients;
	struct events *events; /* NULL: changes are recorded nowhere */
	struct flaps *flaps;   /* is told of changes; may be NULL */
	bool connected;	       /* the dataplane is; if not, checks are suspended */
};

/** Return: NULL and errno. */
struct checks *checks_create(const struct checks_options *options);
void checks_destroy(struct checks *checks);

/** The checker, for its statistics. */
struct health *checks_health(const struct checks *checks);

/** Apply the settings that all checks share. */
void checks_configure(struct checks *checks, const struct config_node *node);

/** Check an instance with its pool's checks, starting from its health in the model. */
void checks_add(struct checks *checks, struct model_instance *instance,
		const struct config_pool *pool);
void checks_update(struct checks *checks, struct model_instance *instance,
		   const struct config_pool *pool);
void checks_remove(struct model_instance *instance);

/** The dataplane disconnected, or has no link: results would reflect the node, not instances. */
void checks_pause(struct checks *checks);

/** The dataplane is connected, and its interface is usable. */
void checks_resume(struct checks *checks);

/** The same after a second, unless resumed before. No effect if checks are not suspended. */
void checks_resume_later(struct checks *checks);

/** To be called about every 100 ms, before model_tick(). */
void checks_tick(struct checks *checks);

#endif
