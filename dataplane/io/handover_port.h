/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port shared with sluiced's XDP program (node.dataplane: auto). Flows, records of translated
 * connections, counts and statistics are then in maps that sluiced has pinned, and outlive this
 * process.
 */
#ifndef IO_HANDOVER_PORT_H
#define IO_HANDOVER_PORT_H

#include "dataplane/abi/lb_abi.h"
#include "dataplane/abi/lb_handover.h"
#include "dataplane/abi/lb_pins.h"
#include "dataplane/core/lb_nat_find.h"
#include "dataplane/engine/flow_table.h"
#include "dataplane/io/plan.h"

struct handover_port {
	struct lb_bucket *flows; /* a region for each queue; NULL: the port is not shared */
	struct lb_instance_stats *counts;  /* [first_count + n_workers][LB_INSTANCES_MAX] */
	struct lb_handover *queues;	   /* the first have a worker each; the rest are XDP's */
	struct lb_worker_stats *workers;   /* [n_workers + 1] */
	struct lb_nat_area *nat_areas;	   /* [n_regions] */
	struct lb_nat_record *nat_records; /* [n_regions][nat_spaces][nat_room] */
	uint32_t n_workers;
	uint32_t n_regions;   /* queues, those of the workers first */
	uint32_t first_count; /* row of the first worker */
	uint32_t n_buckets;   /* in a queue's region */
	uint32_t flows_id;    /* id of the map */
	uint32_t nat_spaces;  /* 0: nothing is translated */
	uint32_t nat_room;    /* ports of a region in each space */
	size_t bytes[6];
	char pin_dir[LB_PIN_DIR_MAX];
};

/**
 * Check that everything is there, and map it.
 * Return: 0; -ENOENT: sluiced has not made all of it yet; -EPROTO: it is of another release;
 * -errno.
 */
int handover_port_open(struct handover_port *port, const struct plan *plan);

/**
 * Wait until handover_port_open() succeeds, without a time limit; what is missing is logged once.
 * @signal_fd: readable to end the wait.
 * Return: 0; -ECANCELED: a signal; -errno, logged.
 */
int handover_port_wait(struct handover_port *port, const struct plan *plan, int signal_fd);

/**
 * For a port that is not shared: whether another configuration has left sluiced's program on it.
 * The program would go on balancing, and the sockets of this process would get nothing.
 */
bool handover_port_is_left(const struct plan *plan);

/** The table of a queue without a worker, for lookups of flows that are recorded there. */
void handover_port_flows(const struct handover_port *port, uint32_t queue,
			 struct flow_table *table);

/** A queue's records of translated connections, or none. */
struct lb_nat_memory handover_port_nat(const struct handover_port *port, uint32_t queue);

/** Whether the pinned maps are still those that this process uses. */
bool handover_port_is_current(const struct handover_port *port);

/** A zeroed struct is allowed. */
void handover_port_close(struct handover_port *port);

#endif
