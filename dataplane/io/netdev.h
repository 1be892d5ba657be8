/* SPDX-License-Identifier: BSD-3-Clause */
/* State and settings of the kernel's network interfaces. */
#ifndef IO_NETDEV_H
#define IO_NETDEV_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct netdev {
	uint32_t index;
	char name[IFNAMSIZ]; /* the primary one; names can change */
	uint8_t mac[6];
	uint32_t mtu;	   /* bytes of an IP packet */
	uint32_t n_queues; /* pairs of receive and transmit queues in use; 0: unknown */
	bool is_up;
	bool has_carrier; /* and is up */
	bool has_xdp;	  /* an XDP program is attached */
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

/** Return: a non-blocking descriptor, readable after any interface has changed, or -errno. */
int netdev_watch_open(void);

/**
 * Discard pending notifications; query the state of interest afterwards. Return: whether there were
 * any.
 */
bool netdev_watch_drain(int fd);

#endif
