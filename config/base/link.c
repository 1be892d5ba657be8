/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_CHARS 127 /* of an alternative name */

static int on_xdp(const struct nlattr *attribute, void *arg)
{
	struct link_state *link = arg;

	if (mnl_attr_get_type(attribute) == IFLA_XDP_ATTACHED)
		link->has_xdp = mnl_attr_get_u8(attribute) != XDP_ATTACHED_NONE;
	return MNL_CB_OK;
}

static void attributes_take(const struct nlattr *const *attribute, struct link_state *link)
{
	uint32_t mtu;

	if (attribute[IFLA_IFNAME])
		snprintf(link->name, sizeof(link->name), "%s",
			 mnl_attr_get_str(attribute[IFLA_IFNAME]));
	if (attribute[IFLA_MTU]) {
		mtu = mnl_attr_get_u32(attribute[IFLA_MTU]);
		link->mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
	}
	if (attribute[IFLA_CARRIER]) /* IFF_RUNNING lags up to a second behind */
		link->has_carrier = link->is_up && mnl_attr_get_u8(attribute[IFLA_CARRIER]);
	if (attribute[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(attribute[IFLA_ADDRESS]) == sizeof(link->mac))
		memcpy(link->mac, mnl_attr_get_payload(attribute[IFLA_ADDRESS]), sizeof(link->mac));
	if (attribute[IFLA_XDP])
		mnl_attr_parse_nested(attribute[IFLA_XDP], on_xdp, link);
}

static int on_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFLA_MAX + 1];
	struct link_state *link = arg;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	link->index = (uint32_t)header->ifi_index;
	link->is_up = header->ifi_flags & IFF_UP;
	link->is_running = header->ifi_flags & IFF_RUNNING;
	link->has_carrier = link->is_running;
	netlink_attributes(message, sizeof(*header), attribute, IFLA_MAX);
	attributes_take(attribute, link);
	return MNL_CB_OK;
}

static int ask(struct netlink *netlink, uint32_t index, const char *name, struct link_state *link)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header = netlink_begin(buffer, RTM_GETLINK, 0, sizeof(*header));
	struct link_state found = { .index = 0 };
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

int link_find(struct netlink *netlink, const char *name, struct link_state *link)
{
	return strlen(name) <= NAME_MAX_CHARS ? ask(netlink, 0, name, link) : -ENODEV;
}

int link_read(struct netlink *netlink, uint32_t index, struct link_state *link)
{
	return index ? ask(netlink, index, NULL, link) : -ENODEV;
}
