/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics of the dataplane, summed over its workers, and rates over the last second. Reads the
 * segment; without a dataplane all are 0. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_API_STATS_H
#define CONTROLPLANE_API_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_abi.h"
#include "dataplane/core/lb_verdict.h"

struct event_base;
struct lb_segment;
struct publish;
struct stats;

/** Return: NULL and errno ENOMEM. */
struct stats *stats_create(struct event_base *base, struct publish *publish);
void stats_destroy(struct stats *stats);

struct stats_instance {
	uint64_t flows; /* now */
	uint64_t new_flows;
	uint64_t pkts;
	uint64_t bytes;
	uint32_t reply_pkts; /* translated; wraps */
	double new_per_s;    /* over the last second */
};

/** Statistics of an instance index (model_instance.index), read now. */
void stats_instance_get(const struct stats *stats, uint32_t index, struct stats_instance *out);

struct control_worker;

/**
 * New flows of an instance index by worker, CPU or queue. @workers: at most @max, set.
 * Return: how many there are; 0 without a dataplane.
 */
uint32_t stats_instance_workers(const struct stats *stats, uint32_t index,
				struct control_worker *workers, uint32_t max);

struct stats_node {
	bool connected; /* false: the rest is 0 */
	uint32_t workers;
	/* rx_pkts = tx_pkts + kernel_pkts + sum of drop[], exactly, when no packet is in flight */
	uint64_t rx_pkts;
	uint64_t rx_bytes;
	uint64_t tx_pkts;
	uint64_t tx_bytes;
	uint64_t kernel_pkts; /* handed to the kernel interface */
	uint64_t drop[LB_DROP_COUNT];
	uint64_t drops; /* sum over all reasons */
	uint64_t from_kernel_pkts;
	uint64_t from_kernel_drops;
	uint64_t flows;
	uint64_t flows_capacity;
	uint64_t new_flows;
	double new_per_s;
	double rx_pkts_per_s;
	double rx_bits_per_s;
	struct lb_worker_stats
		sum; /* of all workers and the main lcore, for what is not named above */
	struct lb_node_stats node;
};

/** Rows of counters in a segment: workers, under XDP all possible CPUs. */
uint32_t stats_workers(const struct lb_segment *segment);

/** The dataplane's segment, or NULL. Valid until the loop continues. */
const struct lb_segment *stats_segment(const struct stats *stats);

void stats_node_get(const struct stats *stats, struct stats_node *out);

/** Name of a drop reason on the command line, and its meaning; NULL past the last. */
const char *stats_drop_name(uint32_t reason);
const char *stats_drop_text(uint32_t reason);

#endif
