/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/file.h"
#include "controlplane/cli/init_machine.h"

#define CPU_DIR "/sys/devices/system/cpu"

/* ---- Reading ---- */

static void cpus_read(const char *path, cpu_set_t *set)
{
	char text[CPUS_TEXT_MAX];
	uint32_t twice;

	CPU_ZERO(set);
	if (file_line(path, text, sizeof(text)) || cpus_parse(text, set, &twice))
		CPU_ZERO(set);
}

static int count_or_none(int n, int *count)
{
	*count = n > 0 ? n : 0;
	return n < 0 ? n : 0;
}

int init_read(struct init *init)
{
	struct netlink netlink;
	int err;

	*init = (struct init){ .port = "" };
	err = cpus_online(&init->online);
	if (!err)
		err = netlink_open(&netlink);
	if (err)
		return err;
	cpus_read(CPU_DIR "/isolated", &init->isolated);
	err = count_or_none(nic_list(&netlink, &init->nics), &init->nic_count);
	for (int i = 0; i < init->nic_count; i++)
		nic_ask(&init->nics[i]);
	if (!err)
		err = count_or_none(nic_addresses(&netlink, &init->addresses),
				    &init->address_count);
	if (!err)
		err = count_or_none(nic_gateways(&netlink, &init->gateways), &init->gateway_count);
	if (!err)
		err = count_or_none(pci_nics("", &init->devices), &init->device_count);
	netlink_close(&netlink);
	return err;
}

void init_fini(struct init *init)
{
	free(init->nics);
	free(init->addresses);
	free(init->gateways);
	free(init->devices);
}

/* ---- The port ---- */

bool init_nic_fits(const struct nic *nic)
{
	bool is_device = nic->kind[0] == '\0' && nic->driver[0] != '\0';

	return nic->is_ethernet && config_is_interface(nic->name) &&
	       (is_device || strcmp(nic->kind, "veth") == 0 || strcmp(nic->kind, "bond") == 0);
}

static bool has_address(const struct init *init, const struct nic *nic)
{
	for (int i = 0; i < init->address_count; i++)
		if (init->addresses[i].index == nic->index && init->addresses[i].is_global)
			return true;
	return false;
}

static bool has_gateway(const struct init *init, const struct nic *nic)
{
	for (int i = 0; i < init->gateway_count; i++)
		if (init->gateways[i].index == nic->index)
			return true;
	return false;
}

/* The one that carries traffic already is the likeliest: with a way out, an address, a link. */
static int nic_score(const struct init *init, const struct nic *nic)
{
	return has_gateway(init, nic) * 8 + has_address(init, nic) * 4 + nic->has_carrier * 2 +
	       (nic->kind[0] == '\0');
}

static const struct nic *nic_choose(const struct init *init)
{
	const struct nic *best = NULL;

	for (int i = 0; i < init->nic_count; i++)
		if (init_nic_fits(&init->nics[i]) &&
		    (!best || nic_score(init, &init->nics[i]) > nic_score(init, best)))
			best = &init->nics[i];
	return best;
}

/* A device that was bound to a driver of programs is meant for one. */
static const struct pci_device *device_choose(const struct init *init)
{
	for (int i = 0; i < init->device_count; i++)
		if (pci_driver_is_user(init->devices[i].driver))
			return &init->devices[i];
	return NULL;
}

static const struct pci_device *device_find(const struct init *init, const char *address)
{
	for (int i = 0; i < init->device_count; i++)
		if (*address && strcmp(init->devices[i].address, address) == 0)
			return &init->devices[i];
	return NULL;
}

static const struct nic *nic_of_pci(const struct init *init, const char *address)
{
	for (int i = 0; i < init->nic_count; i++)
		if (strcmp(init->nics[i].pci, address) == 0)
			return &init->nics[i];
	return NULL;
}

static int port_choose(struct init *init, const char *port)
{
	const struct pci_device *device = port ? NULL : device_choose(init);
	const struct nic *nic = port || device ? NULL : nic_choose(init);

	if (!port)
		port = device ? device->address : nic ? nic->name : NULL;
	if (!port)
		return -ENODEV;
	snprintf(init->port, sizeof(init->port), "%s", port);
	init->nic = nic_find(init->nics, init->nic_count, port);
	if (!init->nic)
		init->nic = nic_of_pci(init, port);
	init->device = device_find(init, init->nic ? init->nic->pci : port);
	return 0;
}

/* ---- CPUs ---- */

static void cpus_keep(cpu_set_t *set, const cpu_set_t *of)
{
	cpu_set_t both;

	CPU_AND(&both, set, of);
	if (CPU_COUNT(&both) > 0)
		*set = both;
}

static void cpus_limit(cpu_set_t *set, uint32_t n)
{
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && (uint32_t)CPU_COUNT(set) > n; cpu--)
		CPU_CLR(cpu, set);
}

/* An interface must have a queue for each worker, and no others. */
static uint32_t workers_most(const struct init *init)
{
	bool is_interface = init->nic && config_is_interface(init->port);

	return is_interface && init->nic->queues ? init->nic->queues : CONFIG_CPUS_MAX;
}

/* Those that poll must be near the NIC; the first CPU stays for everything else on the machine. */
static void cpus_of_workers(struct init *init, cpu_set_t *set)
{
	cpu_set_t local;
	char path[128];

	init->cpus_are_isolated = CPU_COUNT(&init->isolated) > 0;
	if (init->device && init->device->numa >= 0) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist",
			 init->device->numa);
		cpus_read(path, &local);
		cpus_keep(set, &local);
	}
	if (init->cpus_are_isolated)
		cpus_keep(set, &init->isolated);
	for (int cpu = 0; cpu < CPU_SETSIZE && !init->cpus_are_isolated; cpu++)
		if (CPU_ISSET(cpu, set) && CPU_COUNT(set) > 1) {
			CPU_CLR(cpu, set);
			break;
		}
	cpus_limit(set, workers_most(init));
}

static void cpus_choose(struct init *init)
{
	cpu_set_t set = init->online;

	if (strcmp(init->dataplane, "xdp") != 0)
		cpus_of_workers(init, &set);
	cpus_limit(&set, CONFIG_CPUS_MAX);
	cpus_format(&set, init->cpus, sizeof(init->cpus));
}

int init_choose(struct init *init, const char *port, const char *dataplane, const char *cpus)
{
	int err = port_choose(init, port);

	if (err)
		return err;
	init->dataplane = dataplane ? dataplane : config_is_interface(init->port) ? "xdp" : "dpdk";
	if (cpus)
		snprintf(init->cpus, sizeof(init->cpus), "%s", cpus);
	else
		cpus_choose(init);
	init->is_unaddressed = !init->nic || !has_address(init, init->nic);
	return 0;
}
