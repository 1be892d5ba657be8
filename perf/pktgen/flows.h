/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flows of the generator: what is remembered of each, and whose turn is next.
 *
 * Without life cycles there are as many flows as were asked for, all open. With them,
 * connections are numbered as they begin, and the open ones are a window over that
 * number: a new one opens at its head, the oldest closes at its tail. Connection c
 * has the addresses of flow c modulo the tuples, of which there are more than open
 * connections, so that what is on its way of one is long gone before the next begins.
 */
#ifndef PKTGEN_FLOWS_H
#define PKTGEN_FLOWS_H

#include "perf/pktgen/wire.h"

#define FLOWS_CPS_MAX UINT32_MAX /* as many connections as fit */
#define FLOWS_INSTANCE_NONE 0xffffu
#define FLOWS_FLOOD UINT32_MAX /* a pick that is no flow */
#define FLOWS_QUANTILES 16384u

/* 16 bytes; sender and receiver are one thread, so a packet's second visit finds the line warm. */
struct flow {
	uint32_t tx_seq;   /* of its next packet */
	uint32_t rx_next;  /* the highest that came back, plus 1 */
	uint32_t rx_seen;  /* bit n: the one n before that has come back */
	uint16_t instance; /* that has it, or FLOWS_INSTANCE_NONE */
	uint16_t reserved;
};

LB_STATIC_ASSERT(sizeof(struct flow) == 16, "four flows a cache line");

struct flows_setup {
	uint32_t flows;		    /* open at a time */
	uint32_t cps;		    /* new connections a second; 0: no life cycles; FLOWS_CPS_MAX */
	uint32_t data;		    /* data packets of each, with FLOWS_CPS_MAX */
	uint32_t flood_share;	    /* of 2^32: packets that are SYNs from spoofed sources */
	double zipf;		    /* exponent of popularity; 0: all alike */
	const uint8_t *size_weight; /* one for each size, sum 256 at most; may be NULL: all alike */
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
	uint64_t due;	     /* packets of life cycles that wait for their turn */
	uint64_t began;	     /* time that rate counts from, in TSC cycles */
	uint64_t begun;	     /* connections since then */
	uint64_t random;
	uint32_t flood_share;
	uint32_t n_sizes;
	uint8_t size_by[256];
	uint32_t *quantile; /* FLOWS_QUANTILES + 1 ranks, or NULL */
};

/* What to send: the flow, its packet, and the size of it (n_sizes: without data). */
struct flows_pick {
	uint32_t flow;	 /* or FLOWS_FLOOD */
	uint32_t random; /* for a flood's source */
	uint8_t tcp_flags;
	uint8_t size;
};

/** Return: 0, -EINVAL if life cycles need more flows, -ENOMEM. */
int flows_init(struct flows *flows, const struct flows_setup *setup);
void flows_fini(struct flows *flows);

/** Count connections a second from @now (TSC cycles) on. */
void flows_begin(struct flows *flows, uint64_t now);

/**
 * Packets to open all flows: a SYN, and in a second round an ACK, for each.
 * @next: 0 at first; counts on. Return: picks, 0 when all is done.
 */
uint32_t flows_open(struct flows *flows, uint64_t *next, struct flows_pick *picks, uint32_t n);

/** What flows_open() leaves, without its packets: a run before has sent them. */
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
