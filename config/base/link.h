/* SPDX-License-Identifier: BSD-3-Clause */
/* State of the kernel's network interfaces. Context: one thread, as with netlink.h. */
#ifndef CONFIG_BASE_LINK_H
#define CONFIG_BASE_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/base/netlink.h"

/* An interface, as of the query. */
struct link_state {
	uint32_t index;
	char name[IFNAMSIZ]; /* the primary one; names can change */
	uint8_t mac[6];
	uint16_t mtu;	  /* bytes of an IP packet, which has at most 65535 */
	bool is_up;	  /* administratively */
	bool is_running;  /* and the kernel sends by it: up to a second after the carrier */
	bool has_carrier; /* and the other end is there: what sluice0 is to show, at once */
	bool has_xdp;	  /* an XDP program is attached */
};

/**
 * Look up an interface by its name, or by one of its alternative names.
 * @link: filled in if found.
 * Return: 0; -ENODEV: there is none; another -errno: unknown.
 */
int link_find(struct netlink *netlink, const char *name, struct link_state *link);

/** Look up an interface by its index. Return: as link_find(). */
int link_read(struct netlink *netlink, uint32_t index, struct link_state *link);

#endif
