/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of services, pools and instances. The source of each table is the model. */
#ifndef CONTROLPLANE_MODEL_METRICS_H
#define CONTROLPLANE_MODEL_METRICS_H

#include "controlplane/metrics/metric.h"

extern const struct metric_table model_metrics_listeners;
extern const struct metric_table model_metrics_pools;
extern const struct metric_table model_metrics_instances;

/** Labels of an instance, ended by NULL. */
extern const char *const model_metrics_instance_labels[];

/** metric_table.next over instances, for tables of other rooms. @source: the model. */
bool model_metrics_instance_next(const void *source, struct metric_cursor *cursor,
				 struct metric_entity *entity);

#endif
