/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be seen from outside of an XDP program: what the driver of its port counts, and
 * packets that come on CPUs where nobody expects them. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_XDP_WATCH_H
#define CONTROLPLANE_XDP_WATCH_H

#include <stddef.h>

#include "controlplane/base/netlink.h"
#include "controlplane/xdp/loader.h"

struct lb_node_stats;

struct xdp_watch {
	uint64_t *chosen; /* [n_cpus] flows that were not in the table, when we last looked */
	bool *stray;	  /* [n_cpus] has served flows, and has no part of the table */
	uint32_t n_cpus;
	bool paired; /* then they are queues */
};

/** Begin to watch an open object. Return: 0 or -errno; nothing is to be undone then. */
int xdp_watch_init(struct xdp_watch *watch, const struct xdp_object *object);
void xdp_watch_fini(struct xdp_watch *watch);

/**
 * Look for CPUs, of a pair for queues, without a part of the flow table that serve flows.
 * @port: by its name; of a pair it says whether there are such queues. A packet can also come without the lock of its
 * queue.
 * @note: set to one sentence about them, or "".
 * Return: whether there are more than before.
 */
bool xdp_watch_stray(struct xdp_watch *watch, const struct xdp_object *object, const char *port,
		     char *note, size_t size);

/** Read what the driver counts of the port since it exists, into the nic_ fields. */
void xdp_watch_count(struct netlink *netlink, uint32_t ifindex, struct lb_node_stats *node);

#endif
