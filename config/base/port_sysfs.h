/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether DPDK can use a PCI device, read from sysfs; and if not, the remedy. */
#ifndef CONFIG_BASE_PORT_SYSFS_H
#define CONFIG_BASE_PORT_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#define PORT_SYSFS_ROOT "/sys"

/* Paths. Tests bring directories of their own. */
struct port_sysfs {
	const char *sys;		   /* "/sys" */
	const char *dev;		   /* "/dev" */
	int (*try_open)(const char *path); /* whether a device file can be opened: 0 or -errno */
};

extern const struct port_sysfs port_sysfs_of_kernel;

/**
 * Look for reasons why DPDK can't use a device.
 * @address: "0000:3b:00.0", with the domain.
 * @why: filled with one sentence and the command that is the remedy.
 * Return: 0: none is known; -ENODEV: there is no such device, or it is no NIC; -EBUSY: another
 * program has it; -EPERM: this process may not open it; -EINVAL: it is bound to a driver that DPDK
 * can't use, or to vfio-pci without what that needs.
 */
int port_sysfs_diagnose(const struct port_sysfs *at, const char *address, char *why, size_t size);

/**
 * Whether the device, with its current driver, uses physical addresses: no IOMMU restricts it to
 * the memory of this program. @sys: "/sys".
 */
bool port_sysfs_is_unguarded(const char *sys, const char *address);

#endif
