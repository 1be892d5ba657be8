/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of health checks. */
#ifndef CONTROLPLANE_HEALTH_METRICS_H
#define CONTROLPLANE_HEALTH_METRICS_H

#include "controlplane/metrics/metric.h"

extern const struct metric_table health_metrics_checks;	   /* source: the model */
extern const struct metric_table health_metrics_all;	   /* source: the health checker */
extern const struct metric_table health_metrics_results;   /* the same */
extern const struct metric_table health_metrics_durations; /* the same */

#endif
