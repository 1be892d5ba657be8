/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the running dataplane, in the order in which they start. */
#ifndef IO_DATAPLANE_H
#define IO_DATAPLANE_H

#include "dataplane/io/control_socket.h"
#include "dataplane/io/kept.h"
#include "dataplane/io/kernel_path.h"
#include "dataplane/io/options.h"
#include "dataplane/io/worker.h"

struct dataplane {
	const char *program;
	struct options options;
	struct config *config;
	bool not_needed;	/* as configured, others forward the packets */
	uint32_t failed_before; /* consecutive starts that failed for the same reason as this one */
	int lock_fd;
	int signal_fd;
	struct plan plan;
	struct handover_port handover;
	struct port port;
	struct rte_mempool *pool[LB_WORKERS_MAX];
	struct kept kept;	  /* a predecessor's, until it is used */
	struct flow_memory flows; /* none if sluiced has the flow table */
	struct lb_nat_memory
		nat[LB_WORKERS_MAX]; /* of all regions; without records: nothing is translated */
	struct flow_keep keep;
	struct segment segment;
	struct rte_rcu_qsbr *qsbr;
	struct consumer consumer;
	struct kernel_path kernel_path;
	struct worker *worker;	   /* [plan.n_workers] */
	struct flow_table *by_xdp; /* tables of queues that have no worker */
	struct lb_table **regions; /* the workers' tables, then these */
	bool stop;		   /* tells workers to end */
	struct control_socket control;
};

#endif
