/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The port: receives and transmits packets. One or more DPDK devices, with one receive and one
 * transmit queue for each worker.
 */
#ifndef IO_PORT_H
#define IO_PORT_H

#include <net/if.h>

#include <rte_ethdev.h>

#include "dataplane/io/plan.h"

/* A worker's queue pair. */
struct port_queue {
	uint16_t dev;
	uint16_t queue;
};

struct port {
	uint32_t n_queues;
	struct port_queue queue[LB_WORKERS_MAX]; /* by worker */
	uint32_t n_devs;
	uint16_t dev[LB_WORKERS_MAX];
	uint32_t if_index;    /* the kernel's index; 0 if it has none */
	char iface[IFNAMSIZ]; /* its current name */
	bool kept_tags;	      /* VLAN tags are kept in frames on it */
	bool has_sockets;     /* XDP sockets are bound to it, and die with it */
	bool is_alone;	      /* a kernel interface's queues without a worker are not served */
	bool follows;	      /* its MAC address and MTU follow the kernel's */
	char driver[LB_NAME_MAX];
	char note[128];	  /* for the operator, of the start; may be empty */
	char remark[128]; /* the same, current */
	uint8_t mac[LB_ETH_ALEN];
	uint64_t mac_word; /* the same, for the workers: lb_mac_load() */
	uint16_t mtu;
	uint16_t mtu_max; /* upper limit, whatever the interface's MTU */
	enum lb_link link;
	bool is_started;
};

/**
 * Check whether DPDK can use the port, as far as is known before DPDK starts.
 * Return: 0 or -errno, logged with the remedy.
 */
int port_check(const struct plan *plan);

/**
 * Find the devices of the plan, and get their addresses and limits.
 * Return: 0 or -errno, logged.
 */
int port_open(struct port *port, const struct plan *plan);

/**
 * Set up queues and start.
 * @pool: one for each worker; a queue sends only buffers of its worker's pool.
 * Return: 0 or -errno, logged.
 */
int port_start(struct port *port, const struct plan *plan, struct rte_mempool *const *pool);

/** Stop and close. A zeroed struct is allowed. No worker may run any more. */
void port_close(struct port *port);

/**
 * Update what may change at run time: name, MAC address, MTU, link, queues. Values that can't be
 * read stay as they were.
 * @changed: whether MAC address, MTU or remark have.
 * Return: 0; -ENODEV: the interface was deleted. Its XDP sockets are dead then, even if another
 * interface gets its name. Context: main lcore.
 */
int port_follow(struct port *port, bool *changed);

/** The sum of all devices' counters. Context: main lcore. */
void port_stats(const struct port *port, struct rte_eth_stats *stats);

/**
 * Let a queue's driver reclaim the buffers of transmitted packets. Drivers do that when they send
 * the next ones, so an idle port would keep them.
 * Context: the queue's worker.
 */
static inline void port_reclaim(struct port_queue queue)
{
	/* Some drivers implement the first, some reclaim in the second, which sends nothing. */
	rte_eth_tx_done_cleanup(queue.dev, queue.queue, 0);
	rte_eth_tx_burst(queue.dev, queue.queue, NULL, 0);
}

#endif
