/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receives the ICMP errors that routers send about the tunnels to instances, learns the path MTUs
 * from them (for ten minutes, RFC 1191 section 6.3), and notifies the clients. The kernel delivers
 * them to raw sockets, whichever dataplane runs.
 *
 * Anyone can forge such an error. It must quote a packet from the node to an instance that is
 * larger than the MTU it reports; a reported MTU below 576 bytes inside the tunnel counts as 576;
 * and at most node.icmp_rate of them are processed.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_NET_PATH_MTU_H
#define CONTROLPLANE_NET_PATH_MTU_H

#include <stdint.h>

struct event_base;
struct model;
struct path_mtu;

/* Since start. */
struct path_mtu_stats {
	uint64_t errors;  /* about tunnels to instances */
	uint64_t limited; /* of them, over node.icmp_rate and not processed */
	uint64_t learned; /* of them, that lowered a path MTU */
	uint64_t relayed; /* of them, relayed to a client */
};

/**
 * Without permission to open raw sockets (CAP_NET_RAW) nothing is received, which is logged.
 * Return: NULL and errno.
 */
struct path_mtu *path_mtu_create(struct event_base *base, struct model *model);
void path_mtu_destroy(struct path_mtu *path_mtu); /* NULL is allowed */

const struct path_mtu_stats *path_mtu_stats(const struct path_mtu *path_mtu);

#endif
