/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/detach.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/iface.h"
#include "controlplane/log.h"
#include "controlplane/sluiced.h"
#include "controlplane/xdp_object.h"
#include "controlplane/xdp_pins.h"

static int port_of(const struct sluiced *sluiced, char *port, size_t size)
{
	struct sluiced reader = { .config_path = sluiced->config_path,
				  .state_dir = sluiced->state_dir };
	struct config *config;
	bool is_interface;

	if (sluiced->detach_port && !config_is_interface(sluiced->detach_port)) {
		log_err("'%.64s' is no name of a kernel interface", sluiced->detach_port);
		return -EINVAL;
	}
	if (sluiced->detach_port) {
		snprintf(port, size, "%s", sluiced->detach_port);
		return 0;
	}
	config = sluiced_config_load(&reader);
	if (!config)
		return -EINVAL;
	is_interface = config->node.port_kind == CONFIG_PORT_INTERFACE;
	snprintf(port, size, "%s", config->node.port);
	config_free(config);
	if (!is_interface)
		log_err("%s is not a kernel interface, so nothing is attached to it", port);
	return is_interface ? 0 : -EINVAL;
}

static int addresses_remove(const char *port)
{
	struct netlink netlink = { .socket = NULL };
	uint32_t index = iface_find(port);
	int err;

	if (!index)
		return 0;
	err = netlink_open(&netlink);
	if (!err)
		err = iface_clear(&netlink, port, index);
	netlink_close(&netlink);
	return err;
}

static int program_remove(const char *port)
{
	static struct xdp_object object;
	bool was_on = xdp_pins_carry(port);

	xdp_pins_dir(port, object.pin_dir);
	xdp_object_detach(&object, (int)if_nametoindex(port));
	return was_on;
}

int detach_run(const struct sluiced *sluiced)
{
	char port[CONFIG_PORT_MAX + 1], why[256];
	int claim, removed, was_on, err = port_of(sluiced, port, sizeof(port));

	if (err)
		return err;
	err = xdp_pins_mount(why, sizeof(why));
	if (err) {
		log_err("%s", why);
		return err;
	}
	claim = xdp_pins_claim(port);
	if (claim < 0) {
		log_err("%s: %s", port,
			claim == -EBUSY ? "a sluiced runs on it; stop it first" : strerror(-claim));
		return claim;
	}
	removed = addresses_remove(port);
	was_on = program_remove(port);
	close(claim);
	log_info("%s: %s; addresses and routes removed: %d", port,
		 was_on ? "the XDP program is off" : "there was no XDP program of ours",
		 removed < 0 ? 0 : removed);
	return removed < 0 ? removed : 0;
}
