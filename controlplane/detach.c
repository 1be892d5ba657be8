/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/detach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/base/link.h"
#include "config/base/log.h"
#include "config/base/port_feature.h"
#include "controlplane/net/iface.h"
#include "controlplane/net/vlan.h"
#include "controlplane/sluiced.h"
#include "controlplane/xdp/hook.h"
#include "controlplane/xdp/maps.h"
#include "controlplane/xdp/pins.h"

static int port_of(const struct sluiced *sluiced, char *port, size_t size)
{
	struct sluiced reader = { .config_path = sluiced->config_path,
				  .state_dir = sluiced->state_dir };
	struct config *config;
	bool is_interface;

	if (sluiced->detach_port && !config_is_interface(sluiced->detach_port)) {
		log_err("'%.64s' is not a name of a kernel interface", sluiced->detach_port);
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

/* The interface of that name, or the one that had it when the program was attached. */
static int port_find(struct netlink *netlink, const char *port, struct link_state *link)
{
	int err = link_find(netlink, port, link);
	uint32_t index;

	if (err == -ENODEV && xdp_pins_ifindex(port, &index) == 0)
		err = link_read(netlink, index, link);
	return err;
}

/* Return: whether there was one. */
static bool program_remove(const char *port, const struct link_state *link)
{
	static struct xdp_object object;
	bool was_on = xdp_pins_carry(port, link->index) == 1, kept_tags;

	lb_pin_dir(port, object.pin_dir);
	kept_tags = xdp_maps_kept_tags(object.pin_dir);
	xdp_hook_detach(&object, (int)link->index);
	if (kept_tags && link->index && port_feature_tags_restore(link->name))
		log_warn("%s: rxvlan cannot be turned on again", link->name);
	return was_on;
}

struct vlans {
	struct vlan_link list[LB_VLAN_ID_MAX];
	uint32_t count;
};

static void vlan_collect(const struct vlan_link *link, void *arg)
{
	struct vlans *vlans = arg;

	if (vlans->count < LB_VLAN_ID_MAX)
		vlans->list[vlans->count++] = *link;
}

/* Remove the VLAN interfaces that Sluice has created, and what it has added to others. */
static int vlans_clear(struct netlink *netlink, const struct link_state *link)
{
	static struct vlans vlans;
	int err = vlan_list(netlink, link->index, vlan_collect, &vlans), removed = 0;

	for (uint32_t i = 0; i < vlans.count; i++) {
		const struct vlan_link *vlan = &vlans.list[i];
		int one;

		if (vlan->is_ours)
			log_info("%s: removing the interface", vlan->name);
		one = vlan->is_ours ? vlan_remove(netlink, vlan->index)
				    : iface_clear(netlink, vlan->name, vlan->index);
		if (one < 0 && !err)
			err = one;
		removed += one > 0 ? one : 0;
	}
	return err ? err : removed;
}

/* Return: as iface_clear(). If the interface does not exist, only the pins are removed. */
static int all_remove(const char *port, bool *was_on)
{
	struct netlink netlink = { .socket = NULL };
	struct link_state link = { .index = 0 };
	int err = netlink_open(&netlink), removed = 0, more = 0;

	if (!err)
		err = port_find(&netlink, port, &link);
	if (!err)
		more = vlans_clear(&netlink, &link);
	if (!err)
		removed = iface_clear(&netlink, link.name, link.index);
	netlink_close(&netlink);
	if (err && err != -ENODEV)
		return err;
	*was_on = program_remove(port, &link);
	return removed < 0 || more < 0 ? (removed < 0 ? removed : more) : removed + more;
}

int detach_run(const struct sluiced *sluiced)
{
	char port[CONFIG_PORT_MAX + 1], why[256];
	int claim, removed, err = port_of(sluiced, port, sizeof(port));
	bool was_on = false;

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
			claim == -EBUSY ? "in use by sluiced; stop it first" : strerror(-claim));
		return claim;
	}
	removed = all_remove(port, &was_on);
	close(claim);
	if (removed < 0)
		log_err("%s: %s", port, strerror(-removed));
	log_info("%s: %s; addresses and routes removed: %d", port,
		 was_on ? "XDP program detached" : "no XDP program of Sluice",
		 removed < 0 ? 0 : removed);
	return removed < 0 ? removed : 0;
}
