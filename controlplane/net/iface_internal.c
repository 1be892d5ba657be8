/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/iface_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"

void iface_note(struct iface *iface, int err, const char *what)
{
	if (!err)
		return;
	log_err("%s: %s: %s", iface->wish->name, what, strerror(-err));
	if (!iface->err)
		iface->err = err;
}

const struct config_network *iface_network(const struct config *config, uint32_t network)
{
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(&config->node, &count);
	return network < count ? &networks[network] : NULL;
}

void iface_knob_set(const struct iface *iface, const char *family, const char *knob,
		    const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%.15s/%s", family, iface->wish->name,
		 knob);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_debug("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}
