/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/scalar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t ms;
} scalar_units[] = {
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

#define SCALAR_UNITS (sizeof(scalar_units) / sizeof(scalar_units[0]))

static bool scalar_is_digit(char character)
{
	return character >= '0' && character <= '9';
}

int config_scalar_number_prefix(const char *text, uint32_t *value, const char **end)
{
	uint64_t sum = 0;
	const char *at = text;

	for (; scalar_is_digit(*at); at++)
		if (sum <= UINT32_MAX)
			sum = sum * 10 + (uint64_t)(*at - '0');
	if (at == text || (text[0] == '0' && at > text + 1))
		return -EINVAL;
	if (sum > UINT32_MAX)
		return -ERANGE;
	*value = (uint32_t)sum;
	*end = at;
	return 0;
}

int config_scalar_number(const char *text, uint32_t *value)
{
	const char *end;
	uint32_t number;
	int rc = config_scalar_number_prefix(text, &number, &end);

	if (rc)
		return rc;
	if (*end)
		return -EINVAL;
	*value = number;
	return 0;
}

int config_scalar_duration(const char *text, uint32_t *ms)
{
	const char *unit;
	uint32_t number;
	int rc = config_scalar_number_prefix(text, &number, &unit);

	if (rc)
		return rc;
	for (size_t i = 0; i < SCALAR_UNITS; i++) {
		if (strcmp(unit, scalar_units[i].name) != 0)
			continue;
		if (number > UINT32_MAX / scalar_units[i].ms)
			return -ERANGE;
		*ms = number * scalar_units[i].ms;
		return 0;
	}
	return -EINVAL;
}

int config_scalar_bool(const char *text, bool *value)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return -EINVAL;
	*value = text[0] == 't';
	return 0;
}

static int scalar_hex_digit(char character)
{
	if (scalar_is_digit(character))
		return character - '0';
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	if (character >= 'A' && character <= 'F')
		return character - 'A' + 10;
	return -EINVAL;
}

int config_scalar_hex(const char *text, uint8_t *bytes, size_t size)
{
	if (strlen(text) != 2 * size)
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		int high = scalar_hex_digit(text[2 * i]);
		int low = scalar_hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

const char *config_scalar_duration_format(uint32_t ms, char *text)
{
	size_t i = 0;

	while (i < SCALAR_UNITS - 1 && (ms == 0 || ms % scalar_units[i].ms))
		i++;
	snprintf(text, 16, "%u%s", ms / scalar_units[i].ms, scalar_units[i].name);
	return text;
}
