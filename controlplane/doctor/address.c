/* SPDX-License-Identifier: BSD-3-Clause */
/* The addresses of node and services: whether this machine has them, and nobody else. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/doctor/arp.h"
#include "controlplane/doctor/internal.h"

#define ANSWER_MS 1000

static bool has_dataplane(const struct doctor *doctor)
{
	const json_t *dataplane =
		json_object_get(json_object_get(doctor->status, "node"), "dataplane");

	return json_is_true(json_object_get(dataplane, "running"));
}

/* ---- All of the configuration ---- */

static void take(struct arp_probe **list, uint32_t *n, const struct config_address *address)
{
	struct arp_probe *larger;

	for (uint32_t i = 0; i < *n; i++)
		if (config_address_equal(&(*list)[i].address, address))
			return;
	larger = realloc(*list, (*n + 1) * sizeof(*larger));
	if (!larger)
		return;
	*list = larger;
	larger[(*n)++] = (struct arp_probe){ .address = *address };
}

/* Whether sluiced doesn't announce a service now (minimum_up): another machine may have its VIPs. */
static bool is_withdrawn(const struct doctor *doctor, const char *service)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(doctor->status, "services"), i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));

		if (name && strcmp(name, service) == 0)
			return json_is_string(json_object_get(entry, "withdrawn_by"));
	}
	return false;
}

/* One that another service has, too, may be withdrawn for that one. */
static bool vip_is_withdrawn(const struct doctor *doctor, const struct config_address *vip)
{
	const struct config *config = doctor->config;

	for (uint32_t i = 0; i < config->service_count; i++)
		for (uint32_t v = 0; v < config->services[i].vip_count; v++)
			if (config_address_equal(&config->services[i].vips[v].address, vip) &&
			    is_withdrawn(doctor, config->services[i].name))
				return true;
	return false;
}

/* Each once: of the node, then VIPs and NAT addresses. @list: to be freed. */
static uint32_t addresses_list(const struct doctor *doctor, struct arp_probe **list)
{
	const struct config *config = doctor->config;
	uint32_t n = 0, networks;
	const struct config_network *network = config_node_networks(&config->node, &networks);
	struct config_addresses nat = { .count = 0 };

	*list = NULL;
	for (uint32_t k = 0; k < networks; k++)
		for (uint32_t i = 0; i < network[k].address_count; i++)
			take(list, &n, &network[k].addresses[i].address);
	for (uint32_t i = 0; i < config->service_count; i++)
		for (uint32_t v = 0; v < config->services[i].vip_count; v++)
			if (!vip_is_withdrawn(doctor, &config->services[i].vips[v].address))
				take(list, &n, &config->services[i].vips[v].address);
	if (config_has_nat(config))
		config_nat_addresses(config, &nat);
	for (uint32_t i = 0; i < nat.count; i++)
		take(list, &n, &nat.list[i]);
	return n;
}

/* ---- Present ---- */

static bool is_among(const struct nic_address *list, int n, const struct config_address *address)
{
	for (int i = 0; i < n; i++)
		if (config_address_equal(&list[i].prefix.address, address))
			return true;
	return false;
}

static void present_look(struct doctor *doctor)
{
	struct nic_address *there;
	struct arp_probe *wanted;
	uint32_t n = addresses_list(doctor, &wanted);
	int count = nic_addresses(&doctor->netlink, &there);
	char text[CONFIG_ADDRESS_STRLEN];

	for (uint32_t i = 0; i < n && count >= 0; i++) {
		struct doctor_finding *finding;

		if (is_among(there, count, &wanted[i].address))
			continue;
		finding = doctor_find(doctor, DOCTOR_WRONG,
				      config_address_format(&wanted[i].address, text));
		doctor_text(finding->found, "no interface of this machine has it");
		doctor_text(finding->expected, "on %s, where sluiced adds it",
			    doctor->iface ? doctor->iface->name : "sluice0");
		doctor_text(finding->mend,
			    "see what removes it: ip monitor address; then: systemctl restart "
			    "sluiced");
	}
	free(wanted);
	free(there);
}

/* ---- Nobody else's ---- */

/* Who asks on this network gets one of two answers. */
static bool is_near(const struct config *config, const struct config_address *address)
{
	uint32_t networks;
	const struct config_network *network = config_node_networks(&config->node, &networks);

	for (uint32_t k = 0; k < networks; k++)
		for (uint32_t i = 0; i < network[k].address_count; i++)
			if (config_prefix_has(&network[k].addresses[i], address))
				return true;
	return false;
}

static void other_report(struct doctor *doctor, const struct arp_probe *probe)
{
	char text[CONFIG_ADDRESS_STRLEN];
	bool is_node = config_node_own(&doctor->config->node, &probe->address) != NULL;
	bool near = is_near(doctor->config, &probe->address);
	struct doctor_finding *finding = doctor_find(doctor, near ? DOCTOR_WRONG : DOCTOR_ADVICE,
						     config_address_format(&probe->address, text));
	const uint8_t *mac = probe->mac;

	doctor_text(finding->found, "%02x:%02x:%02x:%02x:%02x:%02x answers for it on %s", mac[0],
		    mac[1], mac[2], mac[3], mac[4], mac[5], doctor->iface->name);
	doctor_text(finding->expected, "no other machine%s",
		    near ? "" : ", unless that is another node to which the router sends, too");
	doctor_text(
		finding->mend, "%s",
		is_node ? "give one of both another address"
			: "on an instance: sysctl -w net.ipv4.conf.all.arp_ignore=1 "
			  "net.ipv4.conf.all.arp_announce=2; else give one of both another VIP");
}

static void others_look(struct doctor *doctor)
{
	struct arp_probe *probes;
	uint32_t n = addresses_list(doctor, &probes);
	int err = arp_probe(doctor->iface->index, doctor->iface->mac, probes, n, ANSWER_MS);

	if (err)
		doctor_say(doctor, DOCTOR_SKIPPED, doctor->iface->name, "cannot ask: %s",
			   strerror(-err));
	for (uint32_t i = 0; i < n && !err; i++)
		if (probes[i].is_answered)
			other_report(doctor, &probes[i]);
	free(probes);
}

static bool has_iface(const struct doctor *doctor)
{
	return doctor->iface != NULL && doctor->iface->is_up;
}

const struct doctor_check doctor_checks_address[] = {
	{ .name = "addresses",
	  .title = "this machine has the addresses of node and services",
	  .applies = has_dataplane,
	  .run = present_look },
	{ .name = "address_duplicates",
	  .title = "nobody else answers for these addresses",
	  .how = DOCTOR_TESTED,
	  .applies = has_iface,
	  .run = others_look },
	{ 0 },
};
