/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel knows of a network interface, and what may be asked of it. */
#ifndef IO_NETDEV_H
#define IO_NETDEV_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct netdev {
	uint32_t index;
	char name[IFNAMSIZ]; /* the first one; names can change */
	uint8_t mac[6];
	uint32_t mtu;	   /* bytes of an IP packet */
	uint32_t n_queues; /* pairs of receive and transmit queues that are in use; 0: not known */
	bool is_up;
	bool has_carrier; /* and is up */
	bool has_xdp;	  /* a program is on it */
};

/**
 * Ask for an interface's state, by its name or one of its alternative names.
 * @dev: filled if it is there.
 * Return: 0; -ENODEV: there is none; another -errno: that is not known.
 * Context: one thread, as all below.
 */
int netdev_query(const char *name, struct netdev *dev);

/** Ask by its number. Return: as netdev_query(). */
int netdev_read(uint32_t index, struct netdev *dev);

/** Administratively up. Return: 0 or -errno. */
int netdev_up(const char *name);

/** Return: 0 or -errno. */
int netdev_mtu_set(const char *name, uint32_t mtu);

/** @mac: six bytes. Return: 0 or -errno. */
int netdev_mac_set(const char *name, const uint8_t *mac);

/** @mac: six bytes, filled. Return: 0 or -errno. */
int netdev_mac_get(const char *name, uint8_t *mac);

/** A non-blocking descriptor that is readable after any interface has changed (rtnetlink), or -errno. */
int netdev_watch_open(void);

/** Forget what has happened so far; what is of interest is to be asked for afterwards. Return: whether there was anything. */
bool netdev_watch_drain(int fd);

#endif
