/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interface by which the kernel sends and receives: up, with the node's addresses and the VIPs, and
 * the default routes. Setting it up twice is the same as once. Context: the event loop's thread.
 *
 * sluice0 belongs to Sluice: what else is configured there is removed. A port of the kernel's, under
 * XDP, is shared with whoever else runs this machine. There Sluice adds what is missing, marks it
 * (IFA_PROTO, RTA_PROTOCOL: IFACE_PROTOCOL), removes nothing that it has not added, and writes no
 * sysctl. The mark is in the kernel, so a successor knows it. Kernels before 5.18 keep no mark of an
 * address; there only what this process has added is removed.
 */
#ifndef CONTROLPLANE_NET_IFACE_H
#define CONTROLPLANE_NET_IFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "controlplane/base/netlink.h"
#include "dataplane/core/lb_wire.h"

/* By this what is ours is known again ("ip addr show proto 83", "ip route show proto 83"). */
#define IFACE_PROTOCOL 83

enum iface_vips {
	IFACE_VIPS_KEEP, /* those that are there stay */
	IFACE_VIPS_ADD,
	IFACE_VIPS_REMOVE, /* of a shared interface: nobody balances, so nobody is to answer for them */
};

/* What this process has put on a shared interface. Zeros at first. */
struct iface_added {
	uint32_t index; /* of the interface; of another one nothing was added */
	struct config_prefix *list;
	uint32_t count;
	uint32_t room;
};

struct iface_wish {
	const char *name;
	uint32_t index;
	const struct config *config;
	enum iface_vips vips;
	bool shared;
	bool is_up;
	struct iface_added *added; /* of a shared one; kept by the caller */
};

/* An interface, as it was when it was asked for. */
struct iface_link {
	uint32_t index;
	char name[IFNAMSIZ]; /* the first one; names can change */
	uint8_t mac[LB_ETH_ALEN];
	uint16_t mtu;
	bool is_up;	 /* administratively */
	bool is_running; /* and has a carrier. The dataplane gives its kernel interface the port's */
};

/**
 * Look for an interface by its name, or by one of its alternative names.
 * @link: filled if it is there.
 * Return: 0; -ENODEV: there is none; another -errno: that is not known.
 */
int iface_find(struct netlink *netlink, const char *name, struct iface_link *link);

/** Ask for an interface by its number. Return: as iface_find(). */
int iface_read(struct netlink *netlink, uint32_t index, struct iface_link *link);

/**
 * Bring an interface to what the configuration says. A shared one is set up only when it is new to
 * @added: later an administrator's word counts.
 * VIPs are never the source of what the kernel itself sends: answers would come back to the VIP.
 * Return: 0, or the first -errno; what went wrong is logged, and the rest done nevertheless.
 */
int iface_setup(struct netlink *netlink, const struct iface_wish *wish);

/**
 * Take off a shared interface all that is marked as ours.
 * Return: how many addresses and routes that was, or -errno.
 */
int iface_clear(struct netlink *netlink, const char *name, uint32_t index);

/** Whether an address of this length is one that the configuration puts there. */
bool iface_wants_address(const struct config *config, const struct config_address *address,
			 uint8_t length);

#endif
