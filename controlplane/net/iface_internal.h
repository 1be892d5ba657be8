/* SPDX-License-Identifier: BSD-3-Clause */
/* Internal to the set-up of an interface: private to iface*.c. */
#ifndef CONTROLPLANE_NET_IFACE_INTERNAL_H
#define CONTROLPLANE_NET_IFACE_INTERNAL_H

#include "controlplane/net/iface.h"

struct iface {
	struct netlink *netlink;
	const struct iface_wish *wish;
	int err;	  /* the first one */
	uint32_t removed; /* addresses and routes */
};

/* Log an error; 0 is ignored. */
void iface_note(struct iface *iface, int err, const char *what);

/* The network of the wish; NULL: none. */
const struct config_network *iface_network(const struct config *config, uint32_t network);

void iface_knob_set(const struct iface *iface, const char *family, const char *knob,
		    const char *value);

/* Remove addresses that should not be there; with @all, all that are ours. */
void iface_addresses_remove(struct iface *iface, bool all);
void iface_addresses_add(struct iface *iface);

void iface_routes_set(struct iface *iface);
void iface_routes_remove(struct iface *iface);

/* The local route of node.tunnel_sources; without a configuration it is removed. */
void iface_tunnel_set(struct iface *iface);

#endif
