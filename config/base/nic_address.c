/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "config/base/nic.h"

struct dump {
	void *list;
	size_t size; /* of an entry */
	int n;
	bool failed;
};

/* Room for one more entry, or NULL. */
static void *dump_add(struct dump *dump)
{
	void *list = realloc(dump->list, (size_t)(dump->n + 1) * dump->size);

	if (!list) {
		dump->failed = true;
		return NULL;
	}
	dump->list = list;
	return (char *)list + dump->size * (size_t)dump->n++;
}

/* @to: the list. Return: how many, or -errno. */
static int dump_run(struct netlink *netlink, void *request, mnl_cb_t each, struct dump *dump,
		    void *to)
{
	int err = netlink_talk(netlink, request, each, dump);

	*(void **)to = dump->list;
	return err ? err : dump->failed ? -ENOMEM : dump->n;
}

static int on_address(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFA_MAX + 1];
	struct nic_address *to;
	struct config_address address;

	if (message->nlmsg_type != RTM_NEWADDR)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attribute, IFA_MAX);
	/* On a point-to-point link IFA_ADDRESS is the other end's. */
	if (!netlink_get_address(attribute[IFA_LOCAL], header->ifa_family, &address) &&
	    !netlink_get_address(attribute[IFA_ADDRESS], header->ifa_family, &address))
		return MNL_CB_OK;
	to = dump_add(arg);
	if (to)
		*to = (struct nic_address){
			.index = header->ifa_index,
			.prefix = { .address = address, .length = header->ifa_prefixlen },
			.is_global = header->ifa_scope == RT_SCOPE_UNIVERSE,
		};
	return MNL_CB_OK;
}

int nic_addresses(struct netlink *netlink, struct nic_address **list)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifaddrmsg *header = netlink_begin(buffer, RTM_GETADDR, NLM_F_DUMP, sizeof(*header));
	struct dump dump = { .size = sizeof(**list) };

	header->ifa_family = AF_UNSPEC;
	return dump_run(netlink, buffer, on_address, &dump, list);
}

static int on_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[RTA_MAX + 1];
	struct nic_gateway *to;
	struct config_address address;

	if (message->nlmsg_type != RTM_NEWROUTE || header->rtm_dst_len != 0 ||
	    header->rtm_type != RTN_UNICAST || header->rtm_table != RT_TABLE_MAIN)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attribute, RTA_MAX);
	if (!attribute[RTA_OIF] ||
	    !netlink_get_address(attribute[RTA_GATEWAY], header->rtm_family, &address))
		return MNL_CB_OK;
	to = dump_add(arg);
	if (to)
		*to = (struct nic_gateway){
			.index = mnl_attr_get_u32(attribute[RTA_OIF]),
			.metric = attribute[RTA_PRIORITY]
					  ? mnl_attr_get_u32(attribute[RTA_PRIORITY])
					  : 0,
			.address = address,
		};
	return MNL_CB_OK;
}

static int gateway_compare(const void *a, const void *b)
{
	const struct nic_gateway *x = a, *y = b;

	if (x->address.family != y->address.family)
		return x->address.family - y->address.family;
	return x->metric < y->metric ? -1 : x->metric > y->metric;
}

int nic_gateways(struct netlink *netlink, struct nic_gateway **list)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct rtmsg *header = netlink_begin(buffer, RTM_GETROUTE, NLM_F_DUMP, sizeof(*header));
	struct dump dump = { .size = sizeof(**list) };
	int n;

	header->rtm_family = AF_UNSPEC;
	n = dump_run(netlink, buffer, on_route, &dump, list);
	if (n > 1)
		qsort(*list, (size_t)n, sizeof(**list), gateway_compare);
	return n;
}
