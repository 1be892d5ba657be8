/* SPDX-License-Identifier: BSD-3-Clause */
/* Judges every packet that comes back; see wire.h for the method, faults.h for the faults. */
#ifndef PKTGEN_RECEIVER_H
#define PKTGEN_RECEIVER_H

#include <rte_mbuf.h>

#include "perf/pktgen/faults.h"
#include "perf/pktgen/flows.h"
#include "perf/pktgen/histogram.h"
#include "perf/pktgen/instances.h"
#include "perf/pktgen/predict.h"

/* What the device under test must do with a packet. */
enum receiver_mode {
	RECEIVER_L2,	  /* to an instance's MAC address */
	RECEIVER_IPIP,	  /* through a tunnel, any mix of families */
	RECEIVER_MACSWAP, /* back with its addresses swapped, as testpmd does */
};

struct receiver_stats {
	uint64_t pkts;	/* of ours */
	uint64_t bytes; /* of their frames, without FCS */
	uint64_t good;	/* of flows: intact, and not seen before */
	uint64_t flood;
	uint64_t bad;	/* with at least one fault, or duplicate */
	uint64_t other; /* not ours: ARP, and what the node itself sends */
	uint64_t left;	/* flows that left an instance, as they may */
	uint64_t syns, fins;
};

struct receiver {
	const struct wire *wire;
	struct flows *flows;
	const struct instances *instances;
	enum receiver_mode mode;
	uint8_t mac[LB_ETH_ALEN];      /* of our port */
	uint8_t node_mac[LB_ETH_ALEN]; /* of the device under test */
	bool has_next_hop;
	uint8_t next_hop[LB_ETH_ALEN]; /* of tunnels, if they go through a router */
	struct predict *predict;       /* may be NULL */
	/* common to all outer headers: learned from the first */
	bool knows4, knows6;
	uint8_t ttl4, ttl6;
	lb_be32 node4;
	uint8_t node6[16];

	struct receiver_stats stats;
	struct faults faults;
	struct histogram latency; /* in stamps */
	uint64_t instance_pkts[INSTANCES_MAX];
};

/** Prefetch a burst, which may be judged a moment later. */
void receiver_prefetch(const struct receiver *r, struct rte_mbuf **pkts, uint32_t n);

/**
 * Judge a burst; the mbufs stay the caller's.
 * @now: stamp of the time when it was received.
 * @others: receives those that are not ours.
 * Return: their number.
 */
uint32_t receiver_burst(struct receiver *r, struct rte_mbuf **pkts, uint32_t n, uint32_t now,
			struct rte_mbuf **others);

/** Reset the counters, but not what is known of flows. */
void receiver_restart(struct receiver *r);

#endif
