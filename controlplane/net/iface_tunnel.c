/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * node.tunnel_sources as local addresses: a local route for the network, so that ICMP errors about
 * tunnels are delivered to the sockets of path_mtu.c.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "controlplane/net/iface_internal.h"

struct local_seen {
	uint32_t index;
	const struct config_prefix *wanted; /* family 0: none */
	bool there;
	struct config_prefix other; /* the first unwanted one; family 0: none */
};

static int on_local(const struct nlmsghdr *message, void *arg)
{
	struct local_seen *seen = arg;
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[RTA_MAX + 1];
	struct config_prefix is = { .length = header->rtm_dst_len };

	if (header->rtm_type != RTN_LOCAL || header->rtm_protocol != IFACE_PROTOCOL)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attribute, RTA_MAX);
	if (!attribute[RTA_OIF] || mnl_attr_get_u32(attribute[RTA_OIF]) != seen->index ||
	    !attribute[RTA_DST] ||
	    !netlink_get_address(attribute[RTA_DST], header->rtm_family, &is.address))
		return MNL_CB_OK;
	if (is.length == seen->wanted->length &&
	    config_address_equal(&is.address, &seen->wanted->address))
		seen->there = true;
	else
		seen->other = is;
	return MNL_CB_OK;
}

static int local_look(struct iface *iface, struct local_seen *seen)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct rtmsg *header =
		netlink_begin(buffer, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg));

	header->rtm_family = AF_INET;
	return netlink_talk(iface->netlink, buffer, on_local, seen);
}

static int local_change(struct iface *iface, uint16_t type, uint16_t flags,
			const struct config_prefix *network)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct rtmsg *header =
		netlink_begin(buffer, type, (uint16_t)(flags | NLM_F_ACK), sizeof(*header));

	header->rtm_family = AF_INET;
	header->rtm_dst_len = network->length;
	header->rtm_table = RT_TABLE_LOCAL;
	header->rtm_protocol = IFACE_PROTOCOL;
	header->rtm_scope = RT_SCOPE_HOST;
	header->rtm_type = RTN_LOCAL;
	netlink_put_address(buffer, RTA_DST, &network->address);
	mnl_attr_put_u32((struct nlmsghdr *)buffer, RTA_OIF, iface->wish->index);
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

void iface_tunnel_set(struct iface *iface)
{
	static const struct config_prefix none = { .length = 0 };
	const struct config *config = iface->wish->config;
	struct local_seen seen = {
		.index = iface->wish->index,
		.wanted = config && !iface->wish->is_vlan ? &config->node.tunnel_sources : &none,
	};
	int err = local_look(iface, &seen);

	/* Each iteration removes one. */
	while (!err && seen.other.address.family) {
		err = local_change(iface, RTM_DELROUTE, 0, &seen.other);
		iface->removed += !err;
		seen.other = none;
		if (!err)
			err = local_look(iface, &seen);
	}
	if (!err && seen.wanted->address.family && !seen.there)
		err = local_change(iface, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, seen.wanted);
	iface_note(iface, err, "the local route of node.tunnel_sources cannot be set");
}
