/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a dataplane decides with, to be read beside it: the tables of the generation in use, and the
 * flow tables of its workers. A backend fills it in (publish_view()), or a configuration does
 * (flows/offline.h).
 *
 * Tables are constant as long as the thread that publishes does nothing else. Flow tables are
 * written meanwhile, by others: they are only read, a record at a time (flows/read.h).
 */
#ifndef CONTROLPLANE_FLOWS_VIEW_H
#define CONTROLPLANE_FLOWS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_abi.h"
#include "dataplane/core/lb_memory.h"
#include "dataplane/core/lb_nat_find.h"

#define FLOWS_VIEW_WHY_MAX 160

/* The flow table of one worker, CPU or queue. */
struct flows_region {
	const struct lb_bucket *bucket;
	uint32_t n_buckets;
	uint32_t cpu; /* LB_SEGMENT_CPU_NONE: unknown, or none */
};

struct flows_view {
	uint64_t generation; /* 0: of none */
	struct lb_secret secret;
	struct lb_flow_timeouts timeouts;
	uint32_t mtu; /* bytes of an IP packet that the port may send */
	uint16_t now; /* tick */
	const struct lb_service_table *services;
	struct lb_instances instances;
	struct lb_pool_view pool[LB_POOLS_MAX];
	uint32_t n_regions;
	struct flows_region region[LB_WORKERS_MAX];
	char why_no_flows[FLOWS_VIEW_WHY_MAX]; /* why the flow tables can't be read; "": they can */

	struct lb_nat_params nat_params;
	struct lb_nat nat; /* params NULL: nothing is translated, or its records can't be read */
	struct lb_nat_index nat_index;
	struct lb_nat_memory nat_memory[LB_WORKERS_MAX]; /* read only */

	void *owned; /* freed with the view */
};

/* A packet may come between the reading of the clock and that of its record. */
#define FLOWS_AHEAD_TICKS 64

/** The tick of a record's last packet, not after the view's own. */
static inline uint16_t flows_view_seen(const struct flows_view *view, uint16_t seen)
{
	return (uint16_t)(view->now - seen) > UINT16_MAX - FLOWS_AHEAD_TICKS ? view->now : seen;
}

/** Set what follows from the node's parameters, and the time. */
void flows_view_params(struct flows_view *view, const struct lb_params *params);

/**
 * Set what finds records of translated connections, once nat_params, nat_memory and services are
 * set. @n_spaces, @room: of each worker's memory.
 */
void flows_view_nat(struct flows_view *view, uint32_t n_spaces, uint32_t room);

/** Free what belongs to it; a zeroed one is allowed. */
void flows_view_fini(struct flows_view *view);

#endif
