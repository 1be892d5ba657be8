/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/validator.h"

#include <string.h>

#define CHECK_KEY_MAX 192

/* Bytes. */
#define MTU_IPV6_MIN 1280

/* Find the pool of a listener by its name. */
static void check_listener_pool(struct config_validator *validator,
				struct config_listener *listener, const char *key)
{
	const struct config *config = validator->config;
	struct config_guess guess = { .word = listener->pool_name };

	for (uint32_t i = 0; i < config->pool_count; i++) {
		if (strcmp(config->pools[i].name, listener->pool_name) == 0) {
			listener->pool = i;
			return;
		}
		config_guess_offer(&guess, config->pools[i].name);
	}
	config_validator_fail(validator, listener->pool_place, key, listener->pool_name,
			      "there is no such pool%s%s%s", guess.best ? "; did you mean \"" : "",
			      guess.best ? guess.best : "", guess.best ? "\"?" : "");
	listener->pool = UINT32_MAX;
}

static void check_listener(struct config_validator *validator, struct config_service *service,
			   uint32_t index)
{
	struct config_listener *listener = &service->listeners[index];
	char key[CHECK_KEY_MAX], port[16];

	snprintf(key, sizeof(key), "services.%s.listeners[%u].pool", service->name, index);
	check_listener_pool(validator, listener, key);
	if (listener->instance_port == 0)
		listener->instance_port = listener->port;
	for (uint32_t i = 0; i < index; i++) {
		if (service->listeners[i].port != listener->port)
			continue;
		snprintf(key, sizeof(key), "services.%s.listeners[%u].port", service->name, index);
		snprintf(port, sizeof(port), "%u", listener->port);
		config_validator_fail(validator, listener->port_place, key, port,
				      "the same port as in line %u",
				      service->listeners[i].port_place.line);
		break;
	}
}

/* A tunnel's outer source is a node address of the same family as the instance's address. */
static void check_tunnel_source(struct config_validator *validator,
				const struct config_service *service, uint32_t index)
{
	static const uint8_t families[] = { 4, 6 };
	const struct config *config = validator->config;
	const struct config_listener *listener = &service->listeners[index];
	char key[CHECK_KEY_MAX], where[CONFIG_PLACE_TEXT_MAX];

	if (lb_forward_is_in_place(service->forward) || listener->pool == UINT32_MAX)
		return;
	snprintf(key, sizeof(key), "services.%s.listeners[%u].pool", service->name, index);
	for (size_t i = 0; i < sizeof(families); i++) {
		const struct config_instance *instance =
			config_instance_of_family(&config->pools[listener->pool], families[i]);

		if (!instance || config_node_address(&config->node, families[i]))
			continue;
		config_validator_fail(validator, listener->pool_place, key, listener->pool_name,
				      "tunnels to its IPv%u instances (\"%s\", %s) need an IPv%u "
				      "address in node.address as their source",
				      families[i], instance->name,
				      config_error_place(validator->errors, listener->pool_place,
							 instance->address_place, where),
				      families[i]);
	}
}

static void check_gue_port(struct config_validator *validator, const struct config_service *service)
{
	char key[CHECK_KEY_MAX], port[16];

	if (service->gue_port_place.line == 0 || lb_forward_has_port(service->forward))
		return;
	snprintf(key, sizeof(key), "services.%s.gue_port", service->name);
	snprintf(port, sizeof(port), "%u", service->gue_port);
	config_validator_fail(validator, service->gue_port_place, key, port,
			      "only tunnels by `forward: gue` have a port, not %s",
			      config_forward_name(service->forward));
}

uint32_t config_listener_mtu_min(const struct config *config, const struct config_service *service,
				 const struct config_listener *listener)
{
	const struct config_pool *pool = &config->pools[listener->pool];

	for (uint32_t i = 0; i < service->vip_count; i++) {
		if (service->vips[i].address.family != 6)
			continue;
		if (lb_forward_is_in_place(service->forward) || pool->instance_count == 0)
			return MTU_IPV6_MIN;
		return MTU_IPV6_MIN + lb_outer_len(config_instance_of_family(pool, 6) ? 6 : 4,
						   lb_forward_shim(service->forward));
	}
	return 0;
}

static void check_mtu(struct config_validator *validator, const struct config_service *service,
		      uint32_t index)
{
	const struct config *config = validator->config;
	const struct config_listener *listener = &service->listeners[index];
	const struct config_node *node = &config->node;
	uint32_t least;
	char mtu[16], where[CONFIG_PLACE_TEXT_MAX];

	if (node->mtu_bytes == 0 || listener->pool == UINT32_MAX)
		return;
	least = config_listener_mtu_min(config, service, listener);
	if (node->mtu_bytes >= least)
		return;
	snprintf(mtu, sizeof(mtu), "%u", node->mtu_bytes);
	config_validator_fail(
		validator, node->mtu_place, "node.mtu", mtu,
		"expected at least %u: service \"%s\", %s, has an IPv6 VIP, and a tunnel "
		"header is added to packets of the IPv6 minimum MTU, %u",
		least, service->name,
		config_error_place(validator->errors, node->mtu_place, listener->pool_place, where),
		MTU_IPV6_MIN);
}

static const struct config_place *check_find_gateway(const struct config *config,
						     const struct config_address *address)
{
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(&config->node, &count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].gateway_count; j++)
			if (config_address_equal(&networks[i].gateways[j].address, address))
				return &networks[i].gateways[j].place;
	return NULL;
}

/* What else has the address of a VIP. Return: its place and in @text its name; or NULL. */
static const struct config_place *check_find_address(const struct config *config,
						     const struct config_address *address,
						     char *text, size_t size)
{
	const struct config_prefix *own = config_node_own(&config->node, address);
	const struct config_place *gateway = check_find_gateway(config, address);

	if (own) {
		snprintf(text, size, "node.address");
		return &own->place;
	}
	if (gateway) {
		snprintf(text, size, "node.gateway");
		return gateway;
	}
	for (uint32_t i = 0; i < config->pool_count; i++) {
		const struct config_pool *pool = &config->pools[i];

		for (uint32_t j = 0; j < pool->instance_count; j++) {
			if (!config_address_equal(&pool->instances[j].address, address))
				continue;
			snprintf(text, size, "the address of instance %s/%s", pool->name,
				 pool->instances[j].name);
			return &pool->instances[j].address_place;
		}
	}
	return NULL;
}

static void check_vip(struct config_validator *validator, const struct config_service *service,
		      uint32_t index)
{
	const struct config_host *vip = &service->vips[index];
	char key[CHECK_KEY_MAX], text[CONFIG_ADDRESS_STRLEN], other[192];
	char where[CONFIG_PLACE_TEXT_MAX];
	const struct config_place *taken;

	snprintf(key, sizeof(key), "services.%s.vip[%u]", service->name, index);
	config_address_format(&vip->address, text);
	taken = check_find_address(validator->config, &vip->address, other, sizeof(other));
	if (taken)
		config_validator_fail(validator, vip->place, key, text, "is also %s, %s", other,
				      config_error_place(validator->errors, vip->place, *taken,
							 where));
	for (uint32_t i = 0; i < index; i++) {
		if (!config_address_equal(&service->vips[i].address, &vip->address))
			continue;
		config_validator_fail(validator, vip->place, key, text, "listed twice");
		break;
	}
}

/* Listeners of @service whose port @earlier already uses on the same address. */
static void check_ports_taken(struct config_validator *validator,
			      const struct config_service *service,
			      const struct config_service *earlier, const char *vip)
{
	char key[CHECK_KEY_MAX], port[16], where[CONFIG_PLACE_TEXT_MAX];

	for (uint32_t i = 0; i < service->listener_count; i++) {
		for (uint32_t j = 0; j < earlier->listener_count; j++) {
			const struct config_listener *taken = &earlier->listeners[j];

			if (service->listeners[i].port != taken->port)
				continue;
			snprintf(key, sizeof(key), "services.%s.listeners[%u].port", service->name,
				 i);
			snprintf(port, sizeof(port), "%u", taken->port);
			config_validator_fail(validator, service->listeners[i].port_place, key,
					      port,
					      "service \"%s\", %s, already has this port of %s",
					      earlier->name,
					      config_error_place(validator->errors,
								 service->listeners[i].port_place,
								 taken->port_place, where),
					      vip);
		}
	}
}

static void check_overlap(struct config_validator *validator, const struct config_service *service,
			  const struct config_service *earlier)
{
	char vip[CONFIG_ADDRESS_STRLEN];

	if (service->protocol != earlier->protocol)
		return;
	for (uint32_t i = 0; i < service->vip_count; i++) {
		const struct config_address *address = &service->vips[i].address;

		for (uint32_t j = 0; j < earlier->vip_count; j++)
			if (config_address_equal(&earlier->vips[j].address, address))
				check_ports_taken(validator, service, earlier,
						  config_address_format(address, vip));
	}
}

void config_validate_services(struct config_validator *validator)
{
	struct config *config = validator->config;
	uint64_t endpoints = 0;

	for (uint32_t i = 0; i < config->service_count; i++)
		endpoints += (uint64_t)config->services[i].vip_count *
			     config->services[i].listener_count;
	if (endpoints > CONFIG_ENDPOINTS_MAX) {
		config_validator_fail(validator, config->services[0].place, "services", NULL,
				      "expected at most %u pairs of VIP and listener, not %llu",
				      CONFIG_ENDPOINTS_MAX, (unsigned long long)endpoints);
		return;
	}
	for (uint32_t i = 0; i < config->service_count; i++) {
		struct config_service *service = &config->services[i];

		check_gue_port(validator, service);
		for (uint32_t j = 0; j < service->vip_count; j++)
			check_vip(validator, service, j);
		for (uint32_t j = 0; j < service->listener_count; j++) {
			check_listener(validator, service, j);
			check_tunnel_source(validator, service, j);
			check_mtu(validator, service, j);
		}
		for (uint32_t j = 0; j < i; j++)
			check_overlap(validator, service, &config->services[j]);
	}
	config_validate_access(validator);
	config_validate_nat_services(validator);
	config_validate_proxies(validator);
}
