/* SPDX-License-Identifier: BSD-3-Clause */
/* The few rtnetlink requests that sluice-instance needs, each a separate round trip. */
#ifndef INSTANCE_RTNL_H
#define INSTANCE_RTNL_H

#include "bpf/sluice_instance.h"
#include "config/base/link.h"

/**
 * Add @addr as a host address to interface @ifindex. IPv6: without duplicate address detection, and
 * never selected as the source of this host's own connections.
 * Return: 0, -EEXIST if the interface has it, or -errno.
 */
int rtnl_addr_add(int ifindex, const struct lb_unwrap_addr *addr);

/**
 * Remove a host address from interface @ifindex.
 * Return: 0, -EADDRNOTAVAIL if it isn't there, or -errno.
 */
int rtnl_addr_del(int ifindex, const struct lb_unwrap_addr *addr);

/**
 * Find the interface that has @addr.
 * Return: its index, 0 if none has it, or -errno.
 */
int rtnl_addr_find(const struct lb_unwrap_addr *addr);

/**
 * Find the interface through which packets to @addr leave.
 * Return: its index, or -errno (-ENETUNREACH: no route).
 */
int rtnl_route_oif(const struct lb_unwrap_addr *addr);

/**
 * Count the filters of an interface's qdisc clsact, in both directions.
 * Return: their number, or -errno.
 */
int rtnl_filters_count(int ifindex);

/**
 * Read the state of a link.
 * Return: 0, or -errno.
 */
int rtnl_link_get(int ifindex, struct link_state *link);

#endif
