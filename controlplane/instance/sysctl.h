/* SPDX-License-Identifier: BSD-3-Clause */
/* Per-interface IPv4 sysctls of the network namespace this process is in. */
#ifndef INSTANCE_SYSCTL_H
#define INSTANCE_SYSCTL_H

/**
 * Read net.ipv4.conf.@iface.@name.
 * Return: 0, or -errno.
 */
int sysctl_get(const char *iface, const char *name, int *value);

/**
 * Write net.ipv4.conf.@iface.@name.
 * Return: 0, or -errno.
 */
int sysctl_set(const char *iface, const char *name, int value);

/**
 * What the kernel acts on for the sysctls where "all" and the interface's own are combined by
 * taking the greater: arp_ignore, arp_announce, rp_filter. 0 if unreadable.
 */
int sysctl_effective(const char *iface, const char *name);

#endif
