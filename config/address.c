/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"

#include <arpa/inet.h>
#include <errno.h>
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

bool config_address_equal(const struct config_address *a, const struct config_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

const struct config_address *config_node_address(const struct config_node *node, uint8_t family)
{
	for (uint32_t i = 0; i < node->address_count; i++)
		if (node->addresses[i].address.family == family)
			return &node->addresses[i].address;
	return NULL;
}

static bool prefix_has(const struct config_prefix *prefix, const struct config_address *address)
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
	for (uint32_t i = 0; i < node->address_count; i++)
		if (prefix_has(&node->addresses[i], to))
			return &node->addresses[i].address;
	return config_node_address(node, to->family);
}
