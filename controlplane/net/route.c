/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/route.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define NUD_USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

/* RTA_VIA: a gateway of another family (RFC 8950). */
static bool via_read(const struct nlattr *attribute, struct config_address *via)
{
	const struct rtvia *from;
	uint32_t bytes;

	if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(*from))
		return false;
	from = mnl_attr_get_payload(attribute);
	bytes = mnl_attr_get_payload_len(attribute) - (uint32_t)sizeof(*from);
	if (!(from->rtvia_family == AF_INET && bytes == 4) &&
	    !(from->rtvia_family == AF_INET6 && bytes == 16))
		return false;
	*via = (struct config_address){ .family = bytes == 4 ? 4 : 6 };
	memcpy(via->bytes, from->rtvia_addr, bytes);
	return true;
}

/* RTAX_MTU of the route; if the kernel has learned a smaller path MTU, that one (RFC 1191). */
static uint32_t mtu_read(const struct nlattr *metrics)
{
	const struct nlattr *metric;
	uint32_t mtu = 0;

	if (!metrics)
		return 0;
	mnl_attr_for_each_nested(metric, metrics)
		if (mnl_attr_get_type(metric) == RTAX_MTU &&
		    mnl_attr_get_payload_len(metric) >= sizeof(uint32_t))
			mtu = mnl_attr_get_u32(metric);
	return mtu;
}

static int on_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[RTA_MAX + 1];
	struct route *route = arg;
	struct config_address via;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attribute, RTA_MAX);
	route->type = header->rtm_type;
	route->mtu_bytes = mtu_read(attribute[RTA_METRICS]);
	if (attribute[RTA_OIF])
		route->iface = mnl_attr_get_u32(attribute[RTA_OIF]);
	if (netlink_get_address(attribute[RTA_GATEWAY], header->rtm_family, &via) ||
	    via_read(attribute[RTA_VIA], &via))
		route->via = via;
	return MNL_CB_OK;
}

int route_get(struct netlink *netlink, const struct config_address *to,
	      const struct config_address *from, struct route *route)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct rtmsg *header = netlink_begin(buffer, RTM_GETROUTE, 0, sizeof(*header));
	int err;

	*route = (struct route){ .via = *to };
	header->rtm_family = (uint8_t)netlink_family(to);
	header->rtm_dst_len = (uint8_t)(8 * netlink_address_bytes(to));
	netlink_put_address(buffer, RTA_DST, to);
	if (from) {
		header->rtm_src_len = (uint8_t)(8 * netlink_address_bytes(from));
		netlink_put_address(buffer, RTA_SRC, from);
	}
	err = netlink_talk(netlink, buffer, on_route, route);
	return err == -EINVAL && from ? route_get(netlink, to, NULL, route) : err;
}

bool route_neighbour_read(const struct nlmsghdr *message, struct route_neighbour *neighbour)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[NDA_MAX + 1];

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return false;
	netlink_attributes(message, sizeof(*header), attribute, NDA_MAX);
	*neighbour = (struct route_neighbour){
		.iface = (uint32_t)header->ndm_ifindex,
		.state = message->nlmsg_type == RTM_DELNEIGH ? NUD_NONE : header->ndm_state,
	};
	if (!netlink_get_address(attribute[NDA_DST], header->ndm_family, &neighbour->address))
		return false;
	if (!(neighbour->state & NUD_USABLE) || !attribute[NDA_LLADDR] ||
	    mnl_attr_get_payload_len(attribute[NDA_LLADDR]) != LB_ETH_ALEN)
		return true;
	neighbour->has_mac = true;
	memcpy(neighbour->mac, mnl_attr_get_payload(attribute[NDA_LLADDR]), LB_ETH_ALEN);
	return true;
}

static int on_neighbour(const struct nlmsghdr *message, void *arg)
{
	if (message->nlmsg_type == RTM_NEWNEIGH)
		route_neighbour_read(message, arg);
	return MNL_CB_OK;
}

static void *neighbour_begin(void *buffer, uint16_t type, uint16_t flags, uint32_t iface,
			     const struct config_address *address)
{
	struct ndmsg *header = netlink_begin(buffer, type, flags, sizeof(*header));

	header->ndm_family = (uint8_t)netlink_family(address);
	header->ndm_ifindex = (int)iface;
	netlink_put_address(buffer, NDA_DST, address);
	return header;
}

int route_neighbour_get(struct netlink *netlink, uint32_t iface,
			const struct config_address *address, struct route_neighbour *neighbour)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	int err;

	*neighbour = (struct route_neighbour){ .iface = iface, .address = *address };
	neighbour_begin(buffer, RTM_GETNEIGH, 0, iface, address);
	err = netlink_talk(netlink, buffer, on_neighbour, neighbour);
	return err == -ENOENT ? 0 : err;
}

int route_neighbour_use(struct netlink *netlink, uint32_t iface,
			const struct config_address *address)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ndmsg *header =
		neighbour_begin(buffer, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, iface, address);

	header->ndm_flags = NTF_USE;
	return netlink_talk(netlink, buffer, NULL, NULL);
}
