/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of `forward: nat`. */
#include "config/load/validator.h"

#include <string.h>

#define CHECK_KEY_MAX 192

/* ---- node.nat_addresses ---- */

/* @on: a network of the node. */
static void check_broadcasts_of(struct config_validator *validator,
				const struct config_prefix *prefix, const char *key,
				const char *value, const struct config_network *on)
{
	char text[CONFIG_ADDRESS_STRLEN];

	for (uint32_t i = 0; i < on->address_count; i++) {
		const struct config_prefix *network = &on->addresses[i];
		struct config_address first = network->address, last = network->address;
		const struct config_address *found;

		/* RFC 3021: a link of two addresses has none of these. */
		if (network->address.family != 4 || network->length >= 31)
			continue;
		for (uint32_t bit = network->length; bit < 32; bit++) {
			first.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
			last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		}
		if (config_prefix_has(prefix, &first))
			found = &first;
		else if (config_prefix_has(prefix, &last))
			found = &last;
		else
			continue;
		config_validator_fail(validator, prefix->place, key, value,
				      "expected no network or broadcast address of node.address, "
				      "line %u: %s",
				      network->place.line, config_address_format(found, text));
	}
}

static void check_broadcasts(struct config_validator *validator, const struct config_prefix *prefix,
			     const char *key, const char *value)
{
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(&validator->config->node, &count);
	for (uint32_t i = 0; i < count; i++)
		check_broadcasts_of(validator, prefix, key, value, &networks[i]);
}

static void check_nat_address(struct config_validator *validator, uint32_t index)
{
	const struct config_node *node = &validator->config->node;
	const struct config_prefix *prefix = &node->nat_addresses[index];
	char key[CHECK_KEY_MAX], value[CONFIG_NETWORK_STRLEN];

	snprintf(key, sizeof(key), "node.nat_addresses[%u]", index);
	config_network_format(prefix, value);
	for (uint32_t i = 0; i < index; i++) {
		const struct config_prefix *other = &node->nat_addresses[i];

		if (!config_prefix_has(prefix, &other->address) &&
		    !config_prefix_has(other, &prefix->address))
			continue;
		config_validator_fail(validator, prefix->place, key, value,
				      "has addresses of the entry in line %u", other->place.line);
		break;
	}
	if (config_prefix_has(prefix, &node->tunnel_sources.address) ||
	    config_prefix_has(&node->tunnel_sources, &prefix->address))
		config_validator_fail(validator, prefix->place, key, value,
				      "has addresses of node.tunnel_sources, line %u",
				      node->tunnel_sources.place.line);
	check_broadcasts(validator, prefix, key, value);
	config_validate_unused(validator, prefix, key);
}

void config_validate_nat(struct config_validator *validator)
{
	const struct config_node *node = &validator->config->node;
	uint32_t count = config_nat_address_count(node);

	if (count > CONFIG_NAT_ADDRESSES_MAX)
		config_validator_fail(validator, node->nat_addresses[0].place, "node.nat_addresses",
				      NULL, "expected at most %u addresses in all, not %u",
				      CONFIG_NAT_ADDRESSES_MAX, count);
	for (uint32_t i = 0; i < node->nat_address_count; i++)
		check_nat_address(validator, i);
}

/* ---- Services ---- */

static bool check_nat_has_family(const struct config *config, uint8_t family)
{
	struct config_addresses addresses;

	config_nat_addresses(config, &addresses);
	for (uint32_t i = 0; i < addresses.count; i++)
		if (addresses.list[i].family == family)
			return true;
	return false;
}

/* The instance gets packets from a NAT address of its own family. */
static void check_node_source(struct config_validator *validator,
			      const struct config_listener *listener, const char *key,
			      uint8_t family)
{
	const struct config *config = validator->config;
	const struct config_instance *instance =
		config_instance_of_family(&config->pools[listener->pool], family);
	char where[CONFIG_PLACE_TEXT_MAX];

	if (!instance || check_nat_has_family(config, family))
		return;
	config_validator_fail(validator, listener->pool_place, key, listener->pool_name,
			      "`forward: nat` to its IPv%u instances (\"%s\", %s) needs an "
			      "IPv%u address in %s as their source",
			      family, instance->name,
			      config_error_place(validator->errors, listener->pool_place,
						 instance->address_place, where),
			      family,
			      config->node.nat_address_count
				      ? "node.nat_addresses"
				      : "node.nat_addresses or node.address");
}

/* The instance gets packets from the client's address, which is of the VIP's family. */
static void check_client_source(struct config_validator *validator,
				const struct config_service *service,
				const struct config_listener *listener, const char *key,
				uint8_t family)
{
	const struct config_instance *instance =
		config_instance_of_family(&validator->config->pools[listener->pool], family);
	uint8_t other = family == 4 ? 6 : 4;
	char where[CONFIG_PLACE_TEXT_MAX], vip[CONFIG_PLACE_TEXT_MAX];

	for (uint32_t i = 0; instance && i < service->vip_count; i++) {
		if (service->vips[i].address.family != other)
			continue;
		config_validator_fail(validator, listener->pool_place, key, listener->pool_name,
				      "with `source: client` its IPv%u instances (\"%s\", %s) "
				      "cannot be reached by the clients of the IPv%u VIP, %s",
				      family, instance->name,
				      config_error_place(validator->errors, listener->pool_place,
							 instance->address_place, where),
				      other,
				      config_error_place(validator->errors, listener->pool_place,
							 service->vips[i].place, vip));
		return;
	}
}

static void check_nat_listener(struct config_validator *validator,
			       const struct config_service *service, uint32_t index)
{
	static const uint8_t families[] = { 4, 6 };
	const struct config_listener *listener = &service->listeners[index];
	char key[CHECK_KEY_MAX];

	if (listener->pool == UINT32_MAX)
		return;
	snprintf(key, sizeof(key), "services.%s.listeners[%u].pool", service->name, index);
	for (size_t i = 0; i < sizeof(families); i++) {
		if (service->source == CONFIG_SOURCE_NODE)
			check_node_source(validator, listener, key, families[i]);
		else
			check_client_source(validator, service, listener, key, families[i]);
	}
}

static void check_nat_dataplane(struct config_validator *validator,
				const struct config_service *service)
{
	const struct config_node *node = &validator->config->node;
	char key[CHECK_KEY_MAX];

	if (!config_node_has_xdp(node) || service->source != CONFIG_SOURCE_CLIENT)
		return;
	snprintf(key, sizeof(key), "services.%s.source", service->name);
	config_validator_fail(validator, service->source_place, key, "client",
			      "`dataplane: %s` does not support it; expected node, or "
			      "`dataplane: dpdk`",
			      node->dataplane == CONFIG_DATAPLANE_XDP ? "xdp" : "auto");
}

static bool listener_is_mapped(const struct config *config, const struct config_listener *listener)
{
	return listener->pool < config->pool_count &&
	       config->pools[listener->pool].instance_program;
}

static bool services_share_vip(const struct config_service *a, const struct config_service *b)
{
	for (uint32_t i = 0; i < a->vip_count; i++)
		for (uint32_t j = 0; j < b->vip_count; j++)
			if (config_address_equal(&a->vips[i].address, &b->vips[j].address))
				return true;
	return false;
}

static bool pools_share_instance(const struct config *config, uint32_t a, uint32_t b)
{
	const struct config_pool *one = &config->pools[a], *two = &config->pools[b];

	if (a == b)
		return true;
	for (uint32_t i = 0; i < one->instance_count; i++)
		for (uint32_t j = 0; j < two->instance_count; j++)
			if (config_address_equal(&one->instances[i].address,
						 &two->instances[j].address))
				return true;
	return false;
}

/*
 * A listener in front of this one whose replies come from the same address and port of an instance.
 * Those of `forward: nat` do not come from the VIP.
 */
static const struct config_listener *ambiguous_find(const struct config *config,
						    const struct config_service *service,
						    uint32_t index)
{
	const struct config_listener *listener = &service->listeners[index];

	for (const struct config_service *s = config->services; s <= service; s++) {
		uint32_t n = s == service ? index : s->listener_count;

		if (s->forward == LB_FORWARD_NAT)
			continue;
		for (uint32_t i = 0; i < n; i++) {
			const struct config_listener *other = &s->listeners[i];

			if (other->instance_port == listener->instance_port &&
			    other->port != listener->port && other->pool < config->pool_count &&
			    services_share_vip(s, service) &&
			    pools_share_instance(config, other->pool, listener->pool))
				return other;
		}
	}
	return NULL;
}

/* Another port on the instance without translation: the instance maps it, and replies back. */
static void check_mapped_port(struct config_validator *validator,
			      const struct config_service *service, uint32_t index)
{
	const struct config_listener *other, *listener = &service->listeners[index];
	char key[CHECK_KEY_MAX], port[16];

	snprintf(key, sizeof(key), "services.%s.listeners[%u].instance_port", service->name, index);
	snprintf(port, sizeof(port), "%u", listener->instance_port);
	if (!listener_is_mapped(validator->config, listener)) {
		if (listener->instance_port != listener->port)
			config_validator_fail(
				validator, listener->instance_port_place, key, port,
				"another port than the listener's needs `forward: nat`, not "
				"%s, or `instance_program: true` in its pool; expected %u",
				config_forward_name(service->forward), listener->port);
		return;
	}
	other = ambiguous_find(validator->config, service, index);
	if (other)
		config_validator_fail(validator,
				      listener->instance_port_place.line
					      ? listener->instance_port_place
					      : listener->port_place,
				      key, port,
				      "the instance port of port %u, line %u, too: a reply's port "
				      "could come from either",
				      other->port, other->port_place.line);
}

/* What only `forward: nat` can do. */
static void check_no_nat(struct config_validator *validator, const struct config_service *service)
{
	const char *forward = config_forward_name(service->forward);
	char key[CHECK_KEY_MAX];

	snprintf(key, sizeof(key), "services.%s.source", service->name);
	if (service->source_place.line)
		config_validator_fail(validator, service->source_place, key,
				      config_source_name(service->source),
				      "only `forward: nat` has a choice of sources, not %s",
				      forward);
	for (uint32_t i = 0; i < service->listener_count; i++)
		check_mapped_port(validator, service, i);
}

void config_validate_nat_services(struct config_validator *validator)
{
	const struct config *config = validator->config;

	for (uint32_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		if (service->forward != LB_FORWARD_NAT) {
			check_no_nat(validator, service);
			continue;
		}
		check_nat_dataplane(validator, service);
		for (uint32_t j = 0; j < service->listener_count; j++)
			check_nat_listener(validator, service, j);
	}
}
