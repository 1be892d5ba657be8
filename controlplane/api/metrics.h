/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of what status shows of the node. Context: the event loop's thread. */
#ifndef CONTROLPLANE_API_METRICS_H
#define CONTROLPLANE_API_METRICS_H

#include "controlplane/metrics/metric.h"

/* Source: the statistics. */
extern const struct metric_table stats_metrics_node;
extern const struct metric_table stats_metrics_port;
extern const struct metric_table stats_metrics_drops;
extern const struct metric_table stats_metrics_flow_table;
extern const struct metric_table stats_metrics_workers;

/* Source: struct control_daemon. */
extern const struct metric_table control_metrics_traffic; /* of instances */
extern const struct metric_table control_metrics_config;
extern const struct metric_table control_metrics_control;
extern const struct metric_table control_metrics_path_mtu;
extern const struct metric_table control_metrics_process;

#endif
