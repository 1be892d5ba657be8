/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be observed from outside an XDP program: the counters of the port's driver, and packets
 * that arrive on CPUs without a flow table. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_XDP_WATCH_H
#define CONTROLPLANE_XDP_WATCH_H

#include <stddef.h>

#include "config/base/netlink.h"
#include "controlplane/xdp/object.h"

struct lb_node_stats;

struct xdp_watch {
	uint64_t *chosen; /* [n_cpus] flows not found in the table, at the last check */
	bool *stray;	  /* [n_cpus] serves flows, but has no part of the table */
	uint32_t n_cpus;
	bool has_handover; /* then these are queues */
};

/** Start watching an open object. Return: 0 or -errno; nothing needs to be undone then. */
int xdp_watch_init(struct xdp_watch *watch, const struct xdp_object *object);
void xdp_watch_fini(struct xdp_watch *watch);

/**
 * Find CPUs, with handover queues, that serve flows without a part of the flow table.
 * @port: its name; with handover, used to find out whether such queues exist. A packet can also arrive
 * without the lock of its queue.
 * @note: set to one sentence about them, or "".
 * Return: whether there are more than before.
 */
bool xdp_watch_stray(struct xdp_watch *watch, const struct xdp_object *object, const char *port,
		     char *note, size_t size);

/** Read the driver's counters of the port, since it exists, into the nic_ fields. */
void xdp_watch_count(struct netlink *netlink, uint32_t ifindex, struct lb_node_stats *node);

#endif
