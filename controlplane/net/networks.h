/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interfaces by which the kernel sends and receives: sluice0, or the port under XDP; and on a
 * trunk one for each VLAN, which is created if it is missing. Each is set up (iface.h) whenever it
 * appears, and its addresses are announced.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_NET_NETWORKS_H
#define CONTROLPLANE_NET_NETWORKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "controlplane/net/iface.h"
#include "dataplane/core/lb_wire.h"

struct announce;
struct event_base;
struct model;
struct model_vip_hold;

/* One interface; what is known of it is as of the last look. */
struct network {
	uint16_t vlan;	  /* 0: the port itself */
	uint32_t network; /* of config_node_networks(), by index; IFACE_NO_NETWORK: none */
	uint32_t index;	  /* 0: there is none */
	char name[IFNAMSIZ];
	uint8_t mac[LB_ETH_ALEN]; /* announced to its neighbours */
	bool is_up;
	bool is_running;
	bool is_ours; /* created by Sluice */
	bool setup_due;
	int failure;		  /* -errno of the last try to create it, which was logged */
	struct iface_added added; /* to a shared interface */
	struct announce *announce;
};

struct networks {
	struct event_base *base;
	const struct model *model;
	struct netlink *netlink;
	char wanted[CONFIG_PORT_MAX + 1]; /* name by which the port is looked up */
	bool shared;			  /* it is the port, which other software uses too */
	bool published;			  /* the dataplane runs the tables of this configuration */
	struct model_vip_hold *holds;	  /* as of the last wish */
	uint32_t hold_count;
	uint32_t count;
	struct network list[CONFIG_NETWORKS_MAX + 1]; /* the port first */
};

/** @netlink: stays the caller's. Return: 0 or -ENOMEM. */
int networks_init(struct networks *networks, struct event_base *base, const struct model *model,
		  struct netlink *netlink);
void networks_fini(struct networks *networks);

/** The configuration has changed: all interfaces are to be set up again. */
void networks_configure(struct networks *networks);

/** All interfaces are to be set up again. */
void networks_set_due(struct networks *networks);

/** Whether the port, or a VLAN whose interface exists, is to be set up. */
bool networks_is_due(const struct networks *networks);

/** The port has this name; "": the default. A new one is looked up anew. */
void networks_set_port(struct networks *networks, const char *name);

/** Cancel announcements in progress: the VIPs are no longer here. */
void networks_silence(struct networks *networks);

/** Whether all interfaces exist. */
bool networks_are_there(const struct networks *networks);

/** Look at the port alone. */
void networks_port_look(struct networks *networks);

/**
 * Look at all interfaces, create those that are missing, and set up those that are due.
 * Return: whether any was set up.
 */
bool networks_refresh(struct networks *networks);

/** How an interface is to be, as far as is known. */
void networks_wish(struct networks *networks, struct network *network, struct iface_wish *wish);

/** The interface of that index, or NULL. */
struct network *networks_find(struct networks *networks, uint32_t index);

#endif
