/* SPDX-License-Identifier: BSD-3-Clause */
/* The port: its device and driver, link, MTU, and who else is on it. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/base/port_sysfs.h"
#include "controlplane/doctor/internal.h"

#define ETHERNET_MTU 1500u

static bool is_pci(const struct doctor *doctor)
{
	return doctor->config->node.port_kind == CONFIG_PORT_PCI;
}

static bool is_interface(const struct doctor *doctor)
{
	return doctor->config->node.port_kind == CONFIG_PORT_INTERFACE;
}

static bool has_port(const struct doctor *doctor)
{
	return doctor->port != NULL;
}

/* ---- PCI ---- */

static int not_opened(const char *path)
{
	(void)path;
	return 0;
}

/* Only root may open the device, and only while nothing else uses it. */
static struct port_sysfs sysfs_of(const struct doctor *doctor, char *sys, char *dev)
{
	bool opens = !*doctor->root && !doctor_dataplane_pid(doctor) && geteuid() == 0;

	snprintf(sys, PATH_MAX, "%s/sys", doctor->root);
	snprintf(dev, PATH_MAX, "%s/dev", doctor->root);
	return (struct port_sysfs){
		.sys = sys,
		.dev = dev,
		.try_open = opens ? port_sysfs_of_kernel.try_open : not_opened,
	};
}

static void driver_look(struct doctor *doctor)
{
	const char *address = doctor->config->node.port;
	char sys[PATH_MAX], dev[PATH_MAX], why[DOCTOR_TEXT_MAX] = "";
	struct port_sysfs at = sysfs_of(doctor, sys, dev);
	struct doctor_finding *finding;
	const char *remedy;

	if (!port_sysfs_diagnose(&at, address, why, sizeof(why)))
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, address);
	/* "...; run 'command'" */
	remedy = strstr(why, "; ");
	doctor_text(finding->found, "%.*s", remedy ? (int)(remedy - why) : (int)strlen(why), why);
	doctor_text(finding->expected,
		    "a NIC that DPDK can use: bound to vfio-pci, alone in its IOMMU group");
	doctor_text(finding->mend, "%s", remedy ? remedy + 2 : "lspci -Dd ::0200 lists NICs");
}

static void iommu_look(struct doctor *doctor)
{
	const char *address = doctor->config->node.port;
	char sys[PATH_MAX], dev[PATH_MAX], why[DOCTOR_TEXT_MAX] = "";
	struct port_sysfs at = sysfs_of(doctor, sys, dev);
	struct doctor_finding *finding;

	if (port_sysfs_diagnose(&at, address, why, sizeof(why)))
		return; /* DPDK cannot use it at all */
	if (!port_sysfs_is_unguarded(sys, address))
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, address);
	doctor_text(finding->found, "no IOMMU: the NIC can write to all memory of this machine");
	doctor_text(finding->expected, "vfio-pci with an IOMMU");
	doctor_text(
		finding->mend,
		"intel_iommu=on iommu=pt on the kernel's command line (AMD: on by itself), VT-d "
		"or AMD-Vi in the firmware; then driverctl set-override %s vfio-pci",
		address);
}

/* ---- Interface ---- */

static void exists_look(struct doctor *doctor)
{
	const char *name = doctor->config->node.port;
	struct doctor_finding *finding;

	if (doctor->port)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, name);
	doctor_text(finding->found, "there is no such interface");
	doctor_text(finding->expected, "node.port is an interface of this machine");
	doctor_text(finding->mend, "ip -br link lists them; or: sluicectl config init");
}

static void link_look(struct doctor *doctor)
{
	const struct nic *port = doctor->port;
	struct doctor_finding *finding;

	if (port->is_up && port->has_carrier)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, port->name);
	doctor_text(finding->found, port->is_up ? "no link" : "down");
	doctor_text(finding->expected, "up, with a link");
	if (port->is_up)
		doctor_text(finding->mend, "see cable, optics and the switch's port: ethtool %s",
			    port->name);
	else
		doctor_text(finding->mend, "ip link set %s up", port->name);
}

/* sluiced leaves its program on the port when it ends, with pins. */
static void others_look(struct doctor *doctor)
{
	struct doctor_finding *finding;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/fs/bpf/sluice-%s", doctor->root, doctor->port->name);
	if (doctor->status || !doctor->port->has_xdp || access(path, F_OK) == 0)
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, doctor->port->name);
	doctor_text(finding->found, "another XDP program is on it");
	doctor_text(finding->expected, "none, or one that lets Sluice's be beside it (libxdp)");
	doctor_text(finding->mend, "see whose it is: bpftool net show dev %s", doctor->port->name);
}

static bool shares_port(const struct doctor *doctor)
{
	return has_port(doctor) && doctor_has_xdp(doctor);
}

/* ---- MTU ---- */

static uint32_t mtu_of(const struct doctor *doctor)
{
	if (doctor->config->node.mtu_bytes)
		return doctor->config->node.mtu_bytes;
	return doctor->port ? doctor->port->mtu : 0;
}

static void mtu_over_port(struct doctor *doctor)
{
	const struct nic *port = doctor->port;
	struct doctor_finding *finding;

	if (!port || doctor->config->node.mtu_bytes <= port->mtu)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, port->name);
	doctor_text(finding->found, "MTU %u, below node.mtu", port->mtu);
	doctor_text(finding->expected, "%u, node.mtu", doctor->config->node.mtu_bytes);
	doctor_text(finding->mend, "ip link set %s mtu %u", port->name,
		    doctor->config->node.mtu_bytes);
}

static void mtu_of_listener(struct doctor *doctor, const struct config_service *service,
			    const struct config_listener *listener, uint32_t mtu)
{
	uint32_t least = config_listener_mtu_min(doctor->config, service, listener);
	struct doctor_finding *finding;
	char object[DOCTOR_OBJECT_MAX];

	if (mtu >= least)
		return;
	snprintf(object, sizeof(object), "%s:%u", service->name, listener->port);
	finding = doctor_find(doctor, DOCTOR_WRONG, object);
	doctor_text(finding->found, "MTU %u of the port", mtu);
	doctor_text(finding->expected,
		    "at least %u, so that a packet of 1280 bytes fits into the tunnel", least);
	doctor_text(finding->mend, "ip link set %s mtu %u", doctor->config->node.port, least);
}

static void mtu_of_tunnels(struct doctor *doctor, const struct config_service *service,
			   uint32_t mtu)
{
	struct doctor_finding *finding;

	if ((service->forward != LB_FORWARD_IPIP && service->forward != LB_FORWARD_GUE) ||
	    mtu > ETHERNET_MTU)
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, service->name);
	doctor_text(
		finding->found,
		"MTU %u: full packets of clients do not fit into the tunnel, and clients are told "
		"to send smaller ones",
		mtu);
	doctor_text(finding->expected,
		    "1580 or more on the way to the instances, or a smaller MSS");
	doctor_text(finding->mend, "docs/path-mtu.md; ip link set %s mtu 1580",
		    doctor->config->node.port);
}

static void mtu_look(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	uint32_t mtu = mtu_of(doctor);

	mtu_over_port(doctor);
	if (!mtu) {
		doctor_say(doctor, DOCTOR_SKIPPED, config->node.port,
			   "only sluice-dataplane knows its MTU");
		return;
	}
	for (uint32_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		for (uint32_t l = 0; l < service->listener_count; l++)
			mtu_of_listener(doctor, service, &service->listeners[l], mtu);
		mtu_of_tunnels(doctor, service, mtu);
	}
}

const struct doctor_check doctor_checks_port[] = {
	{ .name = "driver",
	  .title = "DPDK can use the NIC",
	  .applies = is_pci,
	  .run = driver_look },
	{ .name = "iommu",
	  .title = "an IOMMU guards the memory",
	  .applies = is_pci,
	  .run = iommu_look },
	{ .name = "port", .title = "the port exists", .applies = is_interface, .run = exists_look },
	{ .name = "link", .title = "the port has a link", .applies = has_port, .run = link_look },
	{ .name = "xdp_others",
	  .title = "no other XDP program is on the port",
	  .applies = shares_port,
	  .run = others_look },
	{ .name = "mtu", .title = "the port's MTU is enough", .run = mtu_look },
	{ 0 },
};
