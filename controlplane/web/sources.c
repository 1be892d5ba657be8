/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/web/sources.h"

#include <string.h>

#include "controlplane/api/daemon.h"
#include "controlplane/api/metrics.h"
#include "controlplane/doctor/watch.h"
#include "controlplane/health/metrics.h"
#include "controlplane/model/metrics.h"
#include "controlplane/publish/metrics.h"
#include "controlplane/web/metrics.h"

uint32_t web_sources(const struct control_daemon *daemon, const struct web_stats *stats,
		     struct metric_source *sources)
{
	const struct metric_source list[] = {
		{ &stats_metrics_node, daemon->stats },
		{ &control_metrics_control, daemon },
		{ &control_metrics_path_mtu, daemon },
		{ &web_metrics, stats },
		{ &stats_metrics_port, daemon->stats },
		{ &stats_metrics_workers, daemon->stats },
		{ &stats_metrics_drops, daemon->stats },
		{ &stats_metrics_flow_table, daemon->stats },
		{ &model_metrics_listeners, daemon->model },
		{ &model_metrics_pools, daemon->model },
		{ &model_metrics_instances, daemon->model },
		{ &control_metrics_traffic, daemon },
		{ &health_metrics_checks, daemon->model },
		{ &health_metrics_all, daemon->health },
		{ &health_metrics_results, daemon->health },
		{ &health_metrics_durations, daemon->health },
		{ &publish_metrics, daemon->publish },
		{ &publish_metrics_handover, daemon->publish },
		{ &control_metrics_config, daemon },
		{ &doctor_metrics, daemon->doctor },
		{ &control_metrics_process, daemon },
	};

	_Static_assert(sizeof(list) / sizeof(list[0]) <= METRIC_SOURCES_MAX, "a bit for each");
	memcpy(sources, list, sizeof(list));
	return sizeof(list) / sizeof(list[0]);
}
