/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference page of metrics, docs/metrics.md, from their rows. Context: any thread. */
#ifndef CONTROLPLANE_METRICS_REFERENCE_H
#define CONTROLPLANE_METRICS_REFERENCE_H

#include <stdio.h>

#include "controlplane/metrics/metric.h"

/** Write the page, in Markdown. */
void metric_reference_print(const struct metric_source *sources, uint32_t count, FILE *to);

#endif
