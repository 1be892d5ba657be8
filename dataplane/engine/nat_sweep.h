/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sweep of a worker's records of translated connections: expired ones are freed, connections
 * that nobody else ends are reset, and the pins of quiet ones are kept.
 */
#ifndef ENGINE_NAT_SWEEP_H
#define ENGINE_NAT_SWEEP_H

#include "dataplane/core/lb_nat_reset.h"
#include "dataplane/core/lb_stats.h"
#include "dataplane/engine/flow_table.h"

LB_STATIC_ASSERT(LB_NAT_SWEEP_TICKS <= 4 * FLOW_TABLE_SWEEP_TICKS,
		 "LB_CHECK_TICKS_MAX has the room");

#define NAT_SWEEP_RESETS 128 /* connections reset in a tick, at most */
#define NAT_SWEEP_OUT 48     /* segments of one call, at most */

struct nat_sweep {
	uint32_t next;	 /* record */
	uint32_t done;	 /* records since the last tick */
	uint32_t resets; /* connections since the last tick */
	uint32_t n_out;
	struct lb_nat_reset out[NAT_SWEEP_OUT]; /* to be sent by the caller */
};

/* What a worker sweeps with. */
struct nat_sweep_with {
	const struct lb_nat *nat;
	const struct lb_instances *instances;
	const struct lb_flow_timeouts *timeouts; /* of flows */
	struct lb_table *flows;
	struct lb_worker_stats *stats;
	uint64_t port_mac; /* lb_mac_load() */
	uint16_t now;
};

/** A tick has passed. */
static inline void nat_sweep_tick(struct nat_sweep *sweep)
{
	sweep->done = 0;
	sweep->resets = 0;
}

/** Whether more records are to be looked at in this tick. */
static inline bool nat_sweep_is_due(const struct nat_sweep *sweep, const struct lb_nat *nat)
{
	return sweep->done <= nat->n_spaces * nat->room / LB_NAT_SWEEP_TICKS;
}

/**
 * Look at a few more records. To be called until it returns 0 in every tick.
 * @max: records now, at most. Return: records looked at. Context: the worker.
 */
uint32_t nat_sweep(struct nat_sweep *sweep, const struct nat_sweep_with *with, uint32_t max);

#endif
