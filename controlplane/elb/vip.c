/* SPDX-License-Identifier: BSD-3-Clause */
/* The address of a new load balancer. */
#include "controlplane/elb/vip.h"

#include <errno.h>

static bool elb_is_nodes(const struct config_node *node, const struct config_address *address)
{
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(node, &count);
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < networks[i].address_count; j++)
			if (config_address_equal(&networks[i].addresses[j].address, address))
				return true;
		for (uint32_t j = 0; j < networks[i].gateway_count; j++)
			if (config_address_equal(&networks[i].gateways[j].address, address))
				return true;
	}
	for (uint32_t i = 0; i < node->nat_address_count; i++)
		if (config_prefix_has(&node->nat_addresses[i], address))
			return true;
	return config_prefix_has(&node->tunnel_sources, address);
}

static bool elb_is_taken(const struct config *config, const struct config_address *address)
{
	for (uint32_t i = 0; i < config->service_count; i++)
		for (uint32_t j = 0; j < config->services[i].vip_count; j++)
			if (config_address_equal(&config->services[i].vips[j].address, address))
				return true;
	for (uint32_t i = 0; i < config->pool_count; i++)
		for (uint32_t j = 0; j < config->pools[i].instance_count; j++)
			if (config_address_equal(&config->pools[i].instances[j].address, address))
				return true;
	for (uint32_t i = 0; i < config->id_count; i++)
		if (config_address_equal(&config->ids[i].address, address))
			return true;
	return elb_is_nodes(&config->node, address);
}

/* Return: false: there is none. */
static bool elb_next_address(const struct config_prefix *net, struct config_address *address)
{
	uint32_t bits = address->family == 4 ? 32 : 128;

	for (uint32_t bit = bits; bit-- > net->length;) {
		uint8_t mask = (uint8_t)(1u << (7 - bit % 8));

		address->bytes[bit / 8] ^= mask;
		if (address->bytes[bit / 8] & mask)
			return true;
	}
	return false;
}

/* All bits after the prefix are 1. */
static bool elb_is_last(const struct config_prefix *net, const struct config_address *address)
{
	struct config_address next = *address;

	return !elb_next_address(net, &next);
}

/* The network's own address and its broadcast are no host's (RFC 3021, RFC 6164: but on short links). */
static bool elb_is_reserved(const struct config_prefix *net, const struct config_address *address)
{
	uint32_t bits = address->family == 4 ? 32 : 128;

	if (net->length + 1u >= bits)
		return false;
	return config_address_equal(address, &net->address) ||
	       (address->family == 4 && elb_is_last(net, address));
}

int elb_vip_choose(const struct config *config, struct config_address *vip)
{
	for (uint32_t i = 0; i < config->node.vip_pool_count; i++) {
		const struct config_prefix *net = &config->node.vip_pool[i];
		struct config_address address = net->address;

		do {
			if (elb_is_reserved(net, &address) || elb_is_taken(config, &address))
				continue;
			*vip = address;
			return 0;
		} while (elb_next_address(net, &address));
	}
	return -ENOSPC;
}
