/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/flows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_launch.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "dataplane/engine/recover.h"
#include "dataplane/io/eal.h"

/* ---- Memory ---- */

uint32_t flows_missing_mb(const struct dataplane *dp)
{
	const struct plan *plan = &dp->plan;

	return plan->memory_mb - (dp->kept.is_found ? plan->flow_mb : 0);
}

int flows_start(struct dataplane *dp)
{
	const struct plan *plan = &dp->plan;
	int err;

	if (plan->has_handover)
		return 0;
	if (dp->kept.is_found) {
		dp->flows = dp->kept.flows;
		dp->kept.flows = (struct flow_memory){ .map = NULL };
		return 0;
	}
	err = flow_memory_create(&dp->flows, plan->n_workers, plan->flow_buckets,
				 plan->nat_records);
	if (err)
		log_err("no memory for the flow tables of node.flows: %u (%s)", plan->node->flows,
			strerror(-err));
	else if (!dp->flows.is_huge)
		log_warn("the kernel has no hugepages of 2 MB for the flow tables: they are in"
			 " ordinary memory, which costs speed");
	return err;
}

void flows_stop(struct dataplane *dp)
{
	flow_memory_destroy(&dp->flows);
}

/* ---- Segment and tables ---- */

static void segment_describe(struct dataplane *dp)
{
	struct lb_segment *seg = dp->segment.shared;
	const struct port *port = &dp->port;
	const uint32_t n_regions =
		dp->plan.has_handover ? dp->handover.n_regions : dp->plan.n_workers;

	lb_segment_port_set(dp->segment.shared, port->mac, port->mtu);
	snprintf(seg->port_name, sizeof(seg->port_name), "%s", dp->plan.node->port);
	snprintf(seg->driver, sizeof(seg->driver), "%s", port->driver);
	snprintf(seg->kernel_iface, sizeof(seg->kernel_iface), "%s", KERNEL_PATH_IFACE);
	snprintf(seg->note, sizeof(seg->note), "%s", port->note);
	seg->nat_spaces = dp->plan.nat_records ? dp->plan.nat_spaces : 0;
	seg->nat_ports = (uint16_t)(dp->plan.nat_room * n_regions);
	for (uint32_t i = 0; i < dp->plan.n_workers; i++)
		seg->cpu[i] = dp->plan.node->cpus[i];
}

/* Complete: from now on a successor may use both. */
static void seal(struct dataplane *dp)
{
	if (!dp->flows.map)
		return;
	flow_memory_seal(&dp->flows, dp->segment.boot_id);
	dp->segment.flows_fd = dp->flows.fd;
}

int flows_segment_start(struct dataplane *dp)
{
	int err;

	if (dp->kept.is_found) {
		dp->segment = dp->kept.segment;
		dp->kept.segment = (struct segment){ .shared = NULL };
		err = segment_adopt(&dp->segment);
	} else {
		err = segment_create(&dp->segment, dp->plan.n_workers);
	}
	if (err) {
		log_err("cannot make the shared segment: %s", strerror(-err));
		return err;
	}
	segment_describe(dp);
	seal(dp);
	if (dp->plan.has_handover) {
		dp->segment.worker_stats = dp->handover.workers;
		dp->segment.instance_stats =
			dp->handover.counts + (size_t)dp->handover.first_count * LB_INSTANCES_MAX;
	}
	return 0;
}

/* Its flows mean nothing without its tables. */
static int start_empty(struct dataplane *dp)
{
	int err;

	consumer_fini(&dp->consumer);
	segment_destroy(&dp->segment);
	dp->kept.is_found = false;
	dp->kept.is_stored = false;
	snprintf(dp->kept.note, sizeof(dp->kept.note), "the predecessor's tables are damaged");
	flow_memory_clear(&dp->flows);
	err = flows_segment_start(dp);
	return err ? err : consumer_init(&dp->consumer, &dp->segment, dp->qsbr);
}

int flows_tables_start(struct dataplane *dp)
{
	int err = consumer_init(&dp->consumer, &dp->segment, dp->qsbr);

	if (!err && dp->kept.is_found && !recover_tables(&dp->consumer))
		err = start_empty(dp);
	if (!err && dp->flows.map && !dp->kept.is_stored)
		kept_store(&dp->segment, &dp->flows);
	return err;
}

/* ---- Flows ---- */

static void keep_fill(struct dataplane *dp)
{
	const struct tables *tables = consumer_tables(&dp->consumer);

	flow_keep_init(&dp->keep, &tables->secret, &tables->timeouts);
	dp->keep.ended = dp->kept.ended_ns / LB_FLOW_TICK_NS;
	dp->keep.now = clock_now_ns() / LB_FLOW_TICK_NS;
	dp->keep.peers = dp->regions;
	dp->keep.n_peers = dp->plan.n_workers;
}

static uint64_t flows_count(const struct dataplane *dp)
{
	uint64_t flows = 0;

	for (uint32_t i = 0; i < dp->plan.n_workers; i++)
		flows += dp->worker[i].stats->flows;
	return flows;
}

static void report(struct dataplane *dp, uint64_t before, uint64_t began_ns)
{
	struct lb_segment *seg = dp->segment.shared;

	if (!dp->kept.is_found) {
		snprintf(seg->kept_note, sizeof(seg->kept_note), "none: %s", dp->kept.note);
		log_info("flows: none kept: %s", dp->kept.note);
		return;
	}
	seg->flows_kept = flows_count(dp);
	snprintf(seg->kept_note, sizeof(seg->kept_note), "from %s", dp->kept.keeper);
	log_info("flows: %" PRIu64 " of %" PRIu64 " kept, from %s%s; gone through in %" PRIu64
		 " ms, %" PRIu64 " ms after the predecessor's last sign of life",
		 seg->flows_kept, before, dp->kept.keeper,
		 seg->flows_kept < before ? " (the others have expired)" : "",
		 (clock_now_ns() - began_ns) / 1000000,
		 (clock_now_ns() - dp->kept.ended_ns) / 1000000);
}

int flows_prepare(struct dataplane *dp)
{
	uint64_t before = flows_count(dp), began_ns = clock_now_ns();
	int err = 0;

	if (!dp->flows.map)
		return 0;
	if (dp->kept.is_found)
		keep_fill(dp);
	for (uint32_t i = 0; i < dp->plan.n_workers; i++) {
		dp->worker[i].keep = dp->kept.is_found ? &dp->keep : NULL;
		rte_eal_remote_launch(worker_prepare, &dp->worker[i], eal_lcore(i));
	}
	for (uint32_t i = 0; i < dp->plan.n_workers; i++) {
		int failed = rte_eal_wait_lcore(eal_lcore(i));

		err = err ? err : failed;
	}
	if (!err)
		report(dp, before, began_ns);
	return err;
}
