/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/base/scalar.h"

static int port_parse(const char *text, uint16_t *port)
{
	uint32_t value;

	if (config_scalar_number(text, &value) != 0 || value == 0 || value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

int endpoint_parse(const char *text, struct config_address *address, uint16_t *port)
{
	const bool has_brackets = text[0] == '[';
	char copy[ENDPOINT_STRLEN];
	char *end;

	*port = 0;
	if (!has_brackets && config_address_parse(text, address) == 0)
		return 0;
	if ((size_t)snprintf(copy, sizeof(copy), "%s", text + has_brackets) >= sizeof(copy))
		return -EINVAL;
	end = has_brackets ? strchr(copy, ']') : strrchr(copy, ':');
	if (!end)
		return -EINVAL;
	*end++ = '\0';
	if (config_address_parse(copy, address) != 0 || (address->family == 6) != has_brackets)
		return -EINVAL;
	if (has_brackets && *end == '\0')
		return 0;
	if (has_brackets && *end++ != ':')
		return -EINVAL;
	return port_parse(end, port);
}

const char *endpoint_format(const struct config_address *address, uint16_t port, char *text)
{
	char bare[CONFIG_ADDRESS_STRLEN];

	config_address_format(address, bare);
	if (!port)
		snprintf(text, ENDPOINT_STRLEN, "%s", bare);
	else if (address->family == 6)
		snprintf(text, ENDPOINT_STRLEN, "[%s]:%u", bare, port);
	else
		snprintf(text, ENDPOINT_STRLEN, "%s:%u", bare, port);
	return text;
}
