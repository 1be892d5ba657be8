/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of the packet path. Memory shared by the dataplanes and the control plane: fields are
 * appended, never moved.
 */
#ifndef LB_STATS_H
#define LB_STATS_H

#include "dataplane/core/lb_verdict.h"

#define LB_DROP_SLOTS 32

/* Per instance and worker. Written by that worker. */
struct lb_instance_stats {
	uint32_t flows;	     /* in the flow table now */
	uint32_t reply_pkts; /* translated, to clients; wraps */
	uint64_t new_flows;
	uint64_t pkts;
	uint64_t bytes; /* of IP packets as received */
};

/*
 * Written by one worker; the last entry by the main lcore. Whenever the worker is between two
 * bursts:
 * rx_pkts = tx_pkts + kernel_pkts + sum of drop[].
 */
struct lb_worker_stats {
	uint64_t rx_pkts;
	uint64_t rx_bytes;
	uint64_t tx_pkts; /* forwarded, and ICMP errors sent in a packet's place */
	uint64_t tx_bytes;
	uint64_t kernel_pkts;
	uint64_t reply_pkts;	   /* of tx_pkts: ICMP errors */
	uint64_t from_kernel_pkts; /* originated by the kernel and transmitted; not in tx_pkts */
	uint64_t from_kernel_drops;
	uint64_t flow_hits;
	uint64_t flow_misses;
	uint64_t flow_inserts;
	uint64_t flow_adopted; /* of flow_inserts: begun elsewhere or earlier */
	uint64_t flow_moved;   /* taken from an instance that no longer serves */
	uint64_t flow_evicted_unconfirmed;
	uint64_t flow_evicted_closed;
	uint64_t flow_evicted_confirmed;
	uint64_t flow_relocated;
	uint64_t flow_table_full; /* forwarded by the slot table, not recorded */
	uint64_t flow_expired;
	uint64_t flows;
	uint64_t loops;		      /* iterations; the heartbeat */
	uint64_t busy_loops;	      /* of them, those with packets */
	uint64_t drop[LB_DROP_SLOTS]; /* by enum lb_drop */
	uint64_t nat_flows;	      /* records in use, of the worker's ports */
	uint64_t nat_inserts;
	uint64_t nat_expired;
	uint64_t nat_evicted;	   /* half-open, for another connection */
	uint64_t nat_reply_pkts;   /* of tx_pkts: from instances to clients */
	uint64_t nat_foreign_pkts; /* of these: of another worker's ports */
	uint64_t nat_resets;	   /* connections reset: expired, without instance or record */
	uint64_t nat_reset_pkts;   /* sent for these; not in tx_pkts */
	uint64_t reserved[2];
} LB_ALIGNED(64);

LB_STATIC_ASSERT(LB_DROP_COUNT <= LB_DROP_SLOTS, "drop[] has room");

/**
 * Account for the packets that were in flight in a worker when it was killed: it had counted them
 * as received, but not what became of them. They become drops (LB_DROP_KILLED).
 */
LB_INLINE void lb_stats_close(struct lb_worker_stats *stats)
{
	uint64_t missing = stats->rx_pkts - stats->tx_pkts - stats->kernel_pkts;

	for (uint32_t i = 0; i < LB_DROP_COUNT; i++)
		missing -= stats->drop[i];
	stats->drop[LB_DROP_KILLED] += missing;
}

#endif
