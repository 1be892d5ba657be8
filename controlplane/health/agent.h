/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asks agents on instances what they say of themselves (HAProxy's agent-check): connects to a port,
 * and reads one line. What an agent may send, and for how long, is bounded. A failure says nothing
 * about the instance, whose checks do that: what the agent said last stays.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_HEALTH_AGENT_H
#define CONTROLPLANE_HEALTH_AGENT_H

#include <stdint.h>

#include "controlplane/health/agent_words.h"

#define AGENT_LINE_MAX 1024	  /* bytes */
#define AGENT_TIMEOUT_MAX_MS 5000 /* else the interval */
#define AGENTS_IN_FLIGHT 256

struct agent;
struct agents;
struct event_base;

struct agents_ops {
	/* An agent has answered. May not add, change or remove agents, nor the next. */
	void (*says)(void *arg, void *owner, const struct agent_says *says);
	/* It can't be asked, or its answer can't be read, and the last time it could. */
	void (*fails)(void *arg, void *owner, const char *why);
};

struct agent_spec {
	struct config_address address;
	struct config_address source; /* if this node has that address; family 0: any */
	uint16_t port;
	uint32_t interval_ms;
};

/** @in_flight: so many connections at a time; others wait. Return: NULL and errno. */
struct agents *agents_create(struct event_base *base, const struct agents_ops *ops, void *arg,
			     uint32_t in_flight);

/* All its agents must have been removed. NULL is allowed. */
void agents_destroy(struct agents *agents);

/** The first question follows within 250 ms. Return: NULL and errno. */
struct agent *agent_add(struct agents *agents, const struct agent_spec *spec, void *owner);

/* NULL is allowed. */
void agent_remove(struct agent *agent);

/** Whether an agent is asked in this way. */
bool agent_is(const struct agent *agent, const struct agent_spec *spec);

uint16_t agent_port(const struct agent *agent);

/** Why it failed the last time; "": it didn't. */
const char *agent_problem(const struct agent *agent);

/** Milliseconds since it answered last; -1: never. */
int64_t agent_last_ms(const struct agent *agent);

#endif
