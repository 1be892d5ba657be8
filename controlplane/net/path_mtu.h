/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hears the ICMP errors that routers send about the tunnels to instances, learns from them what the
 * paths take (for ten minutes, RFC 1191 section 6.3), and tells the clients. The kernel hands them over
 * by raw sockets, whichever dataplane runs.
 *
 * Anyone can forge such an error. It has to quote a packet from the node to an instance that is larger
 * than what it says fits; what it says counts as 576 bytes inside the tunnel if it is less; and no more
 * than node.icmp_rate of them are looked at.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_NET_PATH_MTU_H
#define CONTROLPLANE_NET_PATH_MTU_H

#include <stdint.h>

struct event_base;
struct model;
struct path_mtu;

/* Since the start. */
struct path_mtu_stats {
	uint64_t errors;  /* about tunnels to instances */
	uint64_t limited; /* of them, over node.icmp_rate, and not looked at */
	uint64_t learned; /* of them, that made a path MTU smaller */
	uint64_t relayed; /* of them, that a client was told of */
};

/**
 * Without the right to open raw sockets (CAP_NET_RAW) nothing is heard, which is logged.
 * Return: NULL and errno.
 */
struct path_mtu *path_mtu_create(struct event_base *base, struct model *model);
void path_mtu_destroy(struct path_mtu *path_mtu); /* NULL is allowed */

const struct path_mtu_stats *path_mtu_stats(const struct path_mtu *path_mtu);

#endif
