/* SPDX-License-Identifier: BSD-3-Clause */
/* All tables of metrics that are served, in their order. */
#ifndef CONTROLPLANE_WEB_SOURCES_H
#define CONTROLPLANE_WEB_SOURCES_H

#include "controlplane/metrics/metric.h"
#include "controlplane/metrics/query.h"

struct control_daemon;
struct web_stats;

/**
 * @sources: of METRIC_SOURCES_MAX, filled.
 * @daemon: all zero for a list without values.
 * @stats: of the server itself; may be NULL.
 * Return: how many.
 */
uint32_t web_sources(const struct control_daemon *daemon, const struct web_stats *stats,
		     struct metric_source *sources);

#endif
