/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: one CPU, one queue pair, one flow table. It polls its queue, runs the
 * packet path over each burst, and shares nothing with other workers.
 */
#ifndef IO_WORKER_H
#define IO_WORKER_H

#include <rte_ring.h>

#include "dataplane/engine/consumer.h"
#include "dataplane/engine/flow_memory.h"
#include "dataplane/engine/handover.h"
#include "dataplane/engine/pipeline.h"
#include "dataplane/io/doorbell.h"
#include "dataplane/io/handover_port.h"
#include "dataplane/io/port.h"

struct worker {
	/* set before it starts */
	uint32_t index;
	uint32_t n_workers;
	uint64_t boot_id; /* of the segment */
	struct port_queue queue;
	const uint64_t *port_mac; /* the port's, which may change */
	const struct consumer *consumer;
	struct rte_rcu_qsbr *qsbr;
	struct rte_ring *to_kernel;
	struct rte_ring *from_kernel; /* worker 0's; NULL for the others */
	struct doorbell *bell;
	const bool *stop;
	uint32_t idle_sleep_us;
	uint64_t tsc_per_look; /* between two readings of the clock */
	/* its own */
	struct pipeline pl;
	struct flow_table flows;
	const struct flow_memory *flow_memory; /* NULL if the table is shared */
	const struct flow_keep *keep;	       /* NULL: the table is empty */
	struct handover handover;
	struct lb_worker_stats *stats;
	uint64_t tsc_next_look;
	uint64_t looked_ns; /* CLOCK_MONOTONIC_COARSE */
	bool is_ending;
	const struct lb_instance_stats *xdp_counts; /* of the same region, if it is shared */
	struct flow_recount recount;
	struct rte_mempool *pool; /* of segments that the sweep makes; NULL: none */
	uint32_t empty_polls;
	uint16_t now; /* tick */
	uint32_t kernel_rate_pps;
	uint32_t icmp_rate_pps;
	struct pipeline_out out;
	struct capture capture;
} LB_ALIGNED(64);

/* Common to all workers. */
struct worker_common {
	const struct plan *plan;
	const struct port *port;
	struct segment *segment;
	const struct consumer *consumer;
	struct rte_rcu_qsbr *qsbr;
	struct rte_ring *const *to_kernel;
	struct rte_ring *from_kernel;
	struct doorbell *bell;
	const bool *stop;		      /* set with a relaxed store to stop them */
	const struct handover_port *handover; /* NULL: the port is used by this process alone */
	const struct flow_memory *flows;      /* with the tables of all workers, else */
	const struct flow_keep *keep;	      /* of flows that are in them; NULL: there are none */
	const struct lb_nat_memory *nat;      /* of the regions; NULL: nothing is translated */
	struct rte_mempool *const *pool;      /* of the workers */
	struct lb_table *const *regions; /* tables of the workers, then those of XDP's queues */
	uint32_t n_regions;
	uint32_t idle_sleep_us;
};

/**
 * Prepare a worker and its flow table.
 * Return: 0 or -ENOMEM. Context: main lcore, before it starts.
 */
int worker_init(struct worker *worker, uint32_t index, const struct worker_common *common);

/**
 * Have the flow table's memory there, near the CPU; go through the flows that a predecessor left.
 * @arg: struct worker. Return: 0 or -errno. Context: its lcore, before worker_main().
 */
int worker_prepare(void *arg);

/**
 * Work for each tick, and the heartbeat. @now_ns: CLOCK_MONOTONIC_COARSE, whose ticks are the same
 * in both dataplanes and all processes.
 * Context: the worker; worker_step() calls it every LB_BEAT_MS.
 */
void worker_look(struct worker *worker, const struct tables *tables, uint64_t now_ns);

/**
 * One iteration: receive, process, send, and a part of the sweep.
 * Return: packets received. Context: the worker.
 */
uint32_t worker_step(struct worker *worker);

/** Iterate until told to stop. @arg: struct worker. Context: its lcore. */
int worker_main(void *arg);

#endif
