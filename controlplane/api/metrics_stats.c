/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics from the dataplane's counters. Without a dataplane there are no samples. */
#include <math.h>
#include <stdio.h>

#include "config/base/clock.h"
#include "controlplane/api/metrics.h"
#include "controlplane/api/stats.h"

/* ---- The node ---- */

/* The sums, read again for each row; valid until the next one. */
static bool sums_next(const void *source, struct metric_cursor *cursor,
		      struct metric_entity *entity)
{
	static struct stats_node figures;

	if (cursor->outer++)
		return false;
	stats_node_get(source, &figures);
	entity->object = &figures;
	return figures.connected;
}

static double beat_age(const struct metric_entity *entity)
{
	const struct stats_node *figures = entity->object;
	const uint64_t now_ns = clock_now_ns();

	return now_ns > figures->node.heartbeat_ns
		       ? (double)(now_ns - figures->node.heartbeat_ns) / 1e9
		       : 0;
}

static const struct metric node_rows[] = {
	{ .name = "received_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, rx_pkts),
	  .help = "Packets received: those transmitted, those to the kernel, and all drops." },
	{ .name = "received_bytes",
	  .type = METRIC_COUNTER,
	  .unit = "bytes",
	  METRIC_FIELD(struct stats_node, rx_bytes),
	  .help = "Bytes received." },
	{ .name = "transmitted_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, tx_pkts),
	  .help = "Packets forwarded, and ICMP errors sent in a packet's place." },
	{ .name = "transmitted_bytes",
	  .type = METRIC_COUNTER,
	  .unit = "bytes",
	  METRIC_FIELD(struct stats_node, tx_bytes),
	  .help = "Bytes of transmitted packets." },
	{ .name = "icmp_errors",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.reply_pkts),
	  .help = "ICMP errors sent: packet too big." },
	{ .name = "kernel_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, kernel_pkts),
	  .help = "Packets passed to the kernel." },
	{ .name = "from_kernel_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, from_kernel_pkts),
	  .help = "Packets of the kernel that were transmitted." },
	{ .name = "from_kernel_dropped_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, from_kernel_drops),
	  .help = "Packets of the kernel that were dropped." },
	{ .name = "flows", METRIC_FIELD(struct stats_node, flows), .help = "Flows recorded now." },
	{ .name = "new_flows",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, new_flows),
	  .help = "Flows recorded." },
	{ .name = "dataplane_beat_age_seconds",
	  .unit = "seconds",
	  .value = beat_age,
	  .help = "Since the last sign of life of the dataplane." },
	{ .name = "dataplane_tables_bytes",
	  .unit = "bytes",
	  METRIC_FIELD(struct stats_node, node.tables_bytes),
	  .help = "Memory of the dataplane's tables of pools and services." },
	{ .name = "dataplane_events_lost",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, node.events_lost),
	  .help = "Answers of the dataplane that found the ring full." },
};

const struct metric_table stats_metrics_node = {
	.scope = "node",
	.about = "Traffic of the node, all workers together.",
	.next = sums_next,
	METRIC_ROWS(node_rows),
};

/* ---- The port ---- */

static const char *const links[] = { "unknown", "down", "up", NULL };

static uint32_t link_state(const struct metric_entity *entity)
{
	const struct stats_node *figures = entity->object;

	return figures->node.link <= LB_LINK_UP ? (uint32_t)figures->node.link : LB_LINK_UNKNOWN;
}

static const struct metric port_rows[] = {
	{ .name = "port_link",
	  .type = METRIC_STATE,
	  .states = links,
	  .state = link_state,
	  .help = "1 for the state of the port's link." },
	{ .name = "port_missed_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, node.nic_missed),
	  .help = "Packets that the NIC dropped because a receive queue was full." },
	{ .name = "port_receive_errors",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, node.nic_rx_errors),
	  .help = "Packets that the NIC received with errors." },
	{ .name = "port_no_buffers",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, node.nic_no_mbuf),
	  .help = "Packets for which no buffer was free." },
	{ .name = "port_transmit_errors",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, node.nic_tx_errors),
	  .help = "Packets that the NIC failed to transmit." },
	{ .name = "port_buffers",
	  METRIC_FIELD(struct stats_node, node.mbuf_total),
	  .help = "Packet buffers." },
	{ .name = "port_buffers_free",
	  METRIC_FIELD(struct stats_node, node.mbuf_free),
	  .help = "Packet buffers that are free." },
};

const struct metric_table stats_metrics_port = {
	.scope = "port",
	.about = "The port.",
	.next = sums_next,
	METRIC_ROWS(port_rows),
};

/* ---- Drops ---- */

static const char *const drop_labels[] = { "reason", NULL };

static bool drop_next(const void *source, struct metric_cursor *cursor,
		      struct metric_entity *entity)
{
	static struct stats_node figures;

	if (cursor->outer == 0)
		stats_node_get(source, &figures);
	if (!figures.connected || cursor->outer >= LB_DROP_COUNT)
		return false;
	entity->object = &figures.drop[cursor->outer];
	entity->labels[0] = (struct metric_label){ "reason", stats_drop_name(cursor->outer++) };
	return true;
}

static const struct metric drop_rows[] = {
	{ .name = "dropped_packets",
	  .type = METRIC_COUNTER,
	  .field = 0,
	  .help = "Packets dropped." },
};

const struct metric_table stats_metrics_drops = {
	.scope = "drop",
	.about = "Each reason, as `sluicectl drops` shows and explains it.",
	.labels = drop_labels,
	.next = drop_next,
	METRIC_ROWS(drop_rows),
};

/* ---- The flow table ---- */

static const struct metric flow_table_rows[] = {
	{ .name = "flow_table_slots",
	  METRIC_FIELD(struct stats_node, flows_capacity),
	  .help = "Flows that the tables have room for; about twice `node.flows`." },
	{ .name = "flow_table_hits",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_hits),
	  .help = "Packets of a recorded flow." },
	{ .name = "flow_table_misses",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_misses),
	  .help = "Packets of no recorded flow." },
	{ .name = "flow_table_adopted",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_adopted),
	  .help = "Flows recorded that began elsewhere or earlier." },
	{ .name = "flow_table_moved",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_moved),
	  .help = "Flows taken from an instance that no longer serves." },
	{ .name = "flow_table_expired",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_expired),
	  .help = "Flows that expired." },
	{ .name = "flow_table_evicted_unconfirmed",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_evicted_unconfirmed),
	  .help = "Flows evicted of which only a SYN was seen." },
	{ .name = "flow_table_evicted_closed",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_evicted_closed),
	  .help = "Flows evicted that were closed." },
	{ .name = "flow_table_evicted_confirmed",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_evicted_confirmed),
	  .help = "Established flows evicted: the table is too small (`node.flows`)." },
	{ .name = "flow_table_relocated",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_relocated),
	  .help = "Flows moved to their other bucket to make room." },
	{ .name = "flow_table_not_recorded",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct stats_node, sum.flow_table_full),
	  .help = "Flows forwarded without a record, for lack of room." },
};

const struct metric_table stats_metrics_flow_table = {
	.scope = "flow_table",
	.about = "Flow tables, all workers together.",
	.next = sums_next,
	METRIC_ROWS(flow_table_rows),
};

/* ---- Workers ---- */

static const char *const worker_labels[] = { "worker", "cpu", NULL };

/* Rows without a CPU of their own, as XDP has for CPUs that serve no queue, only if they counted. */
static bool worker_next(const void *source, struct metric_cursor *cursor,
			struct metric_entity *entity)
{
	const struct lb_segment *segment = stats_segment(source);
	char *cpu = entity->scratch + 16;

	for (; segment && cursor->outer < stats_workers(segment); cursor->outer++) {
		const uint32_t i = cursor->outer, of = segment->cpu[i];
		const struct lb_worker_stats *row = lb_segment_worker_stats(segment, i);

		if (of == LB_SEGMENT_CPU_NONE && !__atomic_load_n(&row->rx_pkts, __ATOMIC_RELAXED))
			continue;
		cursor->outer++;
		snprintf(entity->scratch, 16, "%u", i);
		snprintf(cpu, 16, "%u", of);
		entity->object = row;
		entity->labels[0] = (struct metric_label){ "worker", entity->scratch };
		entity->labels[1] =
			(struct metric_label){ "cpu", of == LB_SEGMENT_CPU_NONE ? NULL : cpu };
		return true;
	}
	return false;
}

static const struct metric worker_rows[] = {
	{ .name = "worker_received_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct lb_worker_stats, rx_pkts),
	  .help = "Packets received." },
	{ .name = "worker_transmitted_packets",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct lb_worker_stats, tx_pkts),
	  .help = "Packets transmitted." },
	{ .name = "worker_new_flows",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct lb_worker_stats, flow_inserts),
	  .help = "Flows recorded." },
	{ .name = "worker_loops",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct lb_worker_stats, loops),
	  .help = "Turns of its loop." },
	{ .name = "worker_busy_loops",
	  .type = METRIC_COUNTER,
	  METRIC_FIELD(struct lb_worker_stats, busy_loops),
	  .help = "Of them, those with packets." },
};

const struct metric_table stats_metrics_workers = {
	.scope = "worker",
	.about =
		"Each worker; with `dataplane: xdp` each CPU, which has no loops. With `auto` the two "
		"dataplanes count in rows of their own, and only sums have a meaning.",
	.labels = worker_labels,
	.next = worker_next,
	METRIC_ROWS(worker_rows),
};
