/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interface by which the kernel sends and receives: up, with the node's addresses and the VIPs,
 * and the default routes. Setting it up is idempotent. Context: the event loop's thread.
 *
 * sluice0 belongs to Sluice: anything else configured there is removed. A port of the kernel's,
 * under XDP, is shared with other software on this machine. There Sluice adds what is missing,
 * marks it (IFA_PROTO, RTA_PROTOCOL: IFACE_PROTOCOL), removes nothing that it has not added, and
 * writes no sysctl. The mark is in the kernel, so a successor recognizes it. Kernels before 5.18 do
 * not store the mark of an address; there only addresses that this process has added are removed.
 */
#ifndef CONTROLPLANE_NET_IFACE_H
#define CONTROLPLANE_NET_IFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/base/netlink.h"
#include "config/config.h"

/* Marks what Sluice added ("ip addr show proto 83", "ip route show proto 83"). */
#define IFACE_PROTOCOL 83

enum iface_vips {
	IFACE_VIPS_KEEP, /* VIPs that are present stay */
	IFACE_VIPS_ADD,
	IFACE_VIPS_REMOVE, /* from a shared interface: without a balancer none may be answered */
};

/* What this process has added to a shared interface. Zeros at first. */
struct iface_added {
	uint32_t index; /* of the interface; nothing was added to any other */
	struct config_prefix *list;
	uint32_t count;
	uint32_t room;
};

#define IFACE_NO_NETWORK UINT32_MAX

struct model_vip_hold;

struct iface_wish {
	const char *name;
	uint32_t index;
	const struct config *config;
	struct config_addresses hosts; /* NAT addresses; like VIPs, and there when VIPs are */
	uint32_t network; /* of config_node_networks(), by index; IFACE_NO_NETWORK: no addresses */
	bool is_vlan;	  /* of another interface, which has what is the node's as a whole */
	enum iface_vips vips;
	const struct model_vip_hold *holds; /* VIPs that are not to be announced; the caller's */
	uint32_t hold_count;
	bool shared;
	bool is_up;
	struct iface_added *added; /* for a shared one; owned by the caller */
};

/**
 * Set up an interface as configured. A shared one is set up only when it is new to @added: after
 * that, an administrator's changes take precedence.
 * VIPs and NAT addresses are never the source address of what the kernel itself sends: answers would come back to the
 * VIP, or to the dataplane.
 * Return: 0, or the first -errno; errors are logged, and the rest is done nevertheless.
 */
int iface_setup(struct netlink *netlink, const struct iface_wish *wish);

/**
 * Remove everything marked as ours from a shared interface.
 * Return: how many addresses and routes were removed, or -errno.
 */
int iface_clear(struct netlink *netlink, const char *name, uint32_t index);

/** Whether a VIP is to be announced now: nothing holds it. */
bool iface_announces(const struct iface_wish *wish, const struct config_address *vip);

/** Whether an address of this length belongs there, at least while VIPs do. */
bool iface_wants_address(const struct iface_wish *wish, const struct config_address *address,
			 uint8_t length);

#endif
