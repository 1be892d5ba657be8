/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/vlan.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void vlan_name(const char *port, uint16_t vlan, char name[IFNAMSIZ])
{
	if (snprintf(name, IFNAMSIZ, "%s.%u", port, vlan) >= IFNAMSIZ)
		snprintf(name, IFNAMSIZ, "sluice.%u", vlan);
}

/* ---- Reading ---- */

/* What a message says of an interface that may be one of a VLAN. */
struct seen {
	struct vlan_link link; /* vlan 0: it is none */
	uint32_t port;
};

static const struct nlattr *nested(const struct nlattr *in, uint16_t type)
{
	const struct nlattr *attribute;

	if (in)
		mnl_attr_for_each_nested(attribute, in)
			if (mnl_attr_get_type(attribute) == type)
				return attribute;
	return NULL;
}

static bool link_see(const struct nlmsghdr *message, struct seen *seen)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFLA_MAX + 1], *kind, *id;

	if (message->nlmsg_type != RTM_NEWLINK)
		return false;
	*seen = (struct seen){ .link.index = (uint32_t)header->ifi_index };
	netlink_attributes(message, sizeof(*header), attribute, IFLA_MAX);
	if (attribute[IFLA_IFNAME])
		snprintf(seen->link.name, sizeof(seen->link.name), "%s",
			 mnl_attr_get_str(attribute[IFLA_IFNAME]));
	if (attribute[IFLA_LINK])
		seen->port = mnl_attr_get_u32(attribute[IFLA_LINK]);
	kind = nested(attribute[IFLA_LINKINFO], IFLA_INFO_KIND);
	if (!kind || strcmp(mnl_attr_get_str(kind), "vlan") != 0)
		return true;
	id = nested(nested(attribute[IFLA_LINKINFO], IFLA_INFO_DATA), IFLA_VLAN_ID);
	if (id)
		seen->link.vlan = mnl_attr_get_u16(id);
	seen->link.is_ours =
		attribute[IFLA_GROUP] && mnl_attr_get_u32(attribute[IFLA_GROUP]) == VLAN_GROUP;
	return true;
}

static int links_dump(struct netlink *netlink, mnl_cb_t each, void *arg)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header =
		netlink_begin(buffer, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));

	header->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32((struct nlmsghdr *)buffer, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return netlink_talk(netlink, buffer, each, arg);
}

struct search {
	uint32_t port;
	uint16_t vlan;
	char name[IFNAMSIZ];
	struct vlan_link found, named;
	bool is_taken; /* the name, by another VLAN */
};

static int on_search(const struct nlmsghdr *message, void *arg)
{
	struct search *search = arg;
	struct seen seen;

	if (!link_see(message, &seen))
		return MNL_CB_OK;
	if (seen.link.vlan == search->vlan && seen.port == search->port)
		search->found = seen.link;
	else if (strcmp(seen.link.name, search->name) == 0 && seen.link.vlan)
		search->is_taken = true;
	else if (strcmp(seen.link.name, search->name) == 0)
		search->named = seen.link;
	return MNL_CB_OK;
}

int vlan_find(struct netlink *netlink, uint32_t port, const char *port_name, uint16_t vlan,
	      struct vlan_link *link)
{
	struct search search = { .port = port, .vlan = vlan };
	int err;

	vlan_name(port_name, vlan, search.name);
	err = links_dump(netlink, on_search, &search);
	if (err)
		return err;
	*link = search.found.index ? search.found : search.named;
	link->vlan = vlan;
	if (link->index)
		return 0;
	return search.is_taken ? -EEXIST : -ENODEV;
}

struct listing {
	uint32_t port;
	void (*each)(const struct vlan_link *link, void *arg);
	void *arg;
};

static int on_listing(const struct nlmsghdr *message, void *arg)
{
	const struct listing *listing = arg;
	struct seen seen;

	if (link_see(message, &seen) && seen.link.vlan && seen.port == listing->port)
		listing->each(&seen.link, listing->arg);
	return MNL_CB_OK;
}

int vlan_list(struct netlink *netlink, uint32_t port,
	      void (*each)(const struct vlan_link *link, void *arg), void *arg)
{
	struct listing listing = { .port = port, .each = each, .arg = arg };

	return links_dump(netlink, on_listing, &listing);
}

/* ---- Creating and removing ---- */

int vlan_create(struct netlink *netlink, uint32_t port, const char *port_name, uint16_t vlan)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct nlmsghdr *message = (struct nlmsghdr *)buffer;
	struct nlattr *info, *data;
	struct ifinfomsg *header;
	char name[IFNAMSIZ];

	header = netlink_begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
			       sizeof(*header));
	header->ifi_family = AF_UNSPEC;
	vlan_name(port_name, vlan, name);
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	mnl_attr_put_u32(message, IFLA_LINK, port);
	mnl_attr_put_u32(message, IFLA_GROUP, VLAN_GROUP);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "vlan");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	mnl_attr_put_u16(message, IFLA_VLAN_ID, vlan);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	return netlink_talk(netlink, buffer, NULL, NULL);
}

int vlan_remove(struct netlink *netlink, uint32_t index)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header = netlink_begin(buffer, RTM_DELLINK, NLM_F_ACK, sizeof(*header));

	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)index;
	return netlink_talk(netlink, buffer, NULL, NULL);
}
