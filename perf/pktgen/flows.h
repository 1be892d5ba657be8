/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flows of the generator: the state of each, and which one is next.
 *
 * Without life cycles there are as many flows as were asked for, all open. With them, connections
 * are numbered as they begin, and the open ones are a window over these numbers: a new one opens at
 * its head, the oldest closes at its tail. Connection c has the addresses of flow c modulo the
 * tuples, of which there are more than open connections, so that a connection's packets have long
 * left the network before the next one with its addresses begins.
 */
#ifndef PKTGEN_FLOWS_H
#define PKTGEN_FLOWS_H

#include "perf/pktgen/wire.h"

#define FLOWS_CPS_MAX UINT32_MAX /* as many connections as fit */
#define FLOWS_INSTANCE_NONE 0xffffu
#define FLOWS_FLOOD UINT32_MAX /* a pick that is no flow */
#define FLOWS_QUANTILES 16384u

/* 16 bytes; sender and receiver are one thread, so the line is warm when a packet comes back. */
struct flow {
	uint32_t tx_seq;   /* of the next packet */
	uint32_t rx_next;  /* the highest received, plus 1 */
	uint32_t rx_seen;  /* bit n: the one n before that was received */
	uint16_t instance; /* its current one, or FLOWS_INSTANCE_NONE */
	uint16_t reserved;
};

LB_STATIC_ASSERT(sizeof(struct flow) == 16, "four flows a cache line");

struct flows_setup {
	uint32_t flows;	      /* open at a time */
	uint32_t cps;	      /* new connections a second; 0: no life cycles; FLOWS_CPS_MAX */
	uint32_t data;	      /* data packets of each connection, with FLOWS_CPS_MAX */
	uint32_t flood_share; /* share, of 2^32, of packets that are SYNs from spoofed sources */
	double zipf;	      /* exponent of popularity; 0: uniform */
	const uint8_t *size_weight; /* one for each size, sum 256 at most; may be NULL: uniform */
	uint32_t n_sizes;
	uint64_t seed;
};

struct flows {
	struct flow *flow;
	size_t bytes;
	uint32_t tuples;
	uint32_t open; /* target */
	uint32_t data;
	uint32_t cps;
	uint32_t lag;	     /* connections from a SYN to its ACK, and so on */
	uint64_t head;	     /* connections begun */
	uint32_t head_tuple; /* the flow of the next one */
	uint32_t step;	     /* within a life cycle, with FLOWS_CPS_MAX */
	uint64_t due;	     /* packets of life cycles that are due */
	uint64_t began;	     /* start of the rate's time, in TSC cycles */
	uint64_t begun;	     /* connections since then */
	uint64_t random;
	uint32_t flood_share;
	uint32_t n_sizes;
	uint8_t size_by[256];
	uint32_t *quantile; /* FLOWS_QUANTILES + 1 ranks, or NULL */
};

/* What to send: the flow, the packet, and its size (n_sizes: without data). */
struct flows_pick {
	uint32_t flow;	 /* or FLOWS_FLOOD */
	uint32_t random; /* for a flood's source */
	uint8_t tcp_flags;
	uint8_t size;
};

/** Return: 0, -EINVAL if life cycles need more flows, -ENOMEM. */
int flows_init(struct flows *flows, const struct flows_setup *setup);
void flows_fini(struct flows *flows);

/** Start counting connections per second at @now (TSC cycles). */
void flows_begin(struct flows *flows, uint64_t now);

/**
 * Packets to open all flows: a SYN, and in a second round an ACK, for each.
 * @next: 0 at first; counts on. Return: picks, 0 when all is done.
 */
uint32_t flows_open(struct flows *flows, uint64_t *next, struct flows_pick *picks, uint32_t n);

/** The state that flows_open() leaves, without its packets: an earlier run has sent them. */
void flows_assume_open(struct flows *flows);

/** Choose the next @n packets. @tsc_hz: of @now. */
void flows_pick(struct flows *flows, uint64_t now, uint64_t tsc_hz, struct flows_pick *picks,
		uint32_t n);

/* xorshift64 */
LB_INLINE uint64_t flows_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
