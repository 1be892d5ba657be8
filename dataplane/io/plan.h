/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration resolved for this machine, before DPDK starts: which CPUs, which devices, how
 * much memory.
 */
#ifndef IO_PLAN_H
#define IO_PLAN_H

#include <net/if.h>
#include <stddef.h>

#include "config/config.h"
#include "dataplane/abi/lb_abi.h"

/* Slots of the rings between a worker and the main lcore; one less is usable. */
#define PLAN_KERNEL_RING 1024

struct plan {
	const struct config_node *node;
	uint32_t n_workers;
	char main_cpus[512];  /* for --lcores: "0,3-5" */
	bool has_handover;    /* with the XDP program of sluiced */
	bool main_shares;     /* no CPU was left for the main lcore alone */
	char iface[IFNAMSIZ]; /* to bind XDP sockets to; empty for other ports */
	uint32_t if_index;    /* its number; 0 for other ports */
	uint16_t mtu;	      /* bytes of an IP packet; 0: ask the port */
	uint16_t n_desc;      /* of each queue, as requested */
	uint16_t data_room;   /* bytes of a buffer, headroom included */
	uint16_t mtu_max;     /* that fits a buffer */
	uint32_t n_mbufs;     /* of each worker */
	uint32_t flows_per_worker;
	uint32_t flow_buckets; /* of each worker's table; 0: sluiced has the flows */
	uint32_t nat_spaces;   /* port spaces of translated connections */
	uint32_t nat_room;     /* ports of each worker in each of them */
	uint32_t nat_records;  /* of each worker; 0: no service is nat */
	uint32_t flow_mb;   /* of all tables: they outlive the process, so DPDK has no part in it */
	uint32_t memory_mb; /* of hugepages, with these */
	uint32_t eal_mb;    /* of them, DPDK's */
};

/**
 * The largest MTU whose frames fit into a buffer: without node.mtu, buffers are made before the
 * port's MTU is known.
 */
uint32_t plan_mtu_max(const struct plan *plan);

/**
 * Make the plan.
 * @config: outlives the plan.
 * Return: 0 or -errno, logged.
 */
int plan_make(struct plan *plan, const struct config *config);

#endif
