/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator's parts, and one thread that sends and receives. */
#ifndef PKTGEN_GENERATOR_H
#define PKTGEN_GENERATOR_H

#include "perf/pktgen/options.h"

#define STAMP_SHIFT 4 /* a stamp is 16 TSC cycles; 32 bits of it are some 25 seconds */

struct sender_stats {
	uint64_t pkts; /* handed to the device */
	uint64_t bytes;
	uint64_t flows; /* of these, packets of flows */
	uint64_t flood;
	uint64_t syns, fins;
	uint64_t dropped;   /* at a chosen rate: not accepted by the device, so never sent */
	uint64_t late;	    /* at a chosen rate: not even tried, since this CPU was taken away */
	uint64_t answers;   /* to ARP and neighbour solicitations */
	uint64_t stalls;    /* times that the loop stood still for more than a millisecond */
	uint64_t stall_tsc; /* the longest */
};

/* One run of the worker. */
struct run {
	double rate_pps;   /* 0: as fast as possible */
	uint64_t packets;  /* 0: no limit */
	double duration_s; /* 0: no limit */
	bool open_flows;
};

struct generator {
	const struct options *options;
	struct wire wire;
	struct flows flows;
	struct receiver receiver;
	struct sender_stats stats;
	uint16_t dev;
	uint64_t tsc_hz;
	struct rte_mempool *tx_pool, *rx_pool;
	uint32_t burst;

	/* of the run */
	struct run run;
	uint64_t began, ended; /* TSC */
	uint64_t open_next;
	struct rte_mbuf *pending[WIRE_BURST];
	uint32_t n_pending;
	struct flows_pick pick[WIRE_BURST]; /* the next ones, chosen early to warm their flows */
	uint32_t n_picked, next_pick;
	struct rte_mbuf *ready[WIRE_BURST]; /* buffers for them, also prefetched */
	uint32_t n_ready;
	struct rte_mbuf *received[WIRE_BURST]; /* being prefetched while others are made */
	uint32_t n_received;
	uint32_t received_stamp;
	uint64_t offered; /* packets due so far, at a chosen rate */
	volatile bool stop;
	volatile bool done;
};

/**
 * Perform a run, until its end or @arg's stop. @arg: struct generator. Context: the worker lcore.
 */
int generator_run(void *arg);

/** Answer ARP and neighbour solicitations for instances. Takes the mbufs. Return: answers. */
uint32_t answer_burst(const struct generator *g, struct rte_mbuf **pkts, uint32_t n);

#endif
