/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port that this process shares with the XDP program of sluiced (node.dataplane: auto). Flows, counts
 * and statistics then lie in maps that sluiced has pinned, and outlive this process.
 */
#ifndef IO_SHARED_PORT_H
#define IO_SHARED_PORT_H

#include "dataplane/abi/lb_abi.h"
#include "dataplane/abi/lb_handover.h"
#include "dataplane/abi/lb_pins.h"
#include "dataplane/io/plan.h"

struct shared_port {
	struct lb_bucket *flows;	  /* [n_queues][n_buckets]; NULL: the port is not shared */
	struct lb_instance_stats *counts; /* [2 * n_queues][LB_INSTANCES_MAX] */
	struct lb_handover *queues;	  /* [n_queues] */
	struct lb_worker_stats *workers;  /* [n_queues + 1] */
	uint32_t n_queues;
	uint32_t n_buckets; /* of a queue's region */
	uint32_t flows_id;  /* of the map */
	size_t bytes[4];
	char pin_dir[LB_PIN_DIR_MAX];
};

/**
 * Look whether everything is there, and map it.
 * Return: 0; -ENOENT: sluiced has not made all of it yet; -EPROTO: it is of another release; -errno.
 */
int shared_port_open(struct shared_port *port, const struct plan *plan);

/**
 * Wait for that, for as long as it takes; what is missing is logged once.
 * @signal_fd: readable ends the wait.
 * Return: 0; -ECANCELED: a signal; -errno, logged.
 */
int shared_port_wait(struct shared_port *port, const struct plan *plan, int signal_fd);

/**
 * For a port that is not shared: whether sluiced's program was left on it, by another configuration. It
 * would go on balancing, and the sockets of this process would get nothing.
 */
bool shared_port_is_left(const struct plan *plan);

/** Whether the pinned maps are still those that this process uses. */
bool shared_port_is_current(const struct shared_port *port);

/** A zeroed struct is allowed. */
void shared_port_close(struct shared_port *port);

#endif
