/* SPDX-License-Identifier: BSD-3-Clause */
/* The way to each instance: a route by the port, and a next hop that answers. */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/doctor/arp.h"
#include "controlplane/doctor/internal.h"
#include "controlplane/net/route.h"

#define ANSWER_MS 1500

struct next_hop {
	struct config_address address;
	uint32_t iface;
	uint32_t instances; /* that are behind it */
	char first[DOCTOR_OBJECT_MAX];
	bool is_resolved;
};

struct next_hops {
	struct next_hop *list;
	uint32_t count;
};

static void hop_take(struct next_hops *hops, const struct route *route, const char *path)
{
	struct next_hop *hop;

	for (uint32_t i = 0; i < hops->count; i++) {
		hop = &hops->list[i];
		if (hop->iface == route->iface &&
		    config_address_equal(&hop->address, &route->via)) {
			hop->instances++;
			return;
		}
	}
	hop = realloc(hops->list, (hops->count + 1) * sizeof(*hop));
	if (!hop)
		return;
	hops->list = hop;
	hop += hops->count++;
	*hop = (struct next_hop){ .address = route->via, .iface = route->iface, .instances = 1 };
	snprintf(hop->first, sizeof(hop->first), "%s", path);
}

/* ---- Routes ---- */

static void no_route(struct doctor *doctor, const char *path, const char *address,
		     const char *found)
{
	struct doctor_finding *finding = doctor_find(doctor, DOCTOR_WRONG, path);

	doctor_text(finding->found, "%s: %s", address, found);
	doctor_text(finding->expected, "a route by %s", doctor->iface->name);
	doctor_text(finding->mend, "node.gateway, or: ip route add %s via ROUTER dev %s", address,
		    doctor->iface->name);
}

static void route_look(struct doctor *doctor, const struct config_instance *instance,
		       const char *path, struct next_hops *hops)
{
	const struct config_address *to = &instance->address;
	const struct nic *by;
	struct route route = { .iface = 0 };
	char address[CONFIG_ADDRESS_STRLEN], found[64];
	int err = route_get(&doctor->netlink, to,
			    config_node_address_for(&doctor->config->node, to), &route);

	config_address_format(to, address);
	if (err || (route.type != RTN_UNICAST && route.type != RTN_LOCAL)) {
		no_route(doctor, path, address, "no route");
		return;
	}
	if (route.type == RTN_LOCAL) {
		no_route(doctor, path, address, "it is an address of this machine");
		return;
	}
	if (route.iface == doctor->iface->index) {
		hop_take(hops, &route, path);
		return;
	}
	by = nic_at(doctor->nics, doctor->nic_count, route.iface);
	snprintf(found, sizeof(found), "its route leaves by %s", by ? by->name : "?");
	no_route(doctor, path, address, found);
}

static void routes_look(struct doctor *doctor, struct next_hops *hops)
{
	const struct config *config = doctor->config;
	char path[DOCTOR_OBJECT_MAX];

	for (uint32_t p = 0; p < config->pool_count; p++)
		for (uint32_t i = 0; i < config->pools[p].instance_count; i++) {
			const struct config_instance *instance = &config->pools[p].instances[i];

			snprintf(path, sizeof(path), "%.46s/%.46s", config->pools[p].name,
				 instance->name);
			route_look(doctor, instance, path, hops);
		}
}

/* ---- Neighbours ---- */

/* An entry that somebody has set: nobody is asked for it. */
static bool is_set(struct doctor *doctor, const struct next_hop *hop)
{
	struct route_neighbour neighbour = { .state = 0 };

	return route_neighbour_get(&doctor->netlink, hop->iface, &hop->address, &neighbour) == 0 &&
	       neighbour.has_mac && neighbour.state & (NUD_PERMANENT | NUD_NOARP);
}

/* Asked anew: an entry of one that is dead stays usable for a while. Return: 0 or -errno. */
static int hops_ask(struct doctor *doctor, struct next_hops *hops)
{
	struct arp_probe *probes = calloc(hops->count + 1, sizeof(*probes));
	int err = probes ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < hops->count && !err; i++)
		probes[i].address = hops->list[i].address;
	if (!err && hops->count)
		err = arp_probe(doctor->iface->index, doctor->iface->mac, probes, hops->count,
				ANSWER_MS);
	for (uint32_t i = 0; i < hops->count && !err; i++)
		hops->list[i].is_resolved = probes[i].is_answered || is_set(doctor, &hops->list[i]);
	free(probes);
	return err;
}

static void hop_report(struct doctor *doctor, const struct next_hop *hop)
{
	char address[CONFIG_ADDRESS_STRLEN];
	struct doctor_finding *finding =
		doctor_find(doctor, DOCTOR_WRONG, config_address_format(&hop->address, address));

	doctor_text(finding->found, "does not answer to %s on %s: no way to %s",
		    hop->address.family == 4 ? "ARP" : "ND", doctor->iface->name, hop->first);
	if (hop->instances > 1)
		doctor_text(finding->found,
			    "does not answer to %s on %s: no way to %u instances, the first %s",
			    hop->address.family == 4 ? "ARP" : "ND", doctor->iface->name,
			    hop->instances, hop->first);
	doctor_text(finding->expected, "the next hop answers");
	doctor_text(finding->mend,
		    "see whether it runs and is on this network: ping -I %s %s; node.gateway for "
		    "other networks",
		    doctor->iface->name, address);
}

static bool has_address(const struct doctor *doctor, const struct nic_address *list, int n)
{
	for (int i = 0; i < n; i++)
		if (list[i].index == doctor->iface->index &&
		    config_node_own(&doctor->config->node, &list[i].prefix.address))
			return true;
	return false;
}

/* Before the start the port may have neither addresses nor routes: sluiced adds them. */
static bool is_set_up(struct doctor *doctor)
{
	struct nic_address *list;
	int n = nic_addresses(&doctor->netlink, &list);
	bool is = has_address(doctor, list, n);

	free(list);
	return is;
}

static void next_hops_look(struct doctor *doctor)
{
	struct next_hops hops = { .count = 0 };
	int err;

	if (doctor->config->node.networks) {
		doctor_say(doctor, DOCTOR_SKIPPED, "", "not tested with node.networks");
		return;
	}
	if (!doctor->iface || !is_set_up(doctor)) {
		doctor_say(doctor, DOCTOR_SKIPPED, "",
			   "not before the start: no interface has node.address yet");
		return;
	}
	routes_look(doctor, &hops);
	err = hops_ask(doctor, &hops);
	if (err)
		doctor_say(doctor, DOCTOR_SKIPPED, doctor->iface->name, "cannot ask: %s",
			   strerror(-err));
	for (uint32_t i = 0; i < hops.count && !err; i++)
		if (!hops.list[i].is_resolved)
			hop_report(doctor, &hops.list[i]);
	free(hops.list);
}

const struct doctor_check doctor_checks_next_hop[] = {
	{ .name = "next_hops",
	  .title = "each instance has a route and a next hop that answers",
	  .how = DOCTOR_TESTED,
	  .run = next_hops_look },
	{ 0 },
};
