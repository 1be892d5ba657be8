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
