/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One probe of an instance over a fresh connection. What it may read, store and wait for is
 * bounded. One thread: that of the loop. The process ignores SIGPIPE.
 */
#ifndef SLUICE_CONTROLPLANE_HEALTH_PROBE_H
#define SLUICE_CONTROLPLANE_HEALTH_PROBE_H

#include "controlplane/health/verdict.h"

struct event_base;
struct health_probe;
struct health_probes;

/* Return: a context to run probes in, or NULL with errno. */
struct health_probes *health_probes_create(struct event_base *base, const char *version);

/* Every probe must have ended or been cancelled. NULL is allowed. */
void health_probes_destroy(struct health_probes *probes);

struct health_probe_request {
	const struct config_address *address;
	const struct config_address *source; /* of the same family; NULL or family 0: any */
	const struct config_check *check;
	/* Called once, from the loop, unless the probe is cancelled; the probe is freed by then. */
	void (*done)(void *arg, const struct health_verdict *verdict);
	void *arg;
};

/**
 * Start a probe; nothing in the request but @arg is needed after the call.
 * Return: the probe, owned by @probes until it ends or is cancelled, or NULL with errno.
 */
struct health_probe *health_probe_start(struct health_probes *probes,
					const struct health_probe_request *request);

/* End a probe without a verdict. */
void health_probe_cancel(struct health_probe *probe);

#endif
