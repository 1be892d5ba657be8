/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of a check that are more than a number or a word, except its target. */
#include "config/base/scalar.h"
#include "config/schema/field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MIN 100
#define STATUS_MAX 599
#define DNS_NAME_MAX 253

static int field_keep(const struct config_item *item, const char *text, void *object)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	memcpy((char *)object + item->offset, &copy, sizeof(copy));
	return 0;
}

/* Only such a text is read as statuses; "200 OK" is a text. */
static bool field_is_status_list(const char *text)
{
	return *text >= '0' && *text <= '9' && strspn(text, "0123456789-, ") == strlen(text);
}

static const char *field_skip_blanks(const char *text)
{
	return text + strspn(text, " ");
}

/* Return: what follows the number, or NULL. */
static const char *field_status(const char *text, uint16_t *status)
{
	const char *end;
	uint32_t value;

	if (config_scalar_number_prefix(text, &value, &end) || value < STATUS_MIN ||
	    value > STATUS_MAX)
		return NULL;
	*status = (uint16_t)value;
	return end;
}

/* Return: what follows the status or range, or NULL. */
static const char *field_status_range(const char *text, struct config_status_range *range)
{
	const char *end = field_status(text, &range->first);

	range->last = range->first;
	if (end && *end == '-')
		end = field_status(end + 1, &range->last);
	return end && range->last >= range->first ? end : NULL;
}

static int field_status_list(const char *text, struct config_check *check,
			     struct config_reason *reason)
{
	const char *at = text;

	for (;;) {
		if (check->status_count == CONFIG_STATUS_RANGES_MAX)
			return config_error_reason(reason,
						   "expected at most %u statuses and ranges",
						   CONFIG_STATUS_RANGES_MAX);
		at = field_status_range(field_skip_blanks(at),
					&check->statuses[check->status_count]);
		if (!at)
			break;
		check->status_count++;
		at = field_skip_blanks(at);
		if (*at == '\0')
			return 0;
		if (*at++ != ',')
			break;
	}
	return config_error_reason(reason,
				   "expected statuses from %u to %u, such as "
				   "\"200-299,301\"",
				   STATUS_MIN, STATUS_MAX);
}

int config_field_expect(const struct config_item *item, const char *text, void *object,
			struct config_reason *reason)
{
	struct config_check *check = object;
	size_t length = strlen(text);
	int rc;

	if (length < 1 || length > CONFIG_EXPECT_MAX)
		return config_error_reason(reason, "expected 1 to %u characters, not %zu",
					   CONFIG_EXPECT_MAX, length);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return config_error_reason(reason, "expected a text of one line");
	check->status_count = 0;
	rc = field_is_status_list(text) ? field_status_list(text, check, reason) : 0;
	return rc ? rc : field_keep(item, text, object);
}

int config_field_host(const struct config_item *item, const char *text, void *object,
		      struct config_reason *reason)
{
	bool good = *text && strlen(text) <= CONFIG_EXPECT_MAX;

	for (const char *c = text; good && *c; c++)
		good = *c > ' ' && *c <= '~' && !strchr("/?#@\\", *c);
	if (!good)
		return config_error_reason(reason, "expected %s", item->expect);
	return field_keep(item, text, object);
}

int config_field_dns_name(const struct config_item *item, const char *text, void *object,
			  struct config_reason *reason)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-_.";
	size_t length = strlen(text);
	struct config_address address;

	if (length < 1 || length > DNS_NAME_MAX || strspn(text, characters) != length ||
	    *text == '.' || *text == '-' || strstr(text, ".."))
		return config_error_reason(reason, "expected %s", item->expect);
	if (config_address_parse(text, &address) == 0)
		return config_error_reason(reason, "expected a name, not an address (RFC 6066)");
	return field_keep(item, text, object);
}

int config_field_file(const struct config_item *item, const char *text, void *object,
		      struct config_reason *reason)
{
	if (*text != '/' || strlen(text) > CONFIG_PATH_MAX)
		return config_error_reason(reason, "expected %s", item->expect);
	return field_keep(item, text, object);
}
