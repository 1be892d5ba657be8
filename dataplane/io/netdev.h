/* SPDX-License-Identifier: BSD-3-Clause */
/* State and settings of the kernel's network interfaces. */
#ifndef IO_NETDEV_H
#define IO_NETDEV_H

#include <stdint.h>

#include "config/base/link.h"

struct netdev {
	struct link_state link;
	uint32_t n_queues; /* pairs of receive and transmit queues in use; 0: unknown */
};

/**
 * Query an interface's state, by its name or one of its alternative names.
 * @dev: filled if the interface exists.
 * Return: 0; -ENODEV: there is none; another -errno: unknown.
 * Context: one thread, as all below.
 */
int netdev_query(const char *name, struct netdev *dev);

/** Query by index. Return: as netdev_query(). */
int netdev_read(uint32_t index, struct netdev *dev);

/** Set an interface administratively up. Return: 0 or -errno. */
int netdev_up(const char *name);

/** Return: 0 or -errno. */
int netdev_mtu_set(const char *name, uint32_t mtu);

/** @mac: six bytes. Return: 0 or -errno. */
int netdev_mac_set(const char *name, const uint8_t *mac);

/** @mac: six bytes, filled. Return: 0 or -errno. */
int netdev_mac_get(const char *name, uint8_t *mac);

#endif
