/* SPDX-License-Identifier: BSD-3-Clause */
/* Queries to the kernel about the route to an address. Context: the event loop's thread. */
#ifndef CONTROLPLANE_NET_ROUTE_H
#define CONTROLPLANE_NET_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/base/netlink.h"
#include "config/config.h"
#include "dataplane/core/lb_wire.h"

struct route {
	uint32_t iface;	    /* index; 0: none */
	uint8_t type;	    /* RTN_UNICAST, RTN_LOCAL, ... */
	uint32_t mtu_bytes; /* of the route, or of the path as known to the kernel; 0: none */
	struct config_address via; /* the gateway, or the address itself */
};

/**
 * Look up where packets to an address go.
 * @from: their source, of the same family, on which routing rules may depend; NULL: the kernel's
 * choice. An address that no interface has yet counts as NULL.
 * Return: 0, -ENETUNREACH, -EHOSTUNREACH, or another -errno.
 */
int route_get(struct netlink *netlink, const struct config_address *to,
	      const struct config_address *from, struct route *route);

struct route_neighbour {
	uint32_t iface;
	struct config_address address;
	uint16_t state; /* NUD_*; 0: no entry */
	bool has_mac;	/* and it is usable */
	uint8_t mac[LB_ETH_ALEN];
};

/** The kernel's entry for a neighbour. Return: 0 (also without an entry), or -errno. */
int route_neighbour_get(struct netlink *netlink, uint32_t iface,
			const struct config_address *address, struct route_neighbour *neighbour);

/** Make the kernel resolve a neighbour, or confirm its entry. Return: 0 or -errno. */
int route_neighbour_use(struct netlink *netlink, uint32_t iface,
			const struct config_address *address);

/** Read a message about a neighbour. Return: false if it is not usable. */
bool route_neighbour_read(const struct nlmsghdr *message, struct route_neighbour *neighbour);

#endif
