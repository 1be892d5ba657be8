/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/iface.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/log.h"
#include "controlplane/net/iface_internal.h"

static int link_up(struct iface *iface)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header = netlink_begin(buffer, RTM_NEWLINK, NLM_F_ACK, sizeof(*header));

	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)iface->wish->index;
	header->ifi_flags = IFF_UP;
	header->ifi_change = IFF_UP;
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

static void shared_link_up(struct iface *iface)
{
	const struct iface_wish *wish = iface->wish;

	if (wish->added->index == wish->index || wish->is_up)
		return;
	log_info("%s: is down; setting it up", wish->name);
	iface_note(iface, link_up(iface), "cannot be set up");
}

/* ---- Sysctls ---- */

/*
 * Ignore router advertisements; notify neighbours of a new MAC address. On a trunk, answer ARP only
 * for addresses of the network that asks.
 */
static void knobs_set(const struct iface *iface)
{
	if (config_node_address(&iface->wish->config->node, 6)) {
		iface_knob_set(iface, "ipv6", "disable_ipv6", "0");
		iface_knob_set(iface, "ipv6", "accept_dad", "0");
	}
	iface_knob_set(iface, "ipv6", "accept_ra", "0");
	iface_knob_set(iface, "ipv6", "autoconf", "0");
	iface_knob_set(iface, "ipv6", "ndisc_notify", "1");
	iface_knob_set(iface, "ipv4", "arp_notify", "1");
	if (iface->wish->config->node.network_count)
		iface_knob_set(iface, "ipv4", "arp_ignore", "1");
}

/* ---- Set up and clear ---- */

int iface_setup(struct netlink *netlink, const struct iface_wish *wish)
{
	struct iface iface = { .netlink = netlink, .wish = wish };

	if (wish->shared) {
		shared_link_up(&iface);
	} else {
		knobs_set(&iface);
		iface_note(&iface, link_up(&iface), "cannot be set up");
	}
	iface_addresses_remove(&iface, false);
	iface_addresses_add(&iface);
	iface_routes_set(&iface);
	iface_tunnel_set(&iface);
	return iface.err;
}

int iface_clear(struct netlink *netlink, const char *name, uint32_t index)
{
	const struct iface_wish wish = {
		.name = name, .index = index, .shared = true, .is_up = true
	};
	struct iface iface = { .netlink = netlink, .wish = &wish };

	iface_tunnel_set(&iface);
	iface_routes_remove(&iface);
	iface_addresses_remove(&iface, true);
	return iface.err ? iface.err : (int)iface.removed;
}
