/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/networks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/link.h"
#include "config/base/log.h"
#include "controlplane/model/model.h"
#include "controlplane/net/announce.h"
#include "controlplane/net/vlan.h"
#include "controlplane/xdp/pins.h"

#define IFACE_DEFAULT "sluice0"

static struct network *port_of(struct networks *n)
{
	return &n->list[0];
}

/* ---- The list ---- */

static void network_free(struct network *network)
{
	announce_destroy(network->announce);
	free(network->added.list);
	*network = (struct network){ .index = 0 };
}

static struct network *network_add(struct networks *n, uint16_t vlan)
{
	struct network *network = &n->list[n->count];

	*network = (struct network){ .vlan = vlan,
				     .setup_due = true,
				     .announce = announce_create(n->base) };
	if (!network->announce)
		return NULL;
	n->count++;
	return network;
}

static uint32_t network_wanted(const struct config *config, uint16_t vlan)
{
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(&config->node, &count);
	for (uint32_t i = 0; i < count; i++)
		if (networks[i].vlan == vlan)
			return i;
	return IFACE_NO_NETWORK;
}

static struct network *network_of_vlan(struct networks *n, uint16_t vlan)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (n->list[i].vlan == vlan)
			return &n->list[i];
	return NULL;
}

/* ---- VLANs that are no longer configured ---- */

struct leftovers {
	struct networks *networks;
	struct vlan_link list[CONFIG_NETWORKS_MAX];
	uint32_t count; /* the rest is found by the next set-up */
};

static void leftover_collect(const struct vlan_link *link, void *arg)
{
	struct leftovers *left = arg;
	const struct config *config = model_config(left->networks->model);

	if (network_wanted(config, link->vlan) == IFACE_NO_NETWORK &&
	    left->count < CONFIG_NETWORKS_MAX)
		left->list[left->count++] = *link;
}

/* Ours are removed; from others' what was added to them. */
static void leftovers_remove(struct networks *n)
{
	struct leftovers left = { .networks = n };
	int err = vlan_list(n->netlink, port_of(n)->index, leftover_collect, &left);

	if (err)
		log_err("%s: its VLAN interfaces cannot be listed: %s", port_of(n)->name,
			strerror(-err));
	for (uint32_t i = 0; i < left.count; i++) {
		const struct vlan_link *link = &left.list[i];

		if (!link->is_ours) {
			(void)iface_clear(n->netlink, link->name, link->index);
			continue;
		}
		err = vlan_remove(n->netlink, link->index);
		log_info("%s: removed", link->name);
		if (err)
			log_err("%s: cannot be removed: %s", link->name, strerror(-err));
	}
}

/* ---- Looking ---- */

static void link_take(struct network *network, const struct link_state *link)
{
	if (link->index != network->index ||
	    memcmp(link->mac, network->mac, sizeof(network->mac)) != 0)
		network->setup_due = true;
	memcpy(network->mac, link->mac, sizeof(network->mac));
	network->index = link->index;
	network->is_running = link->is_running;
	network->is_up = link->is_up;
	memcpy(network->name, link->name, sizeof(network->name));
}

/* The same interface under any name; if it was deleted, the one with the wanted name. */
void networks_port_look(struct networks *n)
{
	struct network *port = port_of(n);
	struct link_state link;
	int err = link_read(n->netlink, port->index, &link);

	if (err == -ENODEV)
		err = link_find(n->netlink, n->wanted, &link);
	if (err == -ENODEV)
		link = (struct link_state){ .index = 0 };
	else if (err)
		return; /* unknown, so unchanged */
	link_take(port, &link);
}

static void failure_log(struct network *network, const char *port, int err)
{
	char name[IFNAMSIZ];

	if (err == network->failure)
		return;
	network->failure = err;
	vlan_name(port, network->vlan, name);
	if (err)
		log_err("%s: cannot be created: %s", name,
			err == -EOPNOTSUPP ? "this kernel has no VLAN interfaces (module 8021q)"
			: err == -EEXIST   ? "the name is another VLAN's"
					   : strerror(-err));
}

/* Return: 0; -ENODEV if there is none and none can be made; -errno: unknown. */
static int vlan_get(struct networks *n, struct network *network, struct vlan_link *link)
{
	const struct network *port = port_of(n);
	int err = vlan_find(n->netlink, port->index, port->name, network->vlan, link);

	if (err == -ENODEV) {
		err = vlan_create(n->netlink, port->index, port->name, network->vlan);
		if (!err) {
			err = vlan_find(n->netlink, port->index, port->name, network->vlan, link);
			log_info("%s: created", link->name);
		}
		failure_log(network, port->name, err);
		return err ? -ENODEV : 0;
	}
	failure_log(network, port->name, err == -EEXIST ? err : 0);
	return err == -EEXIST ? -ENODEV : err;
}

/* The same interface for as long as it exists. */
static void vlan_look(struct networks *n, struct network *network)
{
	struct link_state link = { .index = 0 };
	struct vlan_link vlan;
	int err = -ENODEV;

	if (port_of(n)->index)
		err = link_read(n->netlink, network->index, &link);
	if (port_of(n)->index && err == -ENODEV) {
		err = vlan_get(n, network, &vlan);
		network->is_ours = !err && vlan.is_ours;
		if (!err)
			err = link_read(n->netlink, vlan.index, &link);
	}
	if (!err || err == -ENODEV)
		link_take(network, &link);
}

/* ---- Setting up ---- */

/* A port keeps its VIPs while a program balances without sluiced, but not without any balancer. */
static enum iface_vips vips_of(struct networks *n)
{
	const struct config *config = model_config(n->model);

	if (n->published)
		return IFACE_VIPS_ADD;
	return n->shared && xdp_pins_carry(config->node.port, port_of(n)->index) == 0
		       ? IFACE_VIPS_REMOVE
		       : IFACE_VIPS_KEEP;
}

/* An address in a prefix of a network is there; one in none, which is routed to the node, on all. */
static bool host_is_on(const struct config *config, const struct config_address *host,
		       uint32_t network)
{
	const struct config_network *networks;
	bool is_elsewhere = false;
	uint32_t count;

	networks = config_node_networks(&config->node, &count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].address_count; j++) {
			if (!config_prefix_has(&networks[i].addresses[j], host))
				continue;
			if (i == network)
				return true;
			is_elsewhere = true;
		}
	return !is_elsewhere;
}

static void hosts_of(struct networks *n, uint32_t network, struct config_addresses *hosts)
{
	struct config_addresses all;

	model_nat_hosts(n->model, &all);
	hosts->count = 0;
	for (uint32_t i = 0; network != IFACE_NO_NETWORK && i < all.count; i++)
		if (host_is_on(model_config(n->model), &all.list[i], network))
			hosts->list[hosts->count++] = all.list[i];
}

/* Without memory those of the last time. */
static void holds_refresh(struct networks *n)
{
	uint32_t count = model_vips_held(n->model, NULL, 0);
	struct model_vip_hold *list = count ? calloc(count, sizeof(*list)) : NULL;

	if (count && !list)
		return;
	free(n->holds);
	n->holds = list;
	n->hold_count = count ? model_vips_held(n->model, list, count) : 0;
}

void networks_wish(struct networks *n, struct network *network, struct iface_wish *wish)
{
	holds_refresh(n);
	*wish = (struct iface_wish){
		.name = network->name,
		.index = network->index,
		.config = model_config(n->model),
		.network = network->network,
		.is_vlan = network != port_of(n),
		.vips = vips_of(n),
		.holds = n->holds,
		.hold_count = n->hold_count,
		.shared = n->shared && !network->is_ours,
		.is_up = network->is_up,
		.added = n->shared ? &network->added : NULL,
	};
	hosts_of(n, network->network, &wish->hosts);
}

static bool network_setup(struct networks *n, struct network *network)
{
	struct iface_wish wish;

	networks_wish(n, network, &wish);
	network->setup_due = false;
	if (network == port_of(n))
		leftovers_remove(n);
	if (!iface_setup(n->netlink, &wish))
		log_info("%s: set up%s", network->name, n->published ? "" : ", without VIPs");
	/* Even if nothing changed: the link may lead to another switch, or be another port's. */
	if (wish.vips != IFACE_VIPS_REMOVE && network->network != IFACE_NO_NETWORK)
		announce_start(network->announce, &wish, n->published);
	return true;
}

bool networks_refresh(struct networks *n)
{
	bool any = false;

	networks_port_look(n);
	if (!model_config(n->model))
		return false;
	for (uint32_t i = 1; i < n->count; i++)
		vlan_look(n, &n->list[i]);
	for (uint32_t i = 0; i < n->count; i++)
		if (n->list[i].index && n->list[i].setup_due)
			any |= network_setup(n, &n->list[i]);
	return any;
}

/* ---- Configuring ---- */

/* Drop VLANs that are no longer configured, and add new ones. */
static int list_follow(struct networks *n, const struct config *config)
{
	uint32_t kept = 1;

	port_of(n)->network = network_wanted(config, 0);
	for (uint32_t i = 1; i < n->count; i++) {
		n->list[i].network = network_wanted(config, n->list[i].vlan);
		if (n->list[i].network == IFACE_NO_NETWORK)
			network_free(&n->list[i]);
		else
			n->list[kept++] = n->list[i];
	}
	n->count = kept;
	for (uint32_t i = 0; i < config->node.network_count; i++) {
		struct network *network = network_of_vlan(n, config->node.networks[i].vlan);

		if (!network)
			network = network_add(n, config->node.networks[i].vlan);
		if (!network)
			return -ENOMEM;
		network->network = i;
	}
	return 0;
}

void networks_configure(struct networks *n)
{
	const struct config *config = model_config(n->model);

	if (config && list_follow(n, config))
		log_err("no memory for the interface of a VLAN");
	networks_set_due(n);
}

void networks_set_due(struct networks *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		n->list[i].setup_due = true;
}

bool networks_is_due(const struct networks *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (n->list[i].setup_due && (i == 0 || n->list[i].index))
			return true;
	return false;
}

bool networks_are_there(const struct networks *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (!n->list[i].index)
			return false;
	return true;
}

void networks_silence(struct networks *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		announce_stop(n->list[i].announce);
}

void networks_set_port(struct networks *n, const char *name)
{
	name = *name ? name : IFACE_DEFAULT;
	if (strcmp(n->wanted, name) != 0 && strcmp(port_of(n)->name, name) != 0)
		port_of(n)->index = 0;
	snprintf(n->wanted, sizeof(n->wanted), "%s", name);
	networks_set_due(n);
}

struct network *networks_find(struct networks *n, uint32_t index)
{
	for (uint32_t i = 0; index && i < n->count; i++)
		if (n->list[i].index == index)
			return &n->list[i];
	return NULL;
}

int networks_init(struct networks *n, struct event_base *base, const struct model *model,
		  struct netlink *netlink)
{
	const struct config *config = model_config(model);

	*n = (struct networks){ .base = base, .model = model, .netlink = netlink };
	/* Under XDP the port itself, whether the program is attached or not. */
	n->shared = config && config_node_has_xdp(&config->node);
	snprintf(n->wanted, sizeof(n->wanted), "%s", n->shared ? config->node.port : IFACE_DEFAULT);
	if (!network_add(n, 0))
		return -ENOMEM;
	port_of(n)->setup_due = false;
	return config ? list_follow(n, config) : 0;
}

void networks_fini(struct networks *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		network_free(&n->list[i]);
	n->count = 0;
	free(n->holds);
	n->holds = NULL;
	n->hold_count = 0;
}
