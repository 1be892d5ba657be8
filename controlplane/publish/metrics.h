/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of publishing, and of the two dataplanes of a port. The source is the publisher. */
#ifndef CONTROLPLANE_PUBLISH_METRICS_H
#define CONTROLPLANE_PUBLISH_METRICS_H

#include "controlplane/metrics/metric.h"

extern const struct metric_table publish_metrics;
extern const struct metric_table publish_metrics_handover;

#endif
