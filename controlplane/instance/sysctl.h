/* SPDX-License-Identifier: BSD-3-Clause */
/* Per-interface IPv4 sysctls of this process's network namespace. */
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
 * The effective value of sysctls for which the kernel takes the greater of "all" and the
 * interface's own: arp_ignore, arp_announce, rp_filter. 0 if unreadable.
 */
int sysctl_effective(const char *iface, const char *name);

#endif
