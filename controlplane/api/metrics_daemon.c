/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of the control plane, and of what it joins: instances and their counters. */
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/base/process.h"
#include "config/base/version.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/metrics.h"
#include "controlplane/api/server.h"
#include "controlplane/api/stats.h"
#include "controlplane/model/metrics.h"
#include "controlplane/model/model.h"
#include "controlplane/net/path_mtu.h"
#include "controlplane/publish/publish.h"

/* ---- Traffic of instances ---- */

static bool traffic_next(const void *source, struct metric_cursor *cursor,
			 struct metric_entity *entity)
{
	static struct stats_instance figures;
	const struct control_daemon *daemon = source;
	const struct model_instance *instance;

	if (!publish_segment(daemon->publish) ||
	    !model_metrics_instance_next(daemon->model, cursor, entity))
		return false;
	instance = entity->object;
	stats_instance_get(daemon->stats, instance->index, &figures);
	entity->object = &figures;
	return true;
}

static const struct metric traffic_rows[] = {
	{ .name = "instance_flows",
	  METRIC_FIELD(struct stats_instance, flows),
	  .help = "Flows recorded now." },
	{ .name = "instance_new_flows",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_instance, new_flows),
	  .help = "Flows recorded." },
	{ .name = "instance_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_instance, pkts),
	  .help = "Packets sent to it." },
	{ .name = "instance_bytes",
	  .type = METRIC_COUNTER,
	  .unit = "bytes",
	  METRIC_FIELD(struct stats_instance, bytes),
	  .help = "Bytes of IP packets sent to it, as received from clients." },
};

const struct metric_table control_metrics_traffic = {
	.scope = "instance",
	.about = "Traffic of each instance, while there is a dataplane.",
	.labels = model_metrics_instance_labels,
	.next = traffic_next,
	METRIC_ROWS(traffic_rows),
};

/* ---- Configuration ---- */

static double file_in_force(const struct metric_entity *entity)
{
	const struct control_daemon *daemon = entity->object;

	return !daemon->config_problem[0];
}

static double applied(const struct metric_entity *entity)
{
	const struct control_daemon *daemon = entity->object;

	return (double)*daemon->applied;
}

static double applied_time(const struct metric_entity *entity)
{
	const struct control_daemon *daemon = entity->object;

	return *daemon->applied_unix ? (double)*daemon->applied_unix : NAN;
}

static double suspended(const struct metric_entity *entity)
{
	const struct control_daemon *daemon = entity->object;

	return daemon->ops->ailment(daemon->ops_arg) != NULL;
}

static const struct metric config_rows[] = {
	{ .name = "config_file_in_force",
	  .value = file_in_force,
	  .help = "0 if the configuration file is refused and an older one is in force." },
	{ .name = "config_applied",
	  .type = METRIC_COUNTER,
	  .value = applied,
	  .help = "Configurations applied, that of the start included." },
	{ .name = "config_applied_timestamp_seconds",
	  .unit = "seconds",
	  .value = applied_time,
	  .help = "When the configuration in force was applied, in Unix time." },
	{ .name = "checks_suspended",
	  .value = suspended,
	  .help = "1 while checks are suspended, because the node itself is unhealthy." },
};

const struct metric_table control_metrics_config = {
	.scope = "config",
	.about = "The configuration.",
	.next = metric_single_next,
	METRIC_ROWS(config_rows),
};

/* ---- Control socket ---- */

static struct control_stats control_of(const struct metric_entity *entity)
{
	const struct control_daemon *daemon = entity->object;
	struct control_stats stats = { 0 };

	if (daemon->control)
		control_stats_get(daemon->control, &stats);
	return stats;
}

static double clients(const struct metric_entity *entity)
{
	return control_of(entity).clients;
}

static double commands(const struct metric_entity *entity)
{
	return (double)control_of(entity).commands;
}

static double denied(const struct metric_entity *entity)
{
	return (double)control_of(entity).denied;
}

static double closed(const struct metric_entity *entity)
{
	return (double)control_of(entity).closed;
}

static const struct metric control_rows[] = {
	{ .name = "control_clients", .value = clients, .help = "Clients of the control socket." },
	{ .name = "control_commands",
	  .type = METRIC_COUNTER,
	  .value = commands,
	  .help = "Commands taken." },
	{ .name = "control_denied",
	  .type = METRIC_COUNTER,
	  .value = denied,
	  .help = "Clients denied for lack of permission." },
	{ .name = "control_closed",
	  .type = METRIC_COUNTER,
	  .value = closed,
	  .help = "Clients closed: too many, idle, or not reading." },
};

const struct metric_table control_metrics_control = {
	.scope = "node",
	.about = "The control socket.",
	.next = metric_single_next,
	METRIC_ROWS(control_rows),
};

/* ---- ICMP errors about tunnels ---- */

static bool path_mtu_next(const void *source, struct metric_cursor *cursor,
			  struct metric_entity *entity)
{
	const struct control_daemon *daemon = source;

	if (!daemon->path_mtu || cursor->outer++)
		return false;
	entity->object = path_mtu_stats(daemon->path_mtu);
	return true;
}

static const struct metric path_mtu_rows[] = {
	{ .name = "tunnel_errors",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct path_mtu_stats, errors),
	  .help = "ICMP errors about tunnels." },
	{ .name = "tunnel_errors_limited",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct path_mtu_stats, limited),
	  .help = "Of them, over `node.icmp_rate` and not processed." },
	{ .name = "tunnel_errors_learned",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct path_mtu_stats, learned),
	  .help = "Of them, those that lowered a path MTU." },
	{ .name = "tunnel_errors_relayed",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct path_mtu_stats, relayed),
	  .help = "Of them, relayed to a client." },
};

const struct metric_table control_metrics_path_mtu = {
	.scope = "node",
	.about = "ICMP errors that routers send about tunnels.",
	.next = path_mtu_next,
	METRIC_ROWS(path_mtu_rows),
};

/* ---- This process ---- */

static const char *const build_labels[] = { "version", "dataplane", NULL };

static bool build_info(const struct metric_entity *entity, const char **values, char *scratch)
{
	const struct control_daemon *daemon = entity->object;
	const struct config *config = model_config(daemon->model);

	(void)scratch;
	values[0] = SLUICE_VERSION;
	values[1] = config ? config_dataplane_name(config->node.dataplane) : NULL;
	return true;
}

static double cpu_seconds(const struct metric_entity *entity)
{
	(void)entity;
	return (double)clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
}

static double start_time(const struct metric_entity *entity)
{
	const struct control_daemon *daemon = entity->object;
	const double age_s = (double)(clock_now_ms() - daemon->started_ms) / 1e3;

	return (double)clock_read_ns(CLOCK_REALTIME) / 1e9 - age_s;
}

static double resident(const struct metric_entity *entity)
{
	(void)entity;
	return process_resident_bytes();
}

static double open_files(const struct metric_entity *entity)
{
	(void)entity;
	return process_open_files();
}

static double max_files(const struct metric_entity *entity)
{
	(void)entity;
	return process_max_files();
}

static const struct metric process_rows[] = {
	{ .name = "build",
	  .type = METRIC_INFO,
	  .info = build_info,
	  .info_labels = build_labels,
	  .help = "What runs." },
	{ .name = "process_cpu_seconds",
	  .type = METRIC_COUNTER,
	  .unit = "seconds",
	  .value = cpu_seconds,
	  .help = "CPU time of `sluiced`." },
	{ .name = "process_start_time_seconds",
	  .unit = "seconds",
	  .value = start_time,
	  .help = "When `sluiced` was started, in Unix time." },
	{ .name = "process_resident_memory_bytes",
	  .unit = "bytes",
	  .value = resident,
	  .help = "Resident memory of `sluiced`." },
	{ .name = "process_open_files", .value = open_files, .help = "Its open descriptors." },
	{ .name = "process_max_files", .value = max_files, .help = "Most that it may open." },
};

const struct metric_table control_metrics_process = {
	.scope = "process",
	.about = "`sluiced` itself.",
	.next = metric_single_next,
	METRIC_ROWS(process_rows),
};
