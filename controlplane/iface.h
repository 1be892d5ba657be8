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
#ifndef CONTROLPLANE_IFACE_H
#define CONTROLPLANE_IFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "controlplane/netlink.h"

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
	struct iface_added *added; /* of a shared one; kept by the caller */
};

/** Its index, or 0: there is none. */
uint32_t iface_find(const char *name);

/** Whether it is up and has a carrier. The dataplane gives its kernel interface the port's. */
bool iface_is_running(const char *name);

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
