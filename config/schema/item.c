/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/schema/item.h"
#include "config/base/scalar.h"

#include <errno.h>
#include <string.h>

const char *config_item_text(size_t offset, const void *object)
{
	const char *text;

	memcpy(&text, (const char *)object + offset, sizeof(text));
	return text;
}

void *config_item_entries(const struct config_item *item, const void *object, uint32_t *count)
{
	void *entries;

	memcpy(&entries, (const char *)object + item->offset, sizeof(entries));
	memcpy(count, (const char *)object + item->count_offset, sizeof(*count));
	return entries;
}

void config_item_set_entries(const struct config_item *item, void *object, void *entries,
			     uint32_t count)
{
	memcpy((char *)object + item->offset, &entries, sizeof(entries));
	memcpy((char *)object + item->count_offset, &count, sizeof(count));
}

static void item_store(const struct config_item *item, void *object, uint32_t value)
{
	char *field = (char *)object + item->offset;
	uint16_t half = (uint16_t)value;

	if (item->size == sizeof(half))
		memcpy(field, &half, sizeof(half));
	else
		memcpy(field, &value, sizeof(value));
}

static uint32_t item_value(const struct config_item *item, const void *object)
{
	const char *field = (const char *)object + item->offset;
	uint16_t half;
	uint32_t value;

	if (item->size == sizeof(half)) {
		memcpy(&half, field, sizeof(half));
		return half;
	}
	memcpy(&value, field, sizeof(value));
	return value;
}

static void item_expect_words(const struct config_word *words, char *text, size_t size)
{
	const char *names[8];
	size_t count = 0, used = 0;

	text[0] = '\0';
	for (; words->name && count < 8; words++)
		if (!words->refused)
			names[count++] = words->name;
	for (size_t i = 0; i < count && used < size; i++) {
		const char *between = i == 0 ? "" : i + 1 < count ? ", " : " or ";

		used += (size_t)snprintf(text + used, size - used, "%s%s", between, names[i]);
	}
}

void config_item_expect(const struct config_item *item, char *text, size_t size)
{
	char from[16], to[16];

	switch (item->type) {
	case CONFIG_TYPE_NUMBER:
		snprintf(text, size, "a number from %u to %u", item->min, item->max);
		break;
	case CONFIG_TYPE_DURATION:
		config_scalar_duration_format(item->min, from);
		config_scalar_duration_format(item->max, to);
		snprintf(text, size, "a duration from %s to %s", from, to);
		break;
	case CONFIG_TYPE_BOOL:
		snprintf(text, size, "true or false");
		break;
	case CONFIG_TYPE_WORD:
		item_expect_words(item->words, text, size);
		break;
	case CONFIG_TYPE_TEXT:
	case CONFIG_TYPE_LIST:
		snprintf(text, size, "%s", item->expect);
		break;
	case CONFIG_TYPE_SEQUENCE:
		snprintf(text, size, "a list of mappings");
		break;
	case CONFIG_TYPE_SECTION:
	case CONFIG_TYPE_NAMED:
		snprintf(text, size, "a mapping");
		break;
	}
}

static int item_parse_number(const struct config_item *item, const char *text, void *object,
			     struct config_reason *reason)
{
	uint32_t value = 0;
	bool duration = item->type == CONFIG_TYPE_DURATION;
	int rc = duration ? config_scalar_duration(text, &value)
			  : config_scalar_number(text, &value);
	char expect[64];

	if (rc || value < item->min || value > item->max) {
		config_item_expect(item, expect, sizeof(expect));
		return config_error_reason(reason, "expected %s%s", expect,
					   duration && rc == -EINVAL
						   ? ", a whole number with its unit: ms, s, m or h"
						   : "");
	}
	rc = item->accept ? item->accept(value, reason) : 0;
	if (rc == 0)
		item_store(item, object, value);
	return rc;
}

static int item_parse_bool(const struct config_item *item, const char *text, void *object,
			   struct config_reason *reason)
{
	static const char *const others[] = { "yes", "no", "on", "off", "y", "n" };
	bool value;

	if (config_scalar_bool(text, &value) == 0) {
		memcpy((char *)object + item->offset, &value, sizeof(value));
		return 0;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcasecmp(text, others[i]) == 0)
			return config_error_reason(reason, "expected true or false; YAML 1.2 has "
							   "no other words for them");
	return config_error_reason(reason, "expected true or false");
}

static int item_parse_word(const struct config_item *item, const char *text, void *object,
			   struct config_reason *reason)
{
	struct config_guess guess = { .word = text };
	char expect[128];

	item_expect_words(item->words, expect, sizeof(expect));
	for (const struct config_word *word = item->words; word->name; word++) {
		if (strcmp(word->name, text) == 0) {
			item_store(item, object, word->value);
			if (!word->refused)
				return 0;
			config_error_reason(
				reason, "not supported by this version yet; expected %s", expect);
			return -ENOTSUP;
		}
		if (!word->refused)
			config_guess_offer(&guess, word->name);
	}
	return config_error_reason(reason, "expected %s%s%s%s", expect,
				   guess.best ? "; did you mean \"" : "",
				   guess.best ? guess.best : "", guess.best ? "\"?" : "");
}

int config_item_parse(const struct config_item *item, const char *text, void *object,
		      struct config_reason *reason)
{
	switch (item->type) {
	case CONFIG_TYPE_NUMBER:
	case CONFIG_TYPE_DURATION:
		return item_parse_number(item, text, object, reason);
	case CONFIG_TYPE_BOOL:
		return item_parse_bool(item, text, object, reason);
	case CONFIG_TYPE_WORD:
		return item_parse_word(item, text, object, reason);
	case CONFIG_TYPE_TEXT:
	case CONFIG_TYPE_LIST:
		return item->parse(item, text, object, reason);
	default:
		return config_error_reason(reason, "expected a mapping");
	}
}

static const char *item_word(const struct config_item *item, uint32_t value)
{
	const struct config_word *word = item->words;

	while (word->name && word->value != value)
		word++;
	return word->name ? word->name : "?";
}

static void item_format_list(const struct config_item *item, const void *object, FILE *to)
{
	uint32_t count;
	const char *entries = config_item_entries(item, object, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (i)
			fputs(", ", to);
		item->format(item, entries + i * item->size, to);
	}
}

void config_item_format(const struct config_item *item, const void *object, FILE *to)
{
	char duration[16];
	bool flag;

	switch (item->type) {
	case CONFIG_TYPE_NUMBER:
		/* An absent number or duration is stored as 0, below the minimum. */
		if (item_value(item, object) >= item->min)
			fprintf(to, "%u", item_value(item, object));
		break;
	case CONFIG_TYPE_DURATION:
		if (item_value(item, object) >= item->min)
			fputs(config_scalar_duration_format(item_value(item, object), duration),
			      to);
		break;
	case CONFIG_TYPE_BOOL:
		memcpy(&flag, (const char *)object + item->offset, sizeof(flag));
		fputs(flag ? "true" : "false", to);
		break;
	case CONFIG_TYPE_WORD:
		fputs(item_word(item, item_value(item, object)), to);
		break;
	case CONFIG_TYPE_TEXT:
		if (item->format)
			item->format(item, object, to);
		break;
	case CONFIG_TYPE_LIST:
		item_format_list(item, object, to);
		break;
	default:
		break;
	}
}
