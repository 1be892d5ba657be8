/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VLAN interfaces of a port. Those that Sluice creates are in the group VLAN_GROUP ("ip link show
 * group 83"). The mark is in the kernel, so a successor recognizes it; others' are used, and left.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_NET_VLAN_H
#define CONTROLPLANE_NET_VLAN_H

#include "config/base/link.h"
#include "config/base/netlink.h"

#define VLAN_GROUP 83

struct vlan_link {
	uint32_t index;
	uint16_t vlan;
	char name[IFNAMSIZ];
	bool is_ours;
};

/** Name of the interface of a VLAN: "eth1.10", or "sluice.10" if that is too long. */
void vlan_name(const char *port, uint16_t vlan, char name[IFNAMSIZ]);

/**
 * Find the interface of a VLAN: the port's, or one of vlan_name() that is no VLAN interface.
 * Return: 0; -ENODEV: there is none; -EEXIST: the name is another VLAN's; another -errno: unknown.
 */
int vlan_find(struct netlink *netlink, uint32_t port, const char *port_name, uint16_t vlan,
	      struct vlan_link *link);

/** Create it. Return: 0 or -errno; -EOPNOTSUPP: this kernel has no VLAN interfaces. */
int vlan_create(struct netlink *netlink, uint32_t port, const char *port_name, uint16_t vlan);

/** Remove an interface. Return: 0 or -errno. */
int vlan_remove(struct netlink *netlink, uint32_t index);

/**
 * List the VLAN interfaces of a port.
 * @each: may not use @netlink.
 * Return: 0 or -errno.
 */
int vlan_list(struct netlink *netlink, uint32_t port,
	      void (*each)(const struct vlan_link *link, void *arg), void *arg);

#endif
