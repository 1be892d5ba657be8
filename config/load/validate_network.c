/* SPDX-License-Identifier: BSD-3-Clause */
/* The node's networks: one for an untagged port, several on a trunk. */
#include "config/load/validator.h"

#include <string.h>

#define CHECK_KEY_MAX 192

/* "node.gateway[0]", or "node.networks[1].gateway[0]" on a trunk. */
static void key_write(char key[CHECK_KEY_MAX], const struct config_node *node, uint32_t network,
		      const char *what, uint32_t index)
{
	if (node->network_count)
		snprintf(key, CHECK_KEY_MAX, "node.networks[%u].%s[%u]", network, what, index);
	else
		snprintf(key, CHECK_KEY_MAX, "node.%s[%u]", what, index);
}

/* ---- VLANs ---- */

static void check_vlan(struct config_validator *validator, uint32_t index)
{
	const struct config_node *node = &validator->config->node;
	const struct config_network *network = &node->networks[index];
	char key[CHECK_KEY_MAX], vlan[8];

	for (uint32_t i = 0; i < index; i++) {
		const struct config_network *other = &node->networks[i];

		if (other->vlan != network->vlan)
			continue;
		snprintf(key, sizeof(key), "node.networks[%u].vlan", index);
		snprintf(vlan, sizeof(vlan), "%u", network->vlan);
		if (network->vlan)
			config_validator_fail(validator, network->vlan_place, key, vlan,
					      "the same VLAN as in line %u",
					      other->vlan_place.line);
		else
			config_validator_fail(
				validator, network->place, key, NULL,
				"is missing; the network in line %u is the untagged one",
				other->place.line);
		return;
	}
}

static void check_trunk(struct config_validator *validator)
{
	const struct config_node *node = &validator->config->node;

	if (node->network_count == 0)
		return;
	if (node->plain.address_count || node->plain.gateway_count)
		config_validator_fail(
			validator, node->networks[0].place, "node.networks", NULL,
			"expected either node.%s or node.networks; an untagged network "
			"is an entry without vlan",
			node->plain.address_count ? "address" : "gateway");
	for (uint32_t i = 0; i < node->network_count; i++)
		check_vlan(validator, i);
}

/* ---- Addresses ---- */

static const struct config_prefix *find_equal(const struct config_network *network, uint32_t count,
					      const struct config_address *address)
{
	for (uint32_t i = 0; i < count; i++)
		if (config_address_equal(&network->addresses[i].address, address))
			return &network->addresses[i];
	return NULL;
}

static const struct config_prefix *find_overlap(const struct config_network *network,
						const struct config_prefix *prefix)
{
	for (uint32_t i = 0; i < network->address_count; i++) {
		const struct config_prefix *other = &network->addresses[i];

		if (config_prefix_has(prefix, &other->address) ||
		    config_prefix_has(other, &prefix->address))
			return other;
	}
	return NULL;
}

static void check_address(struct config_validator *validator, uint32_t network, uint32_t index)
{
	const struct config_node *node = &validator->config->node;
	const struct config_network *networks;
	const struct config_prefix *prefix, *other = NULL;
	char key[CHECK_KEY_MAX], message[128];
	struct config_host host;
	uint32_t count;

	networks = config_node_networks(node, &count);
	prefix = &networks[network].addresses[index];
	host = (struct config_host){ prefix->address, prefix->place };
	key_write(key, node, network, "address", index);
	if (find_equal(&networks[network], index, &prefix->address)) {
		config_validator_fail_address(validator, &host, key, "listed twice");
		return;
	}
	for (uint32_t i = 0; i < network && !other; i++)
		other = find_overlap(&networks[i], prefix);
	if (!other)
		return;
	snprintf(message, sizeof(message), "its network overlaps that of the address in line %u",
		 other->place.line);
	config_validator_fail_address(validator, &host, key, message);
}

/* ---- Gateways ---- */

/* Link-local gateways are on every link. */
static bool is_on_link(const struct config_network *network, const struct config_address *address)
{
	if (address->family == 6 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80)
		return true;
	for (uint32_t i = 0; i < network->address_count; i++)
		if (config_prefix_has(&network->addresses[i], address))
			return true;
	return false;
}

/* Of all networks, since there is one default route. */
static bool is_second_of_family(const struct config_node *node, uint32_t network, uint32_t index)
{
	const struct config_network *networks;
	uint32_t count;
	uint8_t family;

	networks = config_node_networks(node, &count);
	family = networks[network].gateways[index].address.family;
	for (uint32_t i = 0; i <= network; i++)
		for (uint32_t j = 0; j < (i < network ? networks[i].gateway_count : index); j++)
			if (networks[i].gateways[j].address.family == family)
				return true;
	return false;
}

static void check_gateway(struct config_validator *validator, uint32_t network, uint32_t index)
{
	const struct config_node *node = &validator->config->node;
	const struct config_network *networks;
	const struct config_host *gateway;
	char key[CHECK_KEY_MAX];
	uint32_t count;

	networks = config_node_networks(node, &count);
	gateway = &networks[network].gateways[index];
	key_write(key, node, network, "gateway", index);
	if (is_second_of_family(node, network, index))
		config_validator_fail_address(validator, gateway, key,
					      "expected at most one gateway of each family");
	if (config_node_own(node, &gateway->address))
		config_validator_fail_address(validator, gateway, key, "is the node's own address");
	else if (!is_on_link(&networks[network], &gateway->address))
		config_validator_fail_address(
			validator, gateway, key,
			node->network_count ? "expected an address on this network"
					    : "expected an address on one of the networks "
					      "of node.address");
}

/* ---- Networks of services ---- */

static uint32_t mask_of(const struct config_node *node, uint16_t vlan)
{
	for (uint32_t i = 0; i < node->network_count; i++)
		if (node->networks[i].vlan == vlan)
			return 1u << i;
	return 0;
}

static void check_name(struct config_validator *validator, struct config_service *service,
		       uint32_t index)
{
	const struct config_node *node = &validator->config->node;
	const struct config_network_name *name = &service->networks[index];
	char key[CHECK_KEY_MAX], text[16] = "untagged";
	uint32_t mask = mask_of(node, name->vlan);

	snprintf(key, sizeof(key), "services.%s.networks[%u]", service->name, index);
	if (name->vlan)
		snprintf(text, sizeof(text), "%u", name->vlan);
	if (!mask)
		config_validator_fail(validator, name->place, key, text,
				      node->network_count
					      ? "is not in node.networks"
					      : "needs node.networks, of which there is none");
	else if (service->network_mask & mask)
		config_validator_fail(validator, name->place, key, text, "listed twice");
	service->network_mask |= (uint16_t)mask;
}

static void check_service(struct config_validator *validator, struct config_service *service)
{
	service->network_mask = 0;
	for (uint32_t i = 0; i < service->network_count; i++)
		check_name(validator, service, i);
	if (service->network_count == 0)
		service->network_mask =
			(uint16_t)((1u << validator->config->node.network_count) - 1);
}

void config_validate_networks(struct config_validator *validator)
{
	struct config *config = validator->config;
	const struct config_network *networks;
	uint32_t count;

	check_trunk(validator);
	networks = config_node_networks(&config->node, &count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].address_count; j++)
			check_address(validator, i, j);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].gateway_count; j++)
			check_gateway(validator, i, j);
	for (uint32_t i = 0; i < config->service_count; i++)
		check_service(validator, &config->services[i]);
}
