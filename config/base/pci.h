/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI devices, as in sysfs. Context: any thread. */
#ifndef CONFIG_BASE_PCI_H
#define CONFIG_BASE_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_TEXT_MAX 32

struct pci_device {
	char address[PCI_TEXT_MAX]; /* "0000:3b:00.0" */
	char driver[PCI_TEXT_MAX];  /* "": none */
	uint32_t class;		    /* PCI class, subclass and interface */
	int numa;		    /* -1: unknown, or there is only one node */
};

/**
 * Read about a device.
 * @root: the folder that has /sys, "" for the machine's.
 * Return: 0; -ENODEV: there is none.
 */
int pci_read(const char *root, const char *address, struct pci_device *device);

/** List Ethernet devices, by address. @list: to be freed. Return: how many, or -errno. */
int pci_nics(const char *root, struct pci_device **list);

/** Whether a driver hands the device to a program: vfio-pci and its like. */
bool pci_driver_is_user(const char *driver);

#endif
