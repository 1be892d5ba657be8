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
#include "controlplane/net/announce.h"
#include "controlplane/net/iface.h"
#include "controlplane/net/route.h"
#include "controlplane/xdp/pins.h"

#define IFACE_DEFAULT "sluice0"

/* Route changes come in bursts: look up once after each burst. */
#define SETTLE_MS 50

/* Lookups per turn of the loop; each takes some microseconds. */
#define LOOKUPS_PER_TURN 64

#define RETRY_MS 1000	 /* if unresolved */
#define CONFIRM_MS 15000 /* if resolved: so that the kernel probes again before its entry expires */

struct neighbour {
	struct model_instance *instance;
	struct config_address via; /* family 0: unknown */
	uint16_t mtu_bytes;	   /* of the route; 0: none */
	uint64_t next_ms;	   /* time of the next lookup */
};

struct neighbours {
	struct neighbours_options options;
	struct netlink requests;
	struct netlink notifications;
	struct event *notified;
	struct event *timer;
	struct announce *announce;
	char wanted[CONFIG_PORT_MAX + 1]; /* name by which the interface is looked up */
	bool shared;			  /* it is the port, which other software uses too */
	uint32_t index;			  /* of the interface; 0: none */
	char name[IFNAMSIZ];		  /* its current name */
	uint8_t mac[LB_ETH_ALEN];	  /* its current address, announced to its neighbours */
	bool up;
	bool running;
	bool setup_due;
	bool published;
	struct iface_added added; /* to a shared interface */
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

	if (hop->resolved && (!old->resolved || memcmp(old->mac, hop->mac, LB_ETH_ALEN) != 0))
		log_info("%s: next hop %02x:%02x:%02x:%02x:%02x:%02x%s", instance->path,
			 hop->mac[0], hop->mac[1], hop->mac[2], hop->mac[3], hop->mac[4],
			 hop->mac[5], hop->on_link ? "" : " (gateway)");
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
	struct model_next_hop hop = {
		.resolved = true,
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
	if (route.type != RTN_UNICAST || route.iface != n->index) {
		if_indextoname(route.iface, other);
		hop_fail(n, neighbour, "its route leaves by %s, not by the dataplane's interface",
			 other);
		return false;
	}
	neighbour->via = route.via;
	neighbour->mtu_bytes = route.mtu_bytes < UINT16_MAX ? (uint16_t)route.mtu_bytes : 0;
	return true;
}

/* While the kernel is probing, the known state stays. */
static void neighbour_lookup(struct neighbours *n, struct neighbour *neighbour)
{
	struct route_neighbour entry;
	char text[CONFIG_ADDRESS_STRLEN];
	int err = route_neighbour_get(&n->requests, n->index, &neighbour->via, &entry);

	if (!err && entry.has_mac)
		hop_resolve(n, neighbour, entry.mac);
	else if (!neighbour->instance->next_hop.resolved)
		hop_fail(n, neighbour,
			 entry.state & NUD_FAILED ? "%s does not answer ARP or neighbour discovery"
						  : "waiting for the MAC address of %s",
			 config_address_format(&neighbour->via, text));
	if (err || !entry.has_mac || entry.state & NUD_STALE)
		route_neighbour_use(&n->requests, n->index, &neighbour->via);
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

/* A port keeps its VIPs while a program balances without sluiced, but not without any balancer. */
static enum iface_vips iface_vips(const struct neighbours *n)
{
	const struct config *config = model_config(n->options.model);

	if (n->published)
		return IFACE_VIPS_ADD;
	return n->shared && xdp_pins_carry(config->node.port, n->index) == 0 ? IFACE_VIPS_REMOVE
									     : IFACE_VIPS_KEEP;
}

static void iface_wish_make(struct neighbours *n, struct iface_wish *wish)
{
	*wish = (struct iface_wish){
		.name = n->name,
		.index = n->index,
		.config = model_config(n->options.model),
		.vips = iface_vips(n),
		.shared = n->shared,
		.is_up = n->up,
		.added = n->shared ? &n->added : NULL,
	};
	model_nat_hosts(n->options.model, &wish->hosts);
}

/* The same interface under any name; if it was deleted, the one with the wanted name. */
static void iface_look(struct neighbours *n)
{
	struct link_state link;
	int err = link_read(&n->requests, n->index, &link);

	if (err == -ENODEV)
		err = link_find(&n->requests, n->wanted, &link);
	if (err == -ENODEV)
		link = (struct link_state){ .index = 0 };
	else if (err)
		return; /* unknown, so unchanged */
	if (link.index != n->index || memcmp(link.mac, n->mac, sizeof(n->mac)) != 0)
		n->setup_due = true;
	memcpy(n->mac, link.mac, sizeof(n->mac));
	n->index = link.index;
	n->running = link.is_running;
	n->up = link.is_up;
	memcpy(n->name, link.name, sizeof(n->name));
}

static void iface_refresh(struct neighbours *n)
{
	struct iface_wish wish;

	iface_look(n);
	if (n->index == 0 || !n->setup_due || !model_config(n->options.model))
		return;
	n->setup_due = false;
	iface_wish_make(n, &wish);
	if (!iface_setup(&n->requests, &wish))
		log_info("%s: set up%s", n->name, n->published ? "" : ", without VIPs");
	/* Even if nothing changed: the link may lead to another switch, or be another port's. */
	if (wish.vips != IFACE_VIPS_REMOVE)
		announce_start(n->announce, n->index, wish.config, &wish.hosts, n->published);
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
	iface_refresh(n);
	work_soon(n, n->index ? lookups_run(n) : RETRY_MS);
}

/* ---- Notifications ---- */

static void neighbour_changed(struct neighbours *n, const struct nlmsghdr *message)
{
	struct route_neighbour entry;

	if (!route_neighbour_read(message, &entry) || entry.iface != n->index)
		return;
	for (uint32_t i = 0; i < n->count; i++) {
		struct neighbour *neighbour = &n->list[i];

		if (!config_address_equal(&neighbour->via, &entry.address))
			continue;
		if (entry.has_mac)
			hop_resolve(n, neighbour, entry.mac);
		else
			neighbour->next_ms = clock_now_ms() + RETRY_MS;
	}
}

/* Our interface appeared, disappeared, was renamed, or came up again, which loses its routes. */
static void link_changed(struct neighbours *n, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	bool up = message->nlmsg_type == RTM_NEWLINK && header->ifi_flags & IFF_UP;

	if (n->index && (uint32_t)header->ifi_index != n->index)
		return;
	if (n->index && up && !n->up)
		n->setup_due = true;
	n->up = n->index && up;
	work_soon(n, 1);
}

/* Whatever manages the interface may flush addresses that it did not configure. */
static void address_gone(struct neighbours *n, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute[IFA_MAX + 1];
	struct config_address address;
	struct iface_wish wish;

	if (header->ifa_index != n->index || !model_config(n->options.model))
		return;
	iface_wish_make(n, &wish);
	netlink_attributes(message, sizeof(*header), attribute, IFA_MAX);
	if (!netlink_get_address(attribute[IFA_LOCAL] ? attribute[IFA_LOCAL]
						      : attribute[IFA_ADDRESS],
				 header->ifa_family, &address) ||
	    !iface_wants_address(&wish, &address, header->ifa_prefixlen))
		return;
	n->setup_due = true;
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
		n->setup_due = true;
		look_all_up(n);
	} else if (err) {
		log_err("netlink: %s", strerror(-err));
	}
}

/* ---- Create and configure ---- */

/* Under XDP the port itself, whether the program is attached or not. */
static void iface_name(struct neighbours *n)
{
	const struct config *config = model_config(n->options.model);

	n->shared = config && config_node_has_xdp(&config->node);
	snprintf(n->wanted, sizeof(n->wanted), "%s", n->shared ? config->node.port : IFACE_DEFAULT);
}

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
	iface_name(n);
	err = netlink_open(&n->requests);
	if (!err)
		err = netlink_open(&n->notifications);
	if (!err)
		err = netlink_listen(&n->notifications, groups, sizeof(groups) / sizeof(groups[0]));
	if (err)
		goto fail;
	err = -ENOMEM;
	n->timer = evtimer_new(options->base, on_timer, n);
	n->notified = event_new(options->base, netlink_fd(&n->notifications), EV_READ | EV_PERSIST,
				on_notified, n);
	n->announce = announce_create(options->base);
	if (!n->announce || !n->timer || !n->notified || event_add(n->notified, NULL))
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
	announce_destroy(n->announce);
	if (n->timer)
		event_free(n->timer);
	if (n->notified)
		event_free(n->notified);
	netlink_close(&n->requests);
	netlink_close(&n->notifications);
	free(n->added.list);
	free(n->list);
	free(n);
}

void neighbours_apply(struct neighbours *n)
{
	n->setup_due = true;
	work_soon(n, 0);
}

void neighbours_set_published(struct neighbours *n, bool published)
{
	/* Without a balancer, the kernel must not answer for the VIPs. */
	if (published != n->published && (published || n->shared))
		n->setup_due = true;
	if (!published)
		announce_stop(n->announce);
	n->published = published;
	if (n->setup_due)
		work_soon(n, 0);
}

void neighbours_set_iface(struct neighbours *n, const char *name)
{
	name = *name ? name : IFACE_DEFAULT;
	if (strcmp(n->wanted, name) != 0 && strcmp(n->name, name) != 0)
		n->index = 0;
	snprintf(n->wanted, sizeof(n->wanted), "%s", name);
	n->setup_due = true;
	work_soon(n, 0);
}

bool neighbours_iface_is_running(struct neighbours *n)
{
	iface_look(n);
	if (n->setup_due)
		work_soon(n, 0);
	return n->running;
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
