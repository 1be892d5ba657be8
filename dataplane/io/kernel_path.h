/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel path: packets that are not for a service go to the interface sluice0, and packets that
 * the kernel sends there leave by the port. Rings connect workers and the main lcore; only the main
 * lcore makes system calls.
 *
 * Accounting: a worker counts a packet in kernel_pkts when it has put it into its ring. The main
 * lcore counts a packet that the interface doesn't take as a drop (LB_DROP_KERNEL_TX), in the entry
 * behind the workers'. So the packets that reached the kernel are the sum of the workers'
 * kernel_pkts less the main lcore's drops, exactly, as soon as the rings are empty.
 */
#ifndef IO_KERNEL_PATH_H
#define IO_KERNEL_PATH_H

#include <rte_ring.h>

#include "config/base/netlink.h"
#include "dataplane/io/doorbell.h"
#include "dataplane/io/port.h"

#define KERNEL_PATH_IFACE "sluice0"

struct kernel_path {
	int fd;			  /* of the TAP interface; -1 while it is gone */
	uint8_t mac[LB_ETH_ALEN]; /* of the port, and so of the interface */
	uint16_t mtu;
	int restore_err; /* of the last attempt to make the interface again; 0: none failed */
	uint32_t n_workers;
	struct rte_ring *to_kernel[LB_WORKERS_MAX]; /* one producer, one consumer each */
	struct rte_ring *from_kernel;		    /* to worker 0 */
	struct rte_mempool *pool;		    /* worker 0's, since its queue sends them */
	struct lb_worker_stats *stats;		    /* the main lcore's */
	bool has_carrier;
	struct netlink watch; /* readable when an interface has changed */
	int mac_err;	      /* of the last attempt to restore the address; 0: none failed */
	uint64_t n_mac_reset; /* times that the address was changed by others */
	struct doorbell bell; /* rung by workers after putting something into a ring */
};

/**
 * Check that there is no such interface yet. To be called before the port is touched: a second
 * dataplane that fails takes the first one's XDP program with it.
 * Return: 0 or -EEXIST, logged.
 */
int kernel_path_check(void);

/**
 * Make the interface and the rings.
 * @stats: the main lcore's entry.
 * Return: 0 or -errno, logged. Context: main lcore, as all below.
 */
int kernel_path_open(struct kernel_path *path, const struct port *port, struct rte_mempool *pool,
		     struct lb_worker_stats *stats);

/** Count and free what is in the rings; remove the interface. No worker may run any more. */
void kernel_path_close(struct kernel_path *path);

/** Pass a few packets of each worker to the kernel. Return: number of packets. */
uint32_t kernel_path_deliver(struct kernel_path *path);

/** Whether a worker's ring has packets. */
bool kernel_path_has_work(const struct kernel_path *path);

/**
 * Take a few packets from the kernel. Return: number of packets. If the interface was deleted,
 * @path->fd is closed and -1 afterwards.
 */
uint32_t kernel_path_collect(struct kernel_path *path);

/**
 * Make the interface again if it is gone. Return: whether there is a new descriptor to
 * wait for. Failures are logged, each kind once.
 */
bool kernel_path_restore(struct kernel_path *path);

/**
 * @path->watch is readable: if the interface was given another MAC address, restore the port's.
 * With another one the kernel does not accept packets for the port as its own. Logged.
 */
void kernel_path_follow(struct kernel_path *path);

/** The port has another MAC address or MTU: the interface gets them, too. */
void kernel_path_port_set(struct kernel_path *path, const struct port *port);

/** Show the port's link on the interface. */
void kernel_path_carrier_set(struct kernel_path *path, bool has_carrier);

#endif
