/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "config/base/netlink.h"
#include "controlplane/instance/address.h"
#include "controlplane/instance/rtnl.h"

#define LIFETIME_FOREVER 0xffffffffu

struct addr_search {
	const struct lb_unwrap_addr *addr;
	int ifindex;
};

/* Send one request and pass each answer to @cb. Return: 0 or -errno, including the kernel's. */
static int rtnl_talk(void *request, mnl_cb_t cb, void *data)
{
	struct netlink netlink;
	int ret = netlink_open(&netlink);

	if (ret)
		return ret;
	ret = netlink_talk(&netlink, request, cb, data);
	netlink_close(&netlink);
	return ret;
}

static int rtnl_addr_change(int type, int flags, int ifindex, const struct lb_unwrap_addr *addr)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
	struct ifaddrmsg *msg =
		netlink_begin(buffer, (uint16_t)type, (uint16_t)(NLM_F_ACK | flags), sizeof(*msg));
	struct ifa_cacheinfo lifetime = { .ifa_valid = LIFETIME_FOREVER };

	msg->ifa_family = address_family(addr);
	msg->ifa_prefixlen = address_bytes(addr) * 8;
	msg->ifa_scope = RT_SCOPE_UNIVERSE;
	msg->ifa_index = ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, address_bytes(addr), addr->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, address_bytes(addr), addr->bytes);
	if (type == RTM_NEWADDR && addr->family == 6) {
		msg->ifa_flags = IFA_F_NODAD;
		mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(lifetime), &lifetime);
	}
	return rtnl_talk(buffer, NULL, NULL);
}

int rtnl_addr_add(int ifindex, const struct lb_unwrap_addr *addr)
{
	return rtnl_addr_change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, addr);
}

int rtnl_addr_del(int ifindex, const struct lb_unwrap_addr *addr)
{
	return rtnl_addr_change(RTM_DELADDR, 0, ifindex, addr);
}

static int addr_search_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct addr_search *search = data;
	const struct nlattr *attr;
	int wanted = search->addr->family == 4 ? IFA_LOCAL : IFA_ADDRESS;

	mnl_attr_for_each(attr, nlh, sizeof(*msg)) {
		if (mnl_attr_get_type(attr) != wanted ||
		    mnl_attr_get_payload_len(attr) != address_bytes(search->addr))
			continue;
		if (!memcmp(mnl_attr_get_payload(attr), search->addr->bytes,
			    address_bytes(search->addr)))
			search->ifindex = msg->ifa_index;
	}
	return MNL_CB_OK;
}

int rtnl_addr_find(const struct lb_unwrap_addr *addr)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifaddrmsg *msg = netlink_begin(buffer, RTM_GETADDR, NLM_F_DUMP, sizeof(*msg));
	struct addr_search search = { .addr = addr };
	int ret;

	msg->ifa_family = address_family(addr);
	ret = rtnl_talk(buffer, addr_search_cb, &search);
	return ret ? ret : search.ifindex;
}

static int route_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	int *oif = data;

	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg)) {
		if (mnl_attr_get_type(attr) == RTA_OIF && !mnl_attr_validate(attr, MNL_TYPE_U32))
			*oif = mnl_attr_get_u32(attr);
	}
	return MNL_CB_STOP;
}

int rtnl_route_oif(const struct lb_unwrap_addr *addr)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
	struct rtmsg *msg = netlink_begin(buffer, RTM_GETROUTE, 0, sizeof(*msg));
	int oif = 0;
	int ret;

	msg->rtm_family = address_family(addr);
	msg->rtm_dst_len = address_bytes(addr) * 8;
	mnl_attr_put(nlh, RTA_DST, address_bytes(addr), addr->bytes);
	ret = rtnl_talk(buffer, route_cb, &oif);
	if (ret)
		return ret;
	return oif ? oif : -ENETUNREACH;
}

static int filter_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *msg = mnl_nlmsg_get_payload(nlh);
	int *count = data;

	/* For each priority the kernel sends one without a handle, too. */
	if (nlh->nlmsg_type == RTM_NEWTFILTER && msg->tcm_handle)
		(*count)++;
	return MNL_CB_OK;
}

int rtnl_filters_count(int ifindex)
{
	static const uint32_t parents[] = { TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
					    TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS) };
	int count = 0;

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
		struct tcmsg *msg = netlink_begin(buffer, RTM_GETTFILTER, NLM_F_DUMP, sizeof(*msg));
		int ret;

		msg->tcm_ifindex = ifindex;
		msg->tcm_parent = parents[i];
		ret = rtnl_talk(buffer, filter_cb, &count);
		if (ret)
			return ret;
	}
	return count;
}

int rtnl_link_get(int ifindex, struct link_state *link)
{
	struct netlink netlink;
	int ret = netlink_open(&netlink);

	if (ret)
		return ret;
	ret = link_read(&netlink, (uint32_t)ifindex, link);
	netlink_close(&netlink);
	return ret;
}
