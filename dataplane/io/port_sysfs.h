/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a PCI device can be DPDK's, read from sysfs; and if not, what mends it. */
#ifndef IO_PORT_SYSFS_H
#define IO_PORT_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#define PORT_SYSFS_ROOT "/sys"

/* Where to look. A test brings directories of its own. */
struct port_sysfs {
	const char *sys;		   /* "/sys" */
	const char *dev;		   /* "/dev" */
	int (*try_open)(const char *path); /* whether a device file can be opened: 0 or -errno */
};

extern const struct port_sysfs port_sysfs_of_kernel;

/**
 * Look for what is in the way of DPDK.
 * @address: "0000:3b:00.0", with the domain.
 * @why: filled with one sentence and the command that mends it.
 * Return: 0: nothing is known to be; -ENODEV: there is no such device, or it is no NIC; -EBUSY: another program has it;
 * -EPERM: this process may not open it; -EINVAL: it is bound to a driver that DPDK can't use, or to vfio-pci without what
 * that needs.
 */
int port_sysfs_diagnose(const struct port_sysfs *at, const char *address, char *why, size_t size);

/**
 * Whether the device, with the driver that it is bound to, works with physical addresses: no IOMMU keeps it to the
 * memory of this program. @sys: "/sys".
 */
bool port_sysfs_is_unguarded(const char *sys, const char *address);

#endif
