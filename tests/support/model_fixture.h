/* SPDX-License-Identifier: BSD-3-Clause */
/* Configurations and models for tests. */
#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include "controlplane/model/model.h"

#define FIXTURE_SLOTS 1021u

/** A configuration with @pools under "pools:" and one service per line of @services. Never NULL. */
struct config *fixture_config(const char *pools, const char *services);

/** The same with other networks: the lines of address or networks. */
struct config *fixture_config_on(const char *networks, const char *pools, const char *services);

/** Pool "web" with instances web-1 to web-@n, and a service that uses it. */
struct config *fixture_web(uint32_t n);

/** All instances up, and reachable on the link. */
void fixture_up(struct model *model);

/** Set the health of one instance. */
void fixture_set(struct model *model, const char *path, enum health_state health);

/** Number of a pool's slots that name instance @path. @pool: its name. */
uint32_t fixture_slots(struct model *model, const char *pool, const char *path);

#endif
