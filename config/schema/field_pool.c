/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of a pool that are more than a number or a word. */
#include "config/base/scalar.h"
#include "config/schema/field.h"

#include <errno.h>
#include <string.h>

#define PERCENT_MAX 100

int config_field_minimum(const struct config_item *item, const char *text, void *object,
			 struct config_reason *reason)
{
	struct config_pool *pool = object;
	struct config_minimum minimum = { .value = 0 };
	const char *rest;

	if (config_scalar_number_prefix(text, &minimum.value, &rest))
		return config_error_reason(reason, "expected %s", item->expect);
	minimum.is_percent = strcmp(rest, "%") == 0;
	if ((*rest && !minimum.is_percent) ||
	    minimum.value > (minimum.is_percent ? PERCENT_MAX : CONFIG_INSTANCES_MAX))
		return config_error_reason(reason, "expected %s", item->expect);
	pool->minimum = minimum;
	return 0;
}

void config_field_minimum_format(const struct config_item *item, const void *object, FILE *to)
{
	const struct config_pool *pool = object;
	char text[16];

	(void)item;
	fputs(config_minimum_format(&pool->minimum, text), to);
}
