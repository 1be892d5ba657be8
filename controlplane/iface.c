/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/iface.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/log.h"

/* By this the routes that are ours are known again ("ip route show proto 83"). */
#define ROUTE_PROTOCOL 83

/* Behind a default route that an administrator has set without a metric, before DHCP's. */
#define ROUTE_METRIC 50

#define FOREVER UINT32_MAX

struct iface {
	struct netlink *netlink;
	const char *name;
	uint32_t index;
	const struct config *config;
	int err;
};

uint32_t iface_find(const char *name)
{
	return if_nametoindex(name);
}

static void iface_note(struct iface *iface, int err, const char *what)
{
	if (!err)
		return;
	log_err("%s: %s: %s", iface->name, what, strerror(-err));
	if (!iface->err)
		iface->err = err;
}

/* ---- Addresses ---- */

static int address_add(struct iface *iface, const struct config_address *address, uint8_t length,
		       bool is_vip)
{
	const struct ifa_cacheinfo deprecated = { .ifa_prefered = 0, .ifa_valid = FOREVER };
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifaddrmsg *header = netlink_begin(
		buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, sizeof(*header));

	header->ifa_family = (uint8_t)netlink_family(address);
	header->ifa_prefixlen = length;
	header->ifa_index = iface->index;
	if (address->family == 4 && is_vip)
		header->ifa_scope = RT_SCOPE_HOST;
	if (address->family == 6)
		mnl_attr_put_u32((struct nlmsghdr *)buffer, IFA_FLAGS, IFA_F_NODAD);
	if (address->family == 6 && is_vip)
		mnl_attr_put((struct nlmsghdr *)buffer, IFA_CACHEINFO, sizeof(deprecated),
			     &deprecated);
	netlink_put_address(buffer, IFA_LOCAL, address);
	netlink_put_address(buffer, IFA_ADDRESS, address);
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

static int address_remove(struct iface *iface, const struct config_address *address, uint8_t length)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifaddrmsg *header = netlink_begin(buffer, RTM_DELADDR, NLM_F_ACK, sizeof(*header));

	header->ifa_family = (uint8_t)netlink_family(address);
	header->ifa_prefixlen = length;
	header->ifa_index = iface->index;
	netlink_put_address(buffer, IFA_LOCAL, address);
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

static bool config_has_address(const struct config *config, const struct config_address *address,
			       uint8_t length)
{
	const struct config_node *node = &config->node;

	for (uint32_t i = 0; i < node->address_count; i++)
		if (node->addresses[i].length == length &&
		    config_address_equal(&node->addresses[i].address, address))
			return true;
	if (length != (address->family == 4 ? 32 : 128))
		return false;
	for (uint32_t i = 0; i < config->service_count; i++)
		for (uint32_t j = 0; j < config->services[i].vip_count; j++)
			if (config_address_equal(&config->services[i].vips[j].address, address))
				return true;
	return false;
}

/* What a dump of addresses found that should not be there. */
struct surplus {
	struct iface *iface;
	struct config_prefix *list;
	uint32_t count;
	uint32_t room;
};

static bool address_is_link_local(const struct config_address *address)
{
	return address->family == 6 && address->bytes[0] == 0xfe &&
	       (address->bytes[1] & 0xc0) == 0x80;
}

static void surplus_add(struct surplus *surplus, const struct config_address *address,
			uint8_t length)
{
	if (surplus->count == surplus->room) {
		uint32_t room = surplus->room ? 2 * surplus->room : 16;
		void *list = realloc(surplus->list, room * sizeof(*surplus->list));

		if (!list)
			return; /* the next set-up removes it */
		surplus->list = list;
		surplus->room = room;
	}
	surplus->list[surplus->count++] =
		(struct config_prefix){ .address = *address, .length = length };
}

static int on_address(const struct nlmsghdr *message, void *arg)
{
	struct surplus *surplus = arg;
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFA_MAX + 1];
	struct config_address address;

	if (header->ifa_index != surplus->iface->index)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attribute, IFA_MAX);
	if (!netlink_get_address(attribute[IFA_LOCAL] ? attribute[IFA_LOCAL]
						      : attribute[IFA_ADDRESS],
				 header->ifa_family, &address) ||
	    address_is_link_local(&address))
		return MNL_CB_OK;
	if (!config_has_address(surplus->iface->config, &address, header->ifa_prefixlen))
		surplus_add(surplus, &address, header->ifa_prefixlen);
	return MNL_CB_OK;
}

static void addresses_remove(struct iface *iface)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct surplus surplus = { .iface = iface };
	char text[CONFIG_ADDRESS_STRLEN];

	netlink_begin(buffer, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	iface_note(iface, netlink_talk(iface->netlink, buffer, on_address, &surplus),
		   "addresses cannot be listed");
	for (uint32_t i = 0; i < surplus.count; i++) {
		const struct config_prefix *old = &surplus.list[i];
		int err = address_remove(iface, &old->address, old->length);

		log_info("%s: removing %s/%u", iface->name,
			 config_address_format(&old->address, text), old->length);
		iface_note(iface, err == -EADDRNOTAVAIL ? 0 : err, "an address stays");
	}
	free(surplus.list);
}

/* The node's own first: the kernel prefers the first of a network as its source. */
static void addresses_add(struct iface *iface)
{
	const struct config *config = iface->config;

	for (uint32_t i = 0; i < config->node.address_count; i++) {
		const struct config_prefix *own = &config->node.addresses[i];

		iface_note(iface, address_add(iface, &own->address, own->length, false),
			   "node.address cannot be added");
	}
}

static void vips_add(struct iface *iface)
{
	const struct config *config = iface->config;

	for (uint32_t i = 0; i < config->service_count; i++) {
		for (uint32_t j = 0; j < config->services[i].vip_count; j++) {
			const struct config_address *vip = &config->services[i].vips[j].address;

			iface_note(iface,
				   address_add(iface, vip, vip->family == 4 ? 32 : 128, true),
				   "a VIP cannot be added");
		}
	}
}

/* ---- Link and routes ---- */

static int link_up(struct iface *iface)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	struct ifinfomsg *header = netlink_begin(buffer, RTM_NEWLINK, NLM_F_ACK, sizeof(*header));

	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)iface->index;
	header->ifi_flags = IFF_UP;
	header->ifi_change = IFF_UP;
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

static struct rtmsg *route_begin(const struct iface *iface, void *buffer, uint16_t type,
				 uint16_t flags, int family)
{
	struct rtmsg *header =
		netlink_begin(buffer, type, (uint16_t)(flags | NLM_F_ACK), sizeof(*header));

	header->rtm_family = (uint8_t)family;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_protocol = ROUTE_PROTOCOL;
	header->rtm_scope = RT_SCOPE_UNIVERSE;
	header->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(buffer, RTA_OIF, iface->index);
	mnl_attr_put_u32(buffer, RTA_PRIORITY, ROUTE_METRIC);
	return header;
}

static const struct config_address *node_address(const struct config *config, uint8_t family)
{
	for (uint32_t i = 0; i < config->node.address_count; i++)
		if (config->node.addresses[i].address.family == family)
			return &config->node.addresses[i].address;
	return NULL;
}

static int route_add(struct iface *iface, const struct config_address *gateway)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	const struct config_address *source = node_address(iface->config, gateway->family);

	route_begin(iface, buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
		    netlink_family(gateway));
	netlink_put_address(buffer, RTA_GATEWAY, gateway);
	if (source)
		netlink_put_address(buffer, RTA_PREFSRC, source);
	return netlink_talk(iface->netlink, buffer, NULL, NULL);
}

/* The default route of a family that has no gateway any more. */
static int route_remove(struct iface *iface, int family)
{
	uint64_t buffer[NETLINK_REQUEST_MAX / sizeof(uint64_t)];
	int err;

	route_begin(iface, buffer, RTM_DELROUTE, 0, family);
	err = netlink_talk(iface->netlink, buffer, NULL, NULL);
	return err == -ESRCH || err == -ENOENT || err == -EAFNOSUPPORT ? 0 : err;
}

static void routes_set(struct iface *iface)
{
	const struct config_node *node = &iface->config->node;
	bool has4 = false, has6 = false;

	for (uint32_t i = 0; i < node->gateway_count; i++) {
		const struct config_address *gateway = &node->gateways[i].address;

		*(gateway->family == 4 ? &has4 : &has6) = true;
		iface_note(iface, route_add(iface, gateway),
			   "the route by node.gateway cannot be added");
	}
	if (!has4)
		iface_note(iface, route_remove(iface, AF_INET), "an old default route stays");
	if (!has6)
		iface_note(iface, route_remove(iface, AF_INET6), "an old default route stays");
}

bool iface_is_running(const char *name)
{
	struct ifreq request = { .ifr_flags = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool running = false;

	if (fd < 0)
		return true; /* not known; nothing is to rest for want of a descriptor */
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", name);
	if (!ioctl(fd, SIOCGIFFLAGS, &request))
		running = request.ifr_flags & IFF_RUNNING;
	close(fd);
	return running;
}

/* ---- Knobs ---- */

static void knob_set(const struct iface *iface, const char *family, const char *knob,
		     const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%.15s/%s", family, iface->name, knob);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_debug("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* No addresses and routes from others' advertisements; neighbours learn of a new MAC address. */
static void knobs_set(const struct iface *iface)
{
	if (node_address(iface->config, 6)) {
		knob_set(iface, "ipv6", "disable_ipv6", "0");
		knob_set(iface, "ipv6", "accept_dad", "0");
	}
	knob_set(iface, "ipv6", "accept_ra", "0");
	knob_set(iface, "ipv6", "autoconf", "0");
	knob_set(iface, "ipv6", "ndisc_notify", "1");
	knob_set(iface, "ipv4", "arp_notify", "1");
}

int iface_setup(struct netlink *netlink, const char *name, uint32_t index,
		const struct config *config, bool with_vips)
{
	struct iface iface = {
		.netlink = netlink,
		.name = name,
		.index = index,
		.config = config,
	};

	/* A port that the kernel owns has addresses that are others' business. */
	if (config->node.dataplane == CONFIG_DATAPLANE_DPDK) {
		knobs_set(&iface);
		addresses_remove(&iface);
	}
	iface_note(&iface, link_up(&iface), "cannot be set up");
	addresses_add(&iface);
	if (with_vips)
		vips_add(&iface);
	routes_set(&iface);
	return iface.err;
}
