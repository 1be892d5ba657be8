/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "controlplane/net/iface_internal.h"

/* Lower priority than an administrator's default route without a metric, higher than DHCP's. */
#define ROUTE_METRIC 50

static struct rtmsg *route_begin(const struct iface *iface, void *buffer, uint16_t type,
				 uint16_t flags, int family)
{
	struct rtmsg *header =
		netlink_begin(buffer, type, (uint16_t)(flags | NLM_F_ACK), sizeof(*header));

	header->rtm_family = (uint8_t)family;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_protocol = IFACE_PROTOCOL;
	header->rtm_scope = RT_SCOPE_UNIVERSE;
	header->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(buffer, RTA_OIF, iface->wish->index);
	mnl_attr_put_u32(buffer, RTA_PRIORITY, ROUTE_METRIC);
	return header;
}

/* The node's address in the gateway's network, else its first one. */
static const struct config_address *route_source(const struct iface *iface, uint8_t family)
{
	const struct config *config = iface->wish->config;
	const struct config_network *network = iface_network(config, iface->wish->network);
	const struct config_address *source = NULL;

	if (network)
		source = config_network_address(network, family);
	return source ? source : config_node_address(&config->node, family);
}

static int route_add(struct iface *iface, const struct config_address *gateway, uint16_t how)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	const struct config_address *source = route_source(iface, gateway->family);

	route_begin(iface, buffer, RTM_NEWROUTE, (uint16_t)(NLM_F_CREATE | how),
		    netlink_family(gateway));
	netlink_put_address(buffer, RTA_GATEWAY, gateway);
	if (source)
		netlink_put_address(buffer, RTA_PREFSRC, source);
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

/* Removes only our route: the kernel compares the protocol. */
static int route_remove(struct iface *iface, int family)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	int err;

	route_begin(iface, buffer, RTM_DELROUTE, 0, family);
	err = netlink_talk(iface->netlink, buffer, NULL, NULL);
	iface->removed += !err;
	return err == -ESRCH || err == -ENOENT || err == -EAFNOSUPPORT ? 0 : err;
}

/* ---- An existing route of ours ---- */

struct route_seen {
	uint32_t index;
	const struct config_address *gateway, *source;
	bool same;
};

static bool attribute_is(const struct nlattr *attribute, int family,
			 const struct config_address *wanted)
{
	struct config_address address;

	if (!wanted)
		return !attribute;
	return attribute && netlink_get_address(attribute, family, &address) &&
	       config_address_equal(&address, wanted);
}

static int on_route(const struct nlmsghdr *message, void *arg)
{
	struct route_seen *seen = arg;
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[RTA_MAX + 1];

	if (header->rtm_dst_len || header->rtm_protocol != IFACE_PROTOCOL)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attribute, RTA_MAX);
	if (attribute[RTA_OIF] && mnl_attr_get_u32(attribute[RTA_OIF]) == seen->index &&
	    attribute_is(attribute[RTA_GATEWAY], header->rtm_family, seen->gateway) &&
	    attribute_is(attribute[RTA_PREFSRC], header->rtm_family, seen->source))
		seen->same = true;
	return MNL_CB_OK;
}

static bool route_is_there(struct iface *iface, const struct config_address *gateway)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct route_seen seen = {
		.index = iface->wish->index,
		.gateway = gateway,
		.source = route_source(iface, gateway->family),
	};
	struct rtmsg *header =
		netlink_begin(buffer, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg));

	header->rtm_family = (uint8_t)netlink_family(gateway);
	return netlink_talk(iface->netlink, buffer, on_route, &seen) == 0 && seen.same;
}

/* Without NLM_F_REPLACE: that would overwrite a foreign route of this metric. */
static int route_add_shared(struct iface *iface, const struct config_address *gateway)
{
	int err;

	if (route_is_there(iface, gateway))
		return 0;
	err = route_remove(iface, netlink_family(gateway));
	return err ? err : route_add(iface, gateway, NLM_F_EXCL);
}

void iface_routes_set(struct iface *iface)
{
	const struct config_network *network =
		iface_network(iface->wish->config, iface->wish->network);
	bool has4 = false, has6 = false;

	for (uint32_t i = 0; network && i < network->gateway_count; i++) {
		const struct config_address *gateway = &network->gateways[i].address;

		*(gateway->family == 4 ? &has4 : &has6) = true;
		iface_note(iface,
			   iface->wish->shared ? route_add_shared(iface, gateway)
					       : route_add(iface, gateway, NLM_F_REPLACE),
			   "the route through node.gateway cannot be added");
	}
	if (!has4)
		iface_note(iface, route_remove(iface, AF_INET),
			   "an old default route cannot be removed");
	if (!has6)
		iface_note(iface, route_remove(iface, AF_INET6),
			   "an old default route cannot be removed");
}

void iface_routes_remove(struct iface *iface)
{
	iface_note(iface, route_remove(iface, AF_INET), "the default route cannot be removed");
	iface_note(iface, route_remove(iface, AF_INET6), "the default route cannot be removed");
}
