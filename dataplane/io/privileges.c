/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "config/base/capabilities.h"
#include "config/base/log.h"
#include "config/base/port_sysfs.h"

#define NICE (-10)

/* To make sluice0, also again later, and to set up and follow interfaces. */
#define ALWAYS CAPABILITY(CAP_NET_ADMIN)
/* libxdp opens the program on the hook, and its map, by their ids. */
#define XDP_SOCKETS (CAPABILITY(CAP_NET_RAW) | CAPABILITY(CAP_BPF) | CAPABILITY(CAP_SYS_ADMIN))
/* Physical addresses (/proc/self/pagemap), and I/O ports. */
#define NO_IOMMU (CAPABILITY(CAP_SYS_ADMIN) | CAPABILITY(CAP_SYS_RAWIO))

/* docs/privileges.md has these tables for operators. */
static uint64_t to_start(const struct plan *plan)
{
	const struct config_node *node = plan->node;

	if (*plan->iface)
		return ALWAYS | XDP_SOCKETS;
	if (node->port_kind == CONFIG_PORT_PCI &&
	    port_sysfs_is_unguarded(PORT_SYSFS_ROOT, node->port))
		return ALWAYS | NO_IOMMU;
	if (node->port_kind == CONFIG_PORT_VDEV && !strncmp(node->port, "net_af_packet", 13))
		return ALWAYS | CAPABILITY(CAP_NET_RAW);
	return ALWAYS;
}

/* sluiced's pins are checked all the time; kernels before 6.0 require CAP_BPF for that. */
static uint64_t to_run(const struct plan *plan)
{
	return plan->has_handover ? ALWAYS | CAPABILITY(CAP_BPF) : ALWAYS;
}

int privileges_check(const struct plan *plan)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t missing = to_start(plan) & ~capabilities_get();
	char text[256];

	if (missing) {
		log_err("%s: missing capabilities: %s; run as root, or add them to"
			" CapabilityBoundingSet= and AmbientCapabilities= of its unit",
			plan->node->port, capabilities_format(missing, text, sizeof(text)));
		return -EPERM;
	}
	/* Kernels before 5.11 count XDP sockets and BPF maps against RLIMIT_MEMLOCK. */
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited))
		log_debug("the limit of locked memory cannot be raised");
	/* Packets are lost while a worker waits for its CPU during another program's time slice. */
	if (getpriority(PRIO_PROCESS, 0) > NICE && setpriority(PRIO_PROCESS, 0, NICE))
		log_debug("the priority cannot be raised");
	return 0;
}

int privileges_drop(const struct plan *plan)
{
	int err = capabilities_keep(to_run(plan));
	char text[256];

	if (err)
		log_err("cannot drop capabilities: %s", strerror(-err));
	else
		log_debug("capabilities from now on: %s",
			  capabilities_format(capabilities_get(), text, sizeof(text)));
	return err;
}
