/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/nic.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/ethtool.h"

struct nic_answer {
	struct nic *list;
	int n;
	bool failed;
};

static int on_info(const struct nlattr *attribute, void *arg)
{
	struct nic *nic = arg;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
		snprintf(nic->kind, sizeof(nic->kind), "%s", mnl_attr_get_str(attribute));
	return MNL_CB_OK;
}

static int on_xdp(const struct nlattr *attribute, void *arg)
{
	struct nic *nic = arg;

	if (mnl_attr_get_type(attribute) == IFLA_XDP_ATTACHED)
		nic->has_xdp = mnl_attr_get_u8(attribute) != XDP_ATTACHED_NONE;
	return MNL_CB_OK;
}

static void attributes_take(const struct nlattr *const *attribute, struct nic *nic)
{
	if (attribute[IFLA_IFNAME])
		snprintf(nic->name, sizeof(nic->name), "%s",
			 mnl_attr_get_str(attribute[IFLA_IFNAME]));
	if (attribute[IFLA_MTU])
		nic->mtu = mnl_attr_get_u32(attribute[IFLA_MTU]);
	if (attribute[IFLA_CARRIER])
		nic->has_carrier = nic->is_up && mnl_attr_get_u8(attribute[IFLA_CARRIER]);
	if (attribute[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(attribute[IFLA_ADDRESS]) == sizeof(nic->mac))
		memcpy(nic->mac, mnl_attr_get_payload(attribute[IFLA_ADDRESS]), sizeof(nic->mac));
	if (attribute[IFLA_LINKINFO])
		mnl_attr_parse_nested(attribute[IFLA_LINKINFO], on_info, nic);
	if (attribute[IFLA_XDP])
		mnl_attr_parse_nested(attribute[IFLA_XDP], on_xdp, nic);
}

static int on_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFLA_MAX + 1];
	struct nic_answer *answer = arg;
	struct nic *list;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	list = realloc(answer->list, (size_t)(answer->n + 1) * sizeof(*list));
	if (!list) {
		answer->failed = true;
		return MNL_CB_OK;
	}
	answer->list = list;
	list += answer->n++;
	*list = (struct nic){
		.index = (uint32_t)header->ifi_index,
		.is_ethernet = header->ifi_type == ARPHRD_ETHER,
		.is_up = header->ifi_flags & IFF_UP,
	};
	netlink_attributes(message, sizeof(*header), attribute, IFLA_MAX);
	attributes_take(attribute, list);
	return MNL_CB_OK;
}

/* As in sysfs, with the domain. */
static bool is_pci(const char *text)
{
	unsigned int domain, bus, device, function;
	int length = 0;

	/* NOLINTNEXTLINE(cert-err34-c): only whether it has this form */
	return sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &length) == 4 &&
	       length == (int)strlen(text);
}

void nic_ask(struct nic *nic)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_cmd link = { .cmd = ETHTOOL_GSET };
	uint32_t speed_mbps = (uint32_t)SPEED_UNKNOWN;

	if (ethtool_request(nic->name, &info) == 0) {
		snprintf(nic->driver, sizeof(nic->driver), "%s", info.driver);
		if (is_pci(info.bus_info))
			snprintf(nic->pci, sizeof(nic->pci), "%s", info.bus_info);
	}
	if (ethtool_request(nic->name, &channels) == 0) {
		nic->queues = channels.rx_count + channels.combined_count;
		nic->queues_max = channels.max_rx > channels.max_combined ? channels.max_rx
									  : channels.max_combined;
	}
	if (ethtool_request(nic->name, &link) == 0)
		speed_mbps = (uint32_t)link.speed_hi << 16 | link.speed;
	if (speed_mbps != (uint32_t)SPEED_UNKNOWN)
		nic->speed_mbps = speed_mbps;
}

int nic_list(struct netlink *netlink, struct nic **nics)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header = netlink_begin(buffer, RTM_GETLINK, NLM_F_DUMP, sizeof(*header));
	struct nic_answer answer = { .n = 0 };
	int err;

	header->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32((struct nlmsghdr *)buffer, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = netlink_talk(netlink, buffer, on_link, &answer);
	*nics = answer.list;
	if (!err && answer.failed)
		err = -ENOMEM;
	return err ? err : answer.n;
}

const struct nic *nic_find(const struct nic *nics, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(nics[i].name, name) == 0)
			return &nics[i];
	return NULL;
}

const struct nic *nic_at(const struct nic *nics, int n, uint32_t index)
{
	for (int i = 0; i < n; i++)
		if (nics[i].index == index)
			return &nics[i];
	return NULL;
}
