/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the model's instances and the health checker. Checks go by the dataplane: while that is away
 * they are suspended, since they would say nothing of the instances; what was known of them stays, over
 * restarts too (health/kept.h).
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_HEALTH_ADAPTER_H
#define CONTROLPLANE_HEALTH_ADAPTER_H

#include <stdbool.h>

#include "config/config.h"

struct checks;
struct event_base;
struct health;
struct model;
struct model_instance;

/**
 * @model: has its configuration, and what a running dataplane knows of its instances; the others get
 * what was kept.
 * @clients: of the control socket, at most: their descriptors are not for checks.
 * @connected: the dataplane is there already; if not, checks are suspended.
 * Return: NULL and errno.
 */
struct checks *checks_create(struct event_base *base, struct model *model, const char *state_dir,
			     uint32_t clients, bool connected);
void checks_destroy(struct checks *checks);

/** The checker, for its figures. */
struct health *checks_health(const struct checks *checks);

/** Take what the configuration says of all checks together. */
void checks_configure(struct checks *checks, const struct config_node *node);

/** Check an instance with its pool's checks, from the health that the model has of it. */
void checks_add(struct checks *checks, struct model_instance *instance,
		const struct config_pool *pool);
void checks_update(struct checks *checks, struct model_instance *instance,
		   const struct config_pool *pool);
void checks_remove(struct model_instance *instance);

/** The dataplane is gone, or has no link: what checks find would be said of the node, not of instances. */
void checks_pause(struct checks *checks);

/** The dataplane is there, and its interface can be used. */
void checks_resume(struct checks *checks);

/** The same, should nobody call that within a second. Nothing happens if the checks are not suspended. */
void checks_resume_later(struct checks *checks);

/** To be called about every 100 ms, before model_tick(). */
void checks_tick(struct checks *checks);

#endif
