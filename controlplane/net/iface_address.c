/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "config/base/log.h"
#include "controlplane/model/model.h"
#include "controlplane/net/iface_internal.h"

#define FOREVER UINT32_MAX

/* ---- Ownership of addresses ---- */

static uint8_t host_length(const struct config_address *address)
{
	return address->family == 4 ? 32 : 128;
}

static bool is_node_address(const struct config_network *network,
			    const struct config_address *address, uint8_t length)
{
	for (uint32_t i = 0; network && i < network->address_count; i++)
		if (network->addresses[i].length == length &&
		    config_address_equal(&network->addresses[i].address, address))
			return true;
	return false;
}

/* Return: its entry that has it removed, else one that leaves it as it is, else NULL. */
static const struct model_vip_hold *hold_find(const struct iface_wish *wish,
					      const struct config_address *vip)
{
	const struct model_vip_hold *found = NULL;

	for (uint32_t i = 0; i < wish->hold_count; i++)
		if ((!found || found->stays) && config_address_equal(&wish->holds[i].address, vip))
			found = &wish->holds[i];
	return found;
}

bool iface_announces(const struct iface_wish *wish, const struct config_address *vip)
{
	return !hold_find(wish, vip);
}

static bool is_withdrawn(const struct iface_wish *wish, const struct config_address *vip)
{
	const struct model_vip_hold *hold = hold_find(wish, vip);

	return hold && !hold->stays;
}

static bool is_vip(const struct iface_wish *wish, const struct config_address *address,
		   uint8_t length)
{
	const struct config *config = wish->config;

	if (length != host_length(address) || !iface_network(config, wish->network))
		return false;
	for (uint32_t i = 0; i < wish->hosts.count; i++)
		if (config_address_equal(&wish->hosts.list[i], address))
			return true;
	for (uint32_t i = 0; i < config->service_count; i++)
		for (uint32_t j = 0; j < config->services[i].vip_count; j++)
			if (config_address_equal(&config->services[i].vips[j].address, address) &&
			    config_service_is_on(config, &config->services[i], wish->network))
				return !is_withdrawn(wish, address);
	return false;
}

bool iface_wants_address(const struct iface_wish *wish, const struct config_address *address,
			 uint8_t length)
{
	return is_node_address(iface_network(wish->config, wish->network), address, length) ||
	       is_vip(wish, address, length);
}

static bool is_wanted(const struct iface_wish *wish, const struct config_prefix *prefix)
{
	if (is_node_address(iface_network(wish->config, wish->network), &prefix->address,
			    prefix->length))
		return true;
	return wish->vips != IFACE_VIPS_REMOVE && is_vip(wish, &prefix->address, prefix->length);
}

static bool was_added(const struct iface_wish *wish, const struct config_prefix *prefix)
{
	const struct iface_added *added = wish->added;

	if (!added || added->index != wish->index)
		return false;
	for (uint32_t i = 0; i < added->count; i++)
		if (added->list[i].length == prefix->length &&
		    config_address_equal(&added->list[i].address, &prefix->address))
			return true;
	return false;
}

/* ---- Lists ---- */

/* Return: whether there was room. */
static bool list_add(struct iface_added *list, const struct config_prefix *prefix)
{
	if (list->count == list->room) {
		uint32_t room = list->room ? 2 * list->room : 16;
		void *more = realloc(list->list, room * sizeof(*list->list));

		if (!more)
			return false;
		list->list = more;
		list->room = room;
	}
	list->list[list->count++] = *prefix;
	return true;
}

static void added_note(const struct iface_wish *wish, const struct config_prefix *prefix)
{
	if (wish->added && !was_added(wish, prefix))
		(void)list_add(wish->added,
			       prefix); /* out of memory: it may be left behind one day */
}

/* ---- Adding ---- */

static struct ifaddrmsg *request_begin(const struct iface *iface, void *buffer, uint16_t type,
				       uint16_t flags, const struct config_prefix *prefix)
{
	struct ifaddrmsg *header =
		netlink_begin(buffer, type, (uint16_t)(flags | NLM_F_ACK), sizeof(*header));

	header->ifa_family = (uint8_t)netlink_family(&prefix->address);
	header->ifa_prefixlen = prefix->length;
	header->ifa_index = iface->wish->index;
	netlink_put_address(buffer, IFA_LOCAL, &prefix->address);
	return header;
}

/* On a shared interface an existing address is left as it was configured. */
static int address_add(struct iface *iface, const struct config_prefix *prefix, bool vip)
{
	const struct ifa_cacheinfo deprecated = { .ifa_prefered = 0, .ifa_valid = FOREVER };
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	uint16_t how = iface->wish->shared ? NLM_F_EXCL : NLM_F_REPLACE;
	struct ifaddrmsg *header =
		request_begin(iface, buffer, RTM_NEWADDR, (uint16_t)(NLM_F_CREATE | how), prefix);
	int err;

	if (prefix->address.family == 4 && vip)
		header->ifa_scope = RT_SCOPE_HOST;
	if (prefix->address.family == 6)
		mnl_attr_put_u32((struct nlmsghdr *)buffer, IFA_FLAGS, IFA_F_NODAD);
	if (prefix->address.family == 6 && vip)
		mnl_attr_put((struct nlmsghdr *)buffer, IFA_CACHEINFO, sizeof(deprecated),
			     &deprecated);
	netlink_put_address(buffer, IFA_ADDRESS, &prefix->address);
	mnl_attr_put_u8((struct nlmsghdr *)buffer, IFA_PROTO, IFACE_PROTOCOL);
	err = netlink_talk(iface->netlink, buffer, NULL, NULL);
	if (!err)
		added_note(iface->wish, prefix);
	return iface->wish->shared && err == -EEXIST ? 0 : err;
}

/* The node's own addresses first: the kernel prefers the first one of a network as its source. */
static void node_addresses_add(struct iface *iface)
{
	const struct config_network *network =
		iface_network(iface->wish->config, iface->wish->network);

	for (uint32_t i = 0; network && i < network->address_count; i++)
		iface_note(iface, address_add(iface, &network->addresses[i], false),
			   "node.address cannot be added");
}

static void vip_add(struct iface *iface, const struct config_address *address, const char *what)
{
	const struct config_prefix prefix = { .address = *address, .length = host_length(address) };

	iface_note(iface, address_add(iface, &prefix, true), what);
}

static void vips_add(struct iface *iface)
{
	const struct config *config = iface->wish->config;

	for (uint32_t i = 0; i < config->service_count; i++)
		for (uint32_t j = 0; j < config->services[i].vip_count; j++)
			if (config_service_is_on(config, &config->services[i],
						 iface->wish->network) &&
			    iface_announces(iface->wish, &config->services[i].vips[j].address))
				vip_add(iface, &config->services[i].vips[j].address,
					"a VIP cannot be added");
	for (uint32_t i = 0; i < iface->wish->hosts.count; i++)
		vip_add(iface, &iface->wish->hosts.list[i], "a NAT address cannot be added");
}

void iface_addresses_add(struct iface *iface)
{
	struct iface_added *added = iface->wish->added;

	if (added && added->index != iface->wish->index) {
		added->index = iface->wish->index;
		added->count = 0;
	}
	node_addresses_add(iface);
	if (iface->wish->vips == IFACE_VIPS_ADD && iface->wish->network != IFACE_NO_NETWORK)
		vips_add(iface);
}

/* ---- Removing ---- */

/* Addresses to remove, found in a dump. */
struct surplus {
	const struct iface_wish *wish;
	bool all;
	struct iface_added found;
};

static bool is_link_local(const struct config_address *address)
{
	return address->family == 6 && address->bytes[0] == 0xfe &&
	       (address->bytes[1] & 0xc0) == 0x80;
}

static bool is_surplus(const struct surplus *surplus, const struct config_prefix *prefix,
		       const struct nlattr *mark)
{
	bool marked = mark && mnl_attr_get_u8(mark) == IFACE_PROTOCOL;
	const struct iface_wish *wish = surplus->wish;

	if (wish->shared && !marked && !was_added(wish, prefix))
		return false;
	if (!wish->shared && is_link_local(&prefix->address))
		return false;
	return surplus->all || !is_wanted(wish, prefix);
}

static int on_address(const struct nlmsghdr *message, void *arg)
{
	struct surplus *surplus = arg;
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFA_MAX + 1];
	struct config_prefix prefix = { .length = header->ifa_prefixlen };

	if (header->ifa_index != surplus->wish->index)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attribute, IFA_MAX);
	if (netlink_get_address(attribute[IFA_LOCAL] ? attribute[IFA_LOCAL]
						     : attribute[IFA_ADDRESS],
				header->ifa_family, &prefix.address) &&
	    is_surplus(surplus, &prefix, attribute[IFA_PROTO]))
		(void)list_add(&surplus->found,
			       &prefix); /* out of memory: the next set-up removes it */
	return MNL_CB_OK;
}

static int address_remove(struct iface *iface, const struct config_prefix *prefix)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];

	request_begin(iface, buffer, RTM_DELADDR, 0, prefix);
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

void iface_addresses_remove(struct iface *iface, bool all)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct surplus surplus = { .wish = iface->wish, .all = all };
	char text[CONFIG_ADDRESS_STRLEN];

	netlink_begin(buffer, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	iface_note(iface, netlink_talk(iface->netlink, buffer, on_address, &surplus),
		   "addresses cannot be listed");
	for (uint32_t i = 0; i < surplus.found.count; i++) {
		const struct config_prefix *old = &surplus.found.list[i];
		int err;

		/* Otherwise the kernel would remove others' addresses of that network too. */
		if (iface->wish->shared && old->address.family == 4 && old->length < 32)
			iface_knob_set(iface, "ipv4", "promote_secondaries", "1");
		err = address_remove(iface, old);
		log_info("%s: removing %s/%u", iface->wish->name,
			 config_address_format(&old->address, text), old->length);
		iface->removed += !err;
		iface_note(iface, err == -EADDRNOTAVAIL ? 0 : err, "an address cannot be removed");
	}
	free(surplus.found.list);
}
