/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel interface of the dataplane (sluice0): up, with the node's addresses and the VIPs, and the
 * default routes. It belongs to Sluice: what else is configured there is removed. Setting it up twice
 * is the same as once. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_IFACE_H
#define CONTROLPLANE_IFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "controlplane/netlink.h"

/** Its index, or 0: there is none. */
uint32_t iface_find(const char *name);

/** Whether it is up and has a carrier. The dataplane gives its kernel interface the port's. */
bool iface_is_running(const char *name);

/**
 * Bring an interface to what the configuration says.
 * @with_vips: add the VIPs too. Those that are there stay in any case.
 * VIPs are never the source of what the kernel itself sends: answers would come back to the VIP.
 * Return: 0, or the first -errno; what went wrong is logged, and the rest done nevertheless.
 */
int iface_setup(struct netlink *netlink, const char *name, uint32_t index,
		const struct config *config, bool with_vips);

#endif
