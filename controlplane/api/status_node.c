/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/base/file.h"
#include "config/base/version.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/server.h"
#include "controlplane/api/stats.h"
#include "controlplane/api/status_internal.h"
#include "controlplane/health/health.h"
#include "controlplane/model/model.h"
#include "controlplane/model/spread.h"
#include "controlplane/net/path_mtu.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/publish.h"

/* Text that another process wrote, or that may not be UTF-8. */
static json_t *control_status_text(const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	json_t *value = json_stringn(text, length);

	return value != NULL ? value : json_string("?");
}

/* CPUs that have a flow table. */
static json_t *control_status_cpus(const struct lb_segment *segment)
{
	json_t *cpus = json_array();

	for (uint32_t i = 0; cpus != NULL && i < stats_workers(segment); i++)
		if (segment->cpu[i] != LB_SEGMENT_CPU_NONE)
			json_array_append_new(cpus, json_integer(segment->cpu[i]));
	return cpus;
}

/* What the dataplane reports about itself. */
static int control_status_segment(json_t *node, const struct lb_segment *segment)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t uptime_ns = now_ns > segment->started_ns ? now_ns - segment->started_ns : 0;
	const struct lb_node_stats *stats = lb_segment_at(segment, segment->node_stats);
	json_t *more, *cpus = control_status_cpus(segment);
	char boot_id[17];
	int err;

	snprintf(boot_id, sizeof(boot_id), "%016" PRIx64, segment->boot_id);
	more = json_pack("{s:i, s:s, s:f, s:i, s:o, s:o, s:o, s:i, s:o, s:I, s:o}", "pid",
			 (int)segment->pid, "boot_id", boot_id, "uptime_s", (double)uptime_ns / 1e9,
			 "workers", (int)json_array_size(cpus), "cpus", cpus, "port",
			 control_status_text(segment->port_name, sizeof(segment->port_name)),
			 "driver", control_status_text(segment->driver, sizeof(segment->driver)),
			 "mtu", (int)segment->port_mtu, "kernel_iface",
			 control_status_text(segment->kernel_iface, sizeof(segment->kernel_iface)),
			 "kernel_mac_reset", (json_int_t)stats->kernel_mac_reset, "note",
			 control_status_text(segment->note, sizeof(segment->note)));
	err = json_object_update(node, more);
	json_decref(more);
	json_object_set_new(node, "flows_kept", json_integer((json_int_t)segment->flows_kept));
	json_object_set_new(node, "flows_kept_note",
			    control_status_text(segment->kept_note, sizeof(segment->kept_note)));
	return err;
}

/* Why there is only one dataplane. */
static const char *control_status_alone(const struct config *config)
{
	if (!config || config->node.dataplane != CONFIG_DATAPLANE_AUTO)
		return "set by node.dataplane";
	if (config->node.port_kind == CONFIG_PORT_PCI)
		return "the NIC has no kernel driver, so XDP cannot take over";
	return "the port is no kernel interface, so XDP cannot take over";
}

/* Which of two dataplanes gets the packets, and why. */
static json_t *control_status_handover(const struct control_daemon *daemon)
{
	const struct config *config = model_config(daemon->model);
	struct publish_handover handover;
	uint64_t now_ns = clock_now_ns();

	publish_handover_get(daemon->publish, &handover);
	if (!handover.is_on)
		return json_pack("{s:b, s:s, s:s}", "takeover", false, "now",
				 config && config->node.dataplane == CONFIG_DATAPLANE_XDP ? "xdp"
											  : "dpdk",
				 "why", control_status_alone(config));
	return json_pack("{s:b, s:s, s:s, s:f, s:i, s:I}", "takeover", true, "now",
			 handover.is_dpdk ? "dpdk" : "xdp", "why", handover.why, "since_s",
			 handover.since_ns ? (double)(now_ns - handover.since_ns) / 1e9 : 0.0,
			 "takeovers", (int)handover.takeovers, "handed_pkts",
			 (json_int_t)handover.handed_pkts);
}

/* Why sluice-dataplane does not start; empty if it runs, is not needed, or has reported nothing. */
static json_t *control_status_start_failed(const struct control_daemon *daemon)
{
	const struct config *config = model_config(daemon->model);
	char path[PATH_MAX], line[LB_FAILURE_MAX];
	const char *why;

	if (!config || config->node.dataplane == CONFIG_DATAPLANE_XDP)
		return control_status_text("", 0);
	snprintf(path, sizeof(path), "%s/" LB_FAILURE_FILE, daemon->run_dir);
	(void)file_line(path, line, sizeof(line));
	why = strchr(line, ' ');
	return control_status_text(why ? why + 1 : "", why ? strlen(why + 1) : 0);
}

/* What of the messages to the dataplane went wrong there, and the size of its tables. */
static void control_status_consumer(json_t *dataplane, const struct lb_segment *segment)
{
	const struct lb_node_stats *node = lb_segment_at(segment, segment->node_stats);
	uint64_t refused = 0;

	for (uint32_t i = 0; i < sizeof(node->refused) / sizeof(node->refused[0]); i++)
		refused += node->refused[i];
	json_object_set_new(dataplane, "messages_refused", json_integer((json_int_t)refused));
	json_object_set_new(dataplane, "events_lost", json_integer((json_int_t)node->events_lost));
	json_object_set_new(dataplane, "tables_bytes",
			    json_integer((json_int_t)node->tables_bytes));
}

/* Properties of the port that may change at run time. */
static void control_status_port(json_t *dataplane, const struct lb_segment *segment)
{
	const struct lb_node_stats *node = lb_segment_at(segment, segment->node_stats);
	static const char *const links[] = {
		[LB_LINK_UNKNOWN] = "unknown", [LB_LINK_DOWN] = "down", [LB_LINK_UP] = "up"
	};
	uint8_t m[LB_ETH_ALEN];
	uint16_t mtu = lb_segment_port_get(segment, m);
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	json_object_set_new(dataplane, "mac", json_string(mac));
	json_object_set_new(dataplane, "mtu", json_integer(mtu));
	json_object_set_new(dataplane, "link",
			    json_string(links[node->link <= LB_LINK_UP ? node->link : 0]));
}

static json_t *control_status_dataplane(const struct control_daemon *daemon)
{
	const struct lb_segment *segment = publish_segment(daemon->publish);
	const struct config *config = model_config(daemon->model);
	const char *ailment = daemon->ops->ailment(daemon->ops_arg);
	struct publish_info info;
	json_t *dataplane;

	publish_info_get(daemon->publish, &info);
	dataplane = json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:f, s:s}", "kind",
			      config != NULL ? config_dataplane_name(config->node.dataplane) : "?",
			      "running", info.connected && segment != NULL, "pending", info.pending,
			      "generation", (json_int_t)info.generation, "published",
			      (json_int_t)info.published, "refused", (json_int_t)info.refused,
			      "skipped", (json_int_t)info.skipped, "last_ack_us",
			      (double)info.last_ack_ns / 1000, "problem", info.problem);
	if (dataplane != NULL) {
		json_object_set_new(dataplane, "carrier", control_status_handover(daemon));
		json_object_set_new(dataplane, "start_failed", control_status_start_failed(daemon));
	}
	if (dataplane != NULL && segment != NULL) {
		(void)control_status_segment(dataplane, segment);
		control_status_port(dataplane, segment);
		control_status_consumer(dataplane, segment);
		json_object_set_new(dataplane, "spread", json_string(daemon->spread->note));
		json_object_set_new(dataplane, "mtu_note", json_string(daemon->mtu_note));
	}
	if (dataplane != NULL)
		json_object_set_new(dataplane, "ailment", json_string(ailment ? ailment : ""));
	return dataplane;
}

static json_t *control_status_flow_table(const struct stats_node *figures)
{
	const struct lb_worker_stats *sum = &figures->sum;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "hits",
			 (json_int_t)sum->flow_hits, "misses", (json_int_t)sum->flow_misses,
			 "inserts", (json_int_t)sum->flow_inserts, "adopted",
			 (json_int_t)sum->flow_adopted, "moved", (json_int_t)sum->flow_moved,
			 "expired", (json_int_t)sum->flow_expired, "evicted_unconfirmed",
			 (json_int_t)sum->flow_evicted_unconfirmed, "evicted_closed",
			 (json_int_t)sum->flow_evicted_closed, "evicted_confirmed",
			 (json_int_t)sum->flow_evicted_confirmed, "relocated",
			 (json_int_t)sum->flow_relocated, "not_recorded",
			 (json_int_t)sum->flow_table_full);
}

static json_t *control_status_health(const struct control_daemon *daemon)
{
	struct health_stats stats = { 0 };

	if (daemon->health != NULL)
		health_stats_get(daemon->health, &stats);
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i}",
			 "checks", (int)stats.checks, "in_flight", (int)stats.in_flight, "silent",
			 (int)stats.silent, "waiting", (int)stats.waiting, "late", (int)stats.late,
			 "wait_max_ms", (int)stats.wait_max_ms, "started",
			 (json_int_t)stats.started, "passed", (json_int_t)stats.passed, "lame",
			 (json_int_t)stats.lame, "down", (json_int_t)stats.down, "errors",
			 (json_int_t)stats.errors, "delayed", (json_int_t)stats.delayed,
			 "cancelled", (json_int_t)stats.cancelled, "delay_max_ms",
			 (int)stats.delay_max_ms);
}

static json_t *control_status_control(const struct control_daemon *daemon)
{
	struct control_stats stats = { 0 };

	if (daemon->control != NULL)
		control_stats_get(daemon->control, &stats);
	return json_pack("{s:i, s:I, s:I, s:I, s:I}", "clients", (int)stats.clients, "accepted",
			 (json_int_t)stats.accepted, "denied", (json_int_t)stats.denied, "closed",
			 (json_int_t)stats.closed, "commands", (json_int_t)stats.commands);
}

/* ICMP errors about tunnels. */
static json_t *control_status_path_mtu(const struct control_daemon *daemon)
{
	struct path_mtu_stats stats = { 0 };

	if (daemon->path_mtu != NULL)
		stats = *path_mtu_stats(daemon->path_mtu);
	return json_pack("{s:I, s:I, s:I, s:I}", "heard", (json_int_t)stats.errors, "limited",
			 (json_int_t)stats.limited, "learned", (json_int_t)stats.learned, "relayed",
			 (json_int_t)stats.relayed);
}

static int control_status_figures(json_t *node, const struct stats_node *figures)
{
	json_t *more = json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:{s:I, s:I, s:I}, s:o}",
		"received", (json_int_t)figures->rx_pkts, "received_bytes",
		(json_int_t)figures->rx_bytes, "transmitted", (json_int_t)figures->tx_pkts,
		"transmitted_bytes", (json_int_t)figures->tx_bytes, "icmp_errors",
		(json_int_t)figures->sum.reply_pkts, "kernel", (json_int_t)figures->kernel_pkts,
		"dropped", (json_int_t)figures->drops, "flows", (json_int_t)figures->flows,
		"flows_capacity", (json_int_t)figures->flows_capacity, "new_per_s",
		figures->new_per_s, "rx_pkts_per_s", figures->rx_pkts_per_s, "rx_bits_per_s",
		figures->rx_bits_per_s, "mbufs", "total", (json_int_t)figures->node.mbuf_total,
		"free", (json_int_t)figures->node.mbuf_free, "baseline",
		(json_int_t)figures->node.mbuf_baseline, "flow_table",
		control_status_flow_table(figures));
	int err = json_object_update(node, more);

	json_decref(more);
	return err;
}

/* null: the file is in force. */
static json_t *control_status_problem(const struct control_daemon *daemon)
{
	return daemon->config_problem[0]
		       ? control_status_text(daemon->config_problem, strlen(daemon->config_problem))
		       : json_null();
}

json_t *control_status_node(struct control_daemon *daemon)
{
	uint64_t now_ms = clock_now_ms();
	struct stats_node figures;
	json_t *node;

	stats_node_get(daemon->stats, &figures);
	node = json_pack("{s:s, s:i, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "version", SLUICE_VERSION,
			 "pid", (int)getpid(), "uptime_s",
			 (double)(now_ms - daemon->started_ms) / 1000, "config",
			 control_status_text(daemon->config_path, PATH_MAX), "config_problem",
			 control_status_problem(daemon), "dataplane",
			 control_status_dataplane(daemon), "checks", control_status_health(daemon),
			 "control", control_status_control(daemon), "tunnel_errors",
			 control_status_path_mtu(daemon));
	if (node != NULL)
		json_object_set_new(node, "nat", control_status_nat(daemon, &figures));
	if (node != NULL && control_status_figures(node, &figures) != 0) {
		json_decref(node);
		return NULL;
	}
	return node;
}
