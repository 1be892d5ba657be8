/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/privileges.h"

#include "config/base/capabilities.h"
#include "config/base/log.h"

/*
 * Interfaces, routes and neighbours; announcements; the control socket's group, if this process
 * isn't in it; as many descriptors as the configuration needs; root's access to others' files. See
 * docs/privileges.md for operators.
 */
#define ALWAYS                                                                                     \
	(CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_NET_RAW) | CAPABILITY(CAP_CHOWN) |             \
	 CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_DAC_OVERRIDE) | CAPABILITY(CAP_SYS_RESOURCE))

/*
 * Programs and maps; opening others' by id, as libxdp's dispatcher does; the grace period on busy
 * CPUs.
 */
#define XDP                                                                                        \
	(CAPABILITY(CAP_BPF) | CAPABILITY(CAP_PERFMON) | CAPABILITY(CAP_SYS_ADMIN) |               \
	 CAPABILITY(CAP_SYS_NICE))

int privileges_keep(const struct config_node *node)
{
	int err = capabilities_keep(config_node_has_xdp(node) ? ALWAYS | XDP : ALWAYS);
	char text[256];

	if (!err)
		log_debug("capabilities from now on: %s",
			  capabilities_format(capabilities_get(), text, sizeof(text)));
	return err;
}
