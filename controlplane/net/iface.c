/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/iface.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/log.h"
#include "controlplane/net/iface_internal.h"

/* ---- Queries ---- */

static int on_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFLA_MAX + 1];
	struct iface_link *link = arg;
	uint32_t mtu = 0;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attribute, IFLA_MAX);
	link->index = (uint32_t)header->ifi_index;
	link->is_up = header->ifi_flags & IFF_UP;
	link->is_running = header->ifi_flags & IFF_RUNNING;
	if (attribute[IFLA_IFNAME])
		snprintf(link->name, sizeof(link->name), "%s",
			 mnl_attr_get_str(attribute[IFLA_IFNAME]));
	if (attribute[IFLA_MTU])
		mtu = mnl_attr_get_u32(attribute[IFLA_MTU]);
	link->mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
	if (attribute[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(attribute[IFLA_ADDRESS]) == sizeof(link->mac))
		memcpy(link->mac, mnl_attr_get_payload(attribute[IFLA_ADDRESS]), sizeof(link->mac));
	return MNL_CB_OK;
}

static int link_ask(struct netlink *netlink, uint32_t index, const char *name,
		    struct iface_link *link)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header = netlink_begin(buffer, RTM_GETLINK, 0, sizeof(*header));
	struct iface_link found = { .index = 0 };
	int err;

	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)index;
	if (name)
		mnl_attr_put_strz((struct nlmsghdr *)buffer,
				  strlen(name) < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
	mnl_attr_put_u32((struct nlmsghdr *)buffer, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = netlink_talk(netlink, buffer, on_link, &found);
	if (!err && !found.index)
		err = -EAGAIN;
	if (!err)
		*link = found;
	return err;
}

int iface_find(struct netlink *netlink, const char *name, struct iface_link *link)
{
	return link_ask(netlink, 0, name, link);
}

int iface_read(struct netlink *netlink, uint32_t index, struct iface_link *link)
{
	return index ? link_ask(netlink, index, NULL, link) : -ENODEV;
}

/* ---- Link ---- */

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

/* Ignore router advertisements; notify neighbours of a new MAC address. */
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
