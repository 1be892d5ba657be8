/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of the HTTP server itself. The source is struct web_stats. */
#ifndef CONTROLPLANE_WEB_METRICS_H
#define CONTROLPLANE_WEB_METRICS_H

#include "controlplane/metrics/histogram.h"
#include "controlplane/metrics/metric.h"

struct web_stats {
	uint64_t clients;
	uint64_t accepted;
	uint64_t closed; /* by the server: too many, or too slow */
	uint64_t requests;
	uint64_t refused; /* of them: no such path, or a bad query */
};

extern const struct metric_table web_metrics;

#endif
