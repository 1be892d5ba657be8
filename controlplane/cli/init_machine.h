/* SPDX-License-Identifier: BSD-3-Clause */
/* What config init finds on this machine, what it chooses of that, and what it writes. */
#ifndef CONTROLPLANE_CLI_INIT_MACHINE_H
#define CONTROLPLANE_CLI_INIT_MACHINE_H

#include <stdio.h>

#include "config/base/cpus.h"
#include "config/base/nic.h"
#include "config/base/pci.h"

struct init {
	struct nic *nics;
	int nic_count;
	struct nic_address *addresses;
	int address_count;
	struct nic_gateway *gateways;
	int gateway_count;
	struct pci_device *devices; /* Ethernet devices */
	int device_count;
	cpu_set_t online;
	cpu_set_t isolated; /* none if the kernel was not told so */

	/* The choice. */
	char port[CONFIG_PORT_MAX + 1];
	const char *dataplane;
	char cpus[CPUS_TEXT_MAX];
	const struct nic *nic;		 /* NULL: the kernel has no interface for the port */
	const struct pci_device *device; /* NULL: not a PCI device */
	bool is_unaddressed;		 /* the port has no address: an example is written */
	bool cpus_are_isolated;
};

/**
 * Ask the machine.
 * Return: 0 or -errno; init_fini() in both cases.
 */
int init_read(struct init *init);
void init_fini(struct init *init);

/**
 * Choose what was not given.
 * @port, @dataplane, @cpus: the operator's wish, or NULL.
 * Return: 0; -ENODEV: there is no interface to choose.
 */
int init_choose(struct init *init, const char *port, const char *dataplane, const char *cpus);

/** Whether an interface can be a port. */
bool init_nic_fits(const struct nic *nic);

/** Write the file. Return: 0 or -errno. */
int init_write(const struct init *init, FILE *to);

#endif
