/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/validator.h"

#include <stdarg.h>
#include <stdio.h>

void config_validator_fail(struct config_validator *validator, struct config_place place,
			   const char *key, const char *value, const char *format, ...)
{
	struct config_reason reason;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason.text, sizeof(reason.text), format, arguments);
	va_end(arguments);
	config_error_add(validator->errors, place, key, value, "%s", reason.text);
	validator->wrong++;
}

void config_validate_taken(struct config_validator *validator, const struct config_prefix *prefix,
			   const char *key, const struct config_address *address, const char *what,
			   struct config_place place)
{
	char where[CONFIG_PLACE_TEXT_MAX];
	char network[CONFIG_NETWORK_STRLEN], text[CONFIG_ADDRESS_STRLEN];

	if (!config_prefix_has(prefix, address))
		return;
	config_validator_fail(validator, prefix->place, key, config_network_format(prefix, network),
			      "expected unused addresses; %s, %s, has one of them: %s", what,
			      config_error_place(validator->errors, prefix->place, place, where),
			      config_address_format(address, text));
}

void config_validate_unused(struct config_validator *validator, const struct config_prefix *prefix,
			    const char *key)
{
	const struct config *config = validator->config;
	const struct config_network *networks;
	uint32_t count;

	networks = config_node_networks(&config->node, &count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < networks[i].gateway_count; j++)
			config_validate_taken(validator, prefix, key,
					      &networks[i].gateways[j].address, "node.gateway",
					      networks[i].gateways[j].place);
	for (uint32_t i = 0; i < config->pool_count; i++)
		for (uint32_t j = 0; j < config->pools[i].instance_count; j++)
			config_validate_taken(validator, prefix, key,
					      &config->pools[i].instances[j].address, "an instance",
					      config->pools[i].instances[j].address_place);
	for (uint32_t i = 0; i < config->service_count; i++)
		for (uint32_t j = 0; j < config->services[i].vip_count; j++)
			config_validate_taken(validator, prefix, key,
					      &config->services[i].vips[j].address, "a VIP",
					      config->services[i].vips[j].place);
}

void config_validator_fail_address(struct config_validator *validator,
				   const struct config_host *host, const char *key,
				   const char *message)
{
	char text[CONFIG_ADDRESS_STRLEN];

	config_validator_fail(validator, host->place, key,
			      config_address_format(&host->address, text), "%s", message);
}
