/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/net/next_hops.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"
#include "config/base/link.h"
#include "config/base/log.h"
#include "controlplane/model/model.h"
#include "controlplane/net/networks.h"
#include "controlplane/net/route.h"

/* Route changes come in bursts: look up once after each burst. */
#define SETTLE_MS 50

/* Lookups per turn of the loop; each takes some microseconds. */
#define LOOKUPS_PER_TURN 64

#define RETRY_MS 1000	 /* if unresolved */
#define CONFIRM_MS 15000 /* if resolved: so that the kernel probes again before its entry expires */

struct neighbour {
	struct model_instance *instance;
	struct config_address via; /* family 0: unknown */
	uint32_t iface;		   /* index of the interface that it leaves by */
	uint16_t mtu_bytes;	   /* of the route; 0: none */
	uint64_t next_ms;	   /* time of the next lookup */
};

struct neighbours {
	struct neighbours_options options;
	struct netlink requests;
	struct netlink notifications;
	struct event *notified;
	struct event *timer;
	struct networks networks;
	struct neighbour *list;
	uint32_t count;
	uint32_t room;
};

static void work_soon(struct neighbours *n, uint32_t ms)
{
	const struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000 };

	evtimer_add(n->timer, &delay);
}

static void look_all_up(struct neighbours *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		n->list[i].next_ms = 0;
	work_soon(n, SETTLE_MS);
}

/* ---- Reporting to the model ---- */

static void hop_log(const struct model_instance *instance, const struct model_next_hop *hop)
{
	const struct model_next_hop *old = &instance->next_hop;
	char vlan[16] = "";

	if (hop->vlan)
		snprintf(vlan, sizeof(vlan), ", VLAN %u", hop->vlan);
	if (hop->resolved && (!old->resolved || memcmp(old->mac, hop->mac, LB_ETH_ALEN) != 0 ||
			      old->vlan != hop->vlan))
		log_info("%s: next hop %02x:%02x:%02x:%02x:%02x:%02x%s%s", instance->path,
			 hop->mac[0], hop->mac[1], hop->mac[2], hop->mac[3], hop->mac[4],
			 hop->mac[5], hop->on_link ? "" : " (gateway)", vlan);
	else if (!hop->resolved && strcmp(old->reason, hop->reason) != 0)
		log_info("%s: no next hop: %s", instance->path, hop->reason);
}

static void hop_set(struct neighbours *n, struct model_instance *instance,
		    const struct model_next_hop *hop)
{
	hop_log(instance, hop);
	model_next_hop_set(n->options.model, instance, hop);
}

static void hop_fail(struct neighbours *n, struct neighbour *neighbour, const char *format,
		     const char *what)
{
	struct model_next_hop hop = { .resolved = false };

	snprintf(hop.reason, sizeof(hop.reason), format, what);
	hop_set(n, neighbour->instance, &hop);
}

static void hop_resolve(struct neighbours *n, struct neighbour *neighbour, const uint8_t *mac)
{
	const struct network *network = networks_find(&n->networks, neighbour->iface);
	struct model_next_hop hop = {
		.resolved = true,
		.vlan = network ? network->vlan : 0,
		.on_link = config_address_equal(&neighbour->via, &neighbour->instance->address),
		.mtu_bytes = neighbour->mtu_bytes,
	};

	memcpy(hop.mac, mac, sizeof(hop.mac));
	hop_set(n, neighbour->instance, &hop);
}

/* ---- Lookups ---- */

/* Policy routing may depend on the source address, which is the node's. */
static const struct config_address *tunnel_source(const struct neighbours *n, uint8_t family)
{
	const struct config *config = model_config(n->options.model);

	return config ? config_node_address(&config->node, family) : NULL;
}

/* Return: whether packets to it leave by the interface; if not, this is reported. */
static bool route_lookup(struct neighbours *n, struct neighbour *neighbour)
{
	const struct config_address *to = &neighbour->instance->address;
	char other[IF_NAMESIZE] = "?";
	struct route route;
	int err = route_get(&n->requests, to, tunnel_source(n, to->family), &route);

	neighbour->via = (struct config_address){ .family = 0 };
	if (err == -EAGAIN || err == -ENOBUFS || err == -ENOMEM)
		return false; /* unknown until the next lookup */
	if (err) {
		hop_fail(n, neighbour, "no route (%s)", strerror(-err));
		return false;
	}
	if (route.type == RTN_LOCAL) {
		hop_fail(n, neighbour, "the address is local%s", "");
		return false;
	}
	if (route.type != RTN_UNICAST || !networks_find(&n->networks, route.iface)) {
		if_indextoname(route.iface, other);
		hop_fail(n, neighbour, "its route leaves by %s, not by the dataplane's interface",
			 other);
		return false;
	}
	neighbour->via = route.via;
	neighbour->iface = route.iface;
	neighbour->mtu_bytes = route.mtu_bytes < UINT16_MAX ? (uint16_t)route.mtu_bytes : 0;
	return true;
}

/* While the kernel is probing, the known state stays. */
static void neighbour_lookup(struct neighbours *n, struct neighbour *neighbour)
{
	struct route_neighbour entry;
	char text[CONFIG_ADDRESS_STRLEN];
	int err = route_neighbour_get(&n->requests, neighbour->iface, &neighbour->via, &entry);

	if (!err && entry.has_mac)
		hop_resolve(n, neighbour, entry.mac);
	else if (!neighbour->instance->next_hop.resolved)
		hop_fail(n, neighbour,
			 entry.state & NUD_FAILED ? "%s does not answer ARP or neighbour discovery"
						  : "waiting for the MAC address of %s",
			 config_address_format(&neighbour->via, text));
	if (err || !entry.has_mac || entry.state & NUD_STALE)
		route_neighbour_use(&n->requests, neighbour->iface, &neighbour->via);
}

static void lookup(struct neighbours *n, struct neighbour *neighbour, uint64_t now_ms)
{
	if (route_lookup(n, neighbour))
		neighbour_lookup(n, neighbour);
	neighbour->next_ms =
		now_ms + (neighbour->instance->next_hop.resolved ? CONFIRM_MS : RETRY_MS);
}

/* Return: milliseconds until the next lookup is due. */
static uint32_t lookups_run(struct neighbours *n)
{
	uint64_t now_ms = clock_now_ms(), next_ms = now_ms + RETRY_MS;
	uint32_t done = 0;

	for (uint32_t i = 0; i < n->count; i++) {
		if (n->list[i].next_ms <= now_ms && done++ < LOOKUPS_PER_TURN)
			lookup(n, &n->list[i], now_ms);
		if (n->list[i].next_ms < next_ms)
			next_ms = n->list[i].next_ms;
	}
	return next_ms <= now_ms ? 1 : (uint32_t)(next_ms - now_ms);
}

static void networks_follow(struct neighbours *n)
{
	if (!networks_refresh(&n->networks))
		return;
	for (uint32_t i = 0; i < n->count; i++)
		n->list[i].next_ms = 0;
	if (n->options.ready)
		n->options.ready(n->options.arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct neighbours *n = arg;

	(void)fd;
	(void)what;
	networks_follow(n);
	work_soon(n, n->networks.list[0].index ? lookups_run(n) : RETRY_MS);
}

/* ---- Notifications ---- */

static void neighbour_changed(struct neighbours *n, const struct nlmsghdr *message)
{
	struct route_neighbour entry;

	if (!route_neighbour_read(message, &entry) || !networks_find(&n->networks, entry.iface))
		return;
	for (uint32_t i = 0; i < n->count; i++) {
		struct neighbour *neighbour = &n->list[i];

		if (neighbour->iface != entry.iface ||
		    !config_address_equal(&neighbour->via, &entry.address))
			continue;
		if (entry.has_mac)
			hop_resolve(n, neighbour, entry.mac);
		else
			neighbour->next_ms = clock_now_ms() + RETRY_MS;
	}
}

/* One of ours disappeared, was renamed, or came up again, which loses its routes. */
static void link_changed(struct neighbours *n, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	bool up = message->nlmsg_type == RTM_NEWLINK && header->ifi_flags & IFF_UP;
	struct network *network = networks_find(&n->networks, (uint32_t)header->ifi_index);

	if (network) {
		if (up && !network->is_up)
			network->setup_due = true;
		network->is_up = up;
	} else if (networks_are_there(&n->networks)) {
		return;
	}
	work_soon(n, 1);
}

/* Whatever manages the interface may flush addresses that it did not configure. */
static void address_gone(struct neighbours *n, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFA_MAX + 1];
	struct network *network = networks_find(&n->networks, header->ifa_index);
	struct config_address address;
	struct iface_wish wish;

	if (!network || !model_config(n->options.model))
		return;
	networks_wish(&n->networks, network, &wish);
	netlink_attributes(message, sizeof(*header), attribute, IFA_MAX);
	if (!netlink_get_address(attribute[IFA_LOCAL] ? attribute[IFA_LOCAL]
						      : attribute[IFA_ADDRESS],
				 header->ifa_family, &address) ||
	    !iface_wants_address(&wish, &address, header->ifa_prefixlen))
		return;
	network->setup_due = true;
	work_soon(n, SETTLE_MS);
}

static int on_message(const struct nlmsghdr *message, void *arg)
{
	struct neighbours *n = arg;
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	switch (message->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_changed(n, message);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_changed(n, message);
		break;
	case RTM_DELADDR:
		address_gone(n, message);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (!(route->rtm_flags & RTM_F_CLONED) && route->rtm_type == RTN_UNICAST)
			look_all_up(n);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
	/* Routes through a nexthop object change without a message (nexthop_compat_mode=0). */
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
	case RTM_NEWNEXTHOPBUCKET:
	case RTM_DELNEXTHOPBUCKET:
		look_all_up(n);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void on_notified(evutil_socket_t fd, short what, void *arg)
{
	struct neighbours *n = arg;
	int err = netlink_drain(&n->notifications, on_message, n);

	(void)fd;
	(void)what;
	if (err == -ENOBUFS) {
		networks_set_due(&n->networks);
		look_all_up(n);
	} else if (err) {
		log_err("netlink: %s", strerror(-err));
	}
}

/* ---- Create and configure ---- */

struct neighbours *neighbours_create(const struct neighbours_options *options)
{
	/* What next hops depend on. */
	static const int groups[] = {
		RTNLGRP_LINK,	     RTNLGRP_NEIGH,	  RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,	  RTNLGRP_IPV6_RULE,
		RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NEXTHOP,
	};
	struct neighbours *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return NULL;
	n->options = *options;
	err = netlink_open(&n->requests);
	if (!err)
		err = netlink_open(&n->notifications);
	if (!err)
		err = netlink_listen(&n->notifications, groups, sizeof(groups) / sizeof(groups[0]));
	if (!err)
		err = networks_init(&n->networks, options->base, options->model, &n->requests);
	if (err)
		goto fail;
	err = -ENOMEM;
	n->timer = evtimer_new(options->base, on_timer, n);
	n->notified = event_new(options->base, netlink_fd(&n->notifications), EV_READ | EV_PERSIST,
				on_notified, n);
	if (!n->timer || !n->notified || event_add(n->notified, NULL))
		goto fail;
	work_soon(n, 0);
	return n;

fail:
	neighbours_destroy(n);
	errno = -err;
	return NULL;
}

void neighbours_destroy(struct neighbours *n)
{
	if (!n)
		return;
	networks_fini(&n->networks);
	if (n->timer)
		event_free(n->timer);
	if (n->notified)
		event_free(n->notified);
	netlink_close(&n->requests);
	netlink_close(&n->notifications);
	free(n->list);
	free(n);
}

void neighbours_apply(struct neighbours *n)
{
	networks_configure(&n->networks);
	work_soon(n, 0);
}

void neighbours_set_published(struct neighbours *n, bool published)
{
	/* Without a balancer, the kernel must not answer for the VIPs. */
	if (published != n->networks.published && (published || n->networks.shared))
		networks_set_due(&n->networks);
	if (!published)
		networks_silence(&n->networks);
	n->networks.published = published;
	if (networks_is_due(&n->networks))
		work_soon(n, 0);
}

void neighbours_vips_changed(struct neighbours *n)
{
	networks_set_due(&n->networks);
	work_soon(n, 0);
}

void neighbours_set_iface(struct neighbours *n, const char *name)
{
	networks_set_port(&n->networks, name);
	work_soon(n, 0);
}

bool neighbours_iface_is_running(struct neighbours *n)
{
	networks_port_look(&n->networks);
	if (networks_is_due(&n->networks))
		work_soon(n, 0);
	return n->networks.list[0].is_running;
}

int neighbours_add(struct neighbours *n, struct model_instance *instance)
{
	if (n->count == n->room) {
		uint32_t room = n->room ? 2 * n->room : 64;
		void *list = realloc(n->list, room * sizeof(*n->list));

		if (!list)
			return -ENOMEM;
		n->list = list;
		n->room = room;
	}
	n->list[n->count++] = (struct neighbour){ .instance = instance };
	work_soon(n, 0);
	return 0;
}

void neighbours_remove(struct neighbours *n, const struct model_instance *instance)
{
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->list[i].instance != instance)
			continue;
		n->list[i] = n->list[--n->count];
		return;
	}
}
