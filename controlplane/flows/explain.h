/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a connection goes, and why. The decision is the packet core's own (core/lb_decide.h), run on
 * private copies of the flow's records: once for a SYN that begins a connection, once for a packet
 * of one that has begun. Why follows from what that has counted.
 * Context: one thread for a struct explain_room; pure otherwise.
 */
#ifndef CONTROLPLANE_FLOWS_EXPLAIN_H
#define CONTROLPLANE_FLOWS_EXPLAIN_H

#include "config/config.h"
#include "controlplane/flows/read.h"
#include "dataplane/core/lb_decide.h"

struct explain_query {
	struct config_address client; /* of the VIP's family */
	struct config_address vip;
	uint16_t client_port; /* host order */
	uint16_t vip_port;
	uint16_t syn; /* LB_FLOW_SYN of the SYN; 0: another than the recorded connection's */
};

enum explain_why {
	EXPLAIN_NONE,	    /* no instance takes it */
	EXPLAIN_VIP_SOURCE, /* no instance: the source is a VIP */
	EXPLAIN_DENIED,	    /* no instance: a list of clients refuses it */
	EXPLAIN_RECORD,	    /* the flow is recorded */
	EXPLAIN_CURRENT,    /* slot of the current table; the previous one is of no concern */
	EXPLAIN_BOTH,	    /* both tables agree */
	EXPLAIN_PREVIOUS,   /* slot of the previous table */
	EXPLAIN_DRAWN,	    /* the slot's instance takes no flows: drawn again */
};

struct explain_choice {
	uint32_t instance; /* LB_INSTANCE_NONE: none */
	enum explain_why why;
	bool is_moved; /* the instance of its record no longer serves */
};

/* A flow's slot in one of a pool's tables. */
struct explain_slot {
	uint32_t n; /* slots of the table; 0: there is none */
	uint32_t slot;
	uint32_t instance;
};

struct explain {
	const struct lb_service *service; /* NULL: none, and only is_vip is set */
	bool is_vip;
	uint64_t hash; /* slot hash */
	uint32_t rule; /* of core/lb_access.h; 0: the service has no lists, or no prefix is met */
	enum flows_read read;
	struct flows_record record; /* if found: a live one rather than a stale one */
	struct explain_slot current;
	struct explain_slot previous;
	struct explain_choice begin; /* a SYN */
	struct explain_choice go_on; /* any other packet, but one that ends it */
	struct lb_packet packet;     /* as decided on */
};

/* Scratch space. */
struct explain_room {
	struct lb_bucket bucket[LB_WORKERS_MAX];
	struct lb_worker_stats stats[LB_WORKERS_MAX];
	struct lb_table table[LB_WORKERS_MAX];
	struct lb_table *peer[LB_WORKERS_MAX];
	struct flows_record record[LB_WORKERS_MAX];
	struct lb_instance_stats counts[LB_INSTANCES_MAX];
};

void explain_run(const struct flows_view *view, const struct explain_query *query,
		 struct explain_room *room, struct explain *explain);

/**
 * Where new connections of a client go, over its ports.
 * @query: client_port is ignored.
 * @counts: [LB_INSTANCES_MAX], set: of each instance.
 * Return: how many ports were tried; 0: there is no such service.
 */
uint32_t explain_share(const struct flows_view *view, const struct explain_query *query,
		       struct explain_room *room, uint32_t *counts);

/** The packet of a query, as lb_decide_instance() takes it. Return: its service, or NULL. */
const struct lb_service *explain_packet(const struct flows_view *view,
					const struct explain_query *query,
					struct lb_packet *packet);

#endif
