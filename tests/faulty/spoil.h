/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SPOIL_H
#define TESTS_SPOIL_H

#include "tests/support/harness.h"

#define SPOIL_INSTANCES 8
#define SPOIL_PORT 443

struct spoil;

struct spoil_fault {
	const char *name;
	/* Change a packet on its way out. Return: how many of @out are to be sent. */
	uint16_t (*packet)(struct spoil *spoil, struct rte_mbuf *m, struct rte_mbuf **out);
	/* Change the tables, once, before the packet is forwarded. */
	void (*tables)(struct spoil *spoil, struct rte_mbuf *m);
};

struct spoil {
	struct harness *h;
	const struct spoil_fault *fault;
	uint64_t period;
	uint64_t in, out;      /* packets so far */
	struct rte_mbuf *held; /* the first of two that swap places */
	struct lb_instance instances[SPOIL_INSTANCES];
};

/** Return: 0, or -1 if there is no such fault. */
int spoil_choose(struct spoil *spoil, const char *name, uint64_t period);

/** One service on each family, eight instances: 10.0.1.0 to .7, MACs 02:00:00:00:00:00 to :07. */
void spoil_world(struct spoil *spoil, enum lb_forward forward);

void spoil_before(struct spoil *spoil, struct rte_mbuf **pkts, uint16_t n);

/** @out: room for twice as many. Return: how many are to be sent. */
uint16_t spoil_after(struct spoil *spoil, struct rte_mbuf **pkts, uint16_t n,
		     struct rte_mbuf **out);

#endif
