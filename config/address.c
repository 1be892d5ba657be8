/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int config_address_parse(const char *text, struct config_address *address)
{
	struct config_address result = { 0 };

	/* inet_pton takes only four decimal numbers without leading zeros, so "010.0.0.1" fails. */
	if (inet_pton(AF_INET, text, result.bytes) == 1)
		result.family = 4;
	else if (inet_pton(AF_INET6, text, result.bytes) == 1)
		result.family = 6;
	else
		return -EINVAL;
	*address = result;
	return 0;
}

const char *config_address_format(const struct config_address *address, char *text)
{
	int family = address->family == 4 ? AF_INET : AF_INET6;

	if (!inet_ntop(family, address->bytes, text, CONFIG_ADDRESS_STRLEN))
		text[0] = '\0';
	return text;
}

static uint8_t address_bits(const struct config_address *address)
{
	return address->family == 4 ? 32 : 128;
}

const char *config_network_format(const struct config_prefix *network, char *text)
{
	size_t length;

	config_address_format(&network->address, text);
	length = strlen(text);
	if (network->length < address_bits(&network->address))
		snprintf(text + length, CONFIG_NETWORK_STRLEN - length, "/%u", network->length);
	return text;
}

bool config_address_equal(const struct config_address *a, const struct config_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

const struct config_network *config_node_networks(const struct config_node *node, uint32_t *count)
{
	*count = node->network_count ? node->network_count : 1;
	return node->network_count ? node->networks : &node->plain;
}

bool config_service_is_on(const struct config *config, const struct config_service *service,
			  uint32_t network)
{
	return config->node.network_count == 0 || service->network_mask >> network & 1;
}

const struct config_address *config_network_address(const struct config_network *network,
						    uint8_t family)
{
	for (uint32_t i = 0; i < network->address_count; i++)
		if (network->addresses[i].address.family == family)
			return &network->addresses[i].address;
	return NULL;
}

const struct config_address *config_node_address(const struct config_node *node, uint8_t family)
{
	const struct config_address *address = NULL;
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(node, &count);
	for (uint32_t i = 0; i < count && !address; i++)
		address = config_network_address(&networks[i], family);
	return address;
}

void config_prefix_clear(struct config_prefix *prefix)
{
	for (uint32_t i = 0; i < sizeof(prefix->address.bytes); i++) {
		uint32_t bits = prefix->length > 8 * i ? prefix->length - 8 * i : 0;

		if (bits < 8)
			prefix->address.bytes[i] &= (uint8_t)(0xff00 >> bits);
	}
}

bool config_prefix_has(const struct config_prefix *prefix, const struct config_address *address)
{
	uint32_t whole = prefix->length / 8;
	uint8_t rest = (uint8_t)(0xff00 >> prefix->length % 8);

	return prefix->address.family == address->family &&
	       !memcmp(prefix->address.bytes, address->bytes, whole) &&
	       (whole == sizeof(address->bytes) ||
		!((prefix->address.bytes[whole] ^ address->bytes[whole]) & rest));
}

const struct config_address *config_node_address_for(const struct config_node *node,
						     const struct config_address *to)
{
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(node, &count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].address_count; j++)
			if (config_prefix_has(&networks[i].addresses[j], to))
				return &networks[i].addresses[j].address;
	return config_node_address(node, to->family);
}

const struct config_prefix *config_node_own(const struct config_node *node,
					    const struct config_address *address)
{
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(node, &count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].address_count; j++)
			if (config_address_equal(&networks[i].addresses[j].address, address))
				return &networks[i].addresses[j];
	return NULL;
}

static uint32_t prefix_size(const struct config_prefix *prefix)
{
	return 1u << (address_bits(&prefix->address) - prefix->length);
}

static void addresses_add(struct config_addresses *addresses, const struct config_address *address,
			  uint32_t host)
{
	uint32_t last = address->family == 4 ? 3 : 15;

	if (addresses->count == CONFIG_NAT_ADDRESSES_MAX)
		return;
	addresses->list[addresses->count] = *address;
	addresses->list[addresses->count++].bytes[last] |= (uint8_t)host;
}

static bool is_near(const struct config_node *node, const struct config_prefix *own,
		    const struct config_pool *pool)
{
	for (uint32_t i = 0; pool && i < pool->instance_count; i++)
		if (config_prefix_has(own, &pool->instances[i].address) ||
		    config_node_address_for(node, &pool->instances[i].address) == &own->address)
			return true;
	return false;
}

/* Instances of one network need not have a route to the node's address in another one. */
static bool is_nat_source(const struct config *config, const struct config_prefix *own)
{
	if (!config->node.network_count)
		return true;
	for (uint32_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		for (uint32_t j = 0; j < service->listener_count; j++)
			if (service->forward == LB_FORWARD_NAT &&
			    is_near(&config->node, own,
				    config_pool_find(config, service->listeners[j].pool_name)))
				return true;
	}
	return false;
}

static void own_addresses_add(const struct config *config, struct config_addresses *addresses)
{
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(&config->node, &count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].address_count; j++)
			if (is_nat_source(config, &networks[i].addresses[j]))
				addresses_add(addresses, &networks[i].addresses[j].address, 0);
}

uint32_t config_nat_address_count(const struct config_node *node)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < node->nat_address_count; i++)
		count += prefix_size(&node->nat_addresses[i]);
	return count;
}

void config_nat_addresses(const struct config *config, struct config_addresses *addresses)
{
	const struct config_node *node = &config->node;

	addresses->count = 0;
	if (node->nat_address_count == 0)
		own_addresses_add(config, addresses);
	for (uint32_t i = 0; i < node->nat_address_count; i++)
		for (uint32_t host = 0; host < prefix_size(&node->nat_addresses[i]); host++)
			addresses_add(addresses, &node->nat_addresses[i].address, host);
}
