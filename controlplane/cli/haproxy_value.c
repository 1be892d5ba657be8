/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of words, notes, and the memory of both. */
#include "controlplane/cli/haproxy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/scalar.h"
#include "config/schema/schema.h"

static void *must(void *memory)
{
	if (!memory)
		abort(); /* a program of a second's life */
	return memory;
}

char *haproxy_keep(struct haproxy *haproxy, const char *text)
{
	uint32_t count = haproxy->string_count;

	haproxy->strings =
		must(reallocarray(haproxy->strings, count + 1, sizeof(*haproxy->strings)));
	haproxy->strings[haproxy->string_count++] = must(strdup(text));
	return haproxy->strings[count];
}

void *haproxy_grow(void *list, uint32_t *count, size_t size)
{
	char *grown = must(reallocarray(list, *count + 1, size));

	memset(grown + *count * size, 0, size);
	++*count;
	return grown;
}

void haproxy_note(struct haproxy *haproxy, struct haproxy_notes *notes, uint32_t line,
		  const char *reason, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	notes->list = haproxy_grow(notes->list, &notes->count, sizeof(*notes->list));
	notes->list[notes->count - 1] = (struct haproxy_note){
		.line = line,
		.text = haproxy_keep(haproxy, text),
		.reason = haproxy_keep(haproxy, reason),
	};
	free(text);
}

int haproxy_number(const char *text, uint32_t max, uint32_t *value)
{
	return config_scalar_number(text, value) || *value > max ? -EINVAL : 0;
}

int haproxy_duration(const char *text, uint32_t *ms)
{
	static const struct {
		const char *unit;
		uint64_t us;
	} units[] = { { "", 1000 },	 { "us", 1 },	      { "ms", 1000 },	   { "s", 1000000 },
		      { "m", 60000000 }, { "h", 3600000000 }, { "d", 86400000000 } };
	const char *end;
	uint32_t value;

	if (config_scalar_number_prefix(text, &value, &end))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t result = value * units[i].us / 1000;

		if (strcmp(end, units[i].unit) != 0)
			continue;
		*ms = result > UINT32_MAX ? UINT32_MAX : (uint32_t)result;
		return 0;
	}
	return -EINVAL;
}

const char *haproxy_cut_port(char *text)
{
	static const char *const families[] = { "ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@" };
	char *colon;
	size_t length;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strncmp(text, families[i], strlen(families[i])) == 0)
			memmove(text, text + strlen(families[i]),
				strlen(text + strlen(families[i])) + 1);
	colon = strrchr(text, ':');
	if (colon && strchr(colon, ']'))
		colon = NULL;
	if (colon)
		*colon++ = '\0';
	length = strlen(text);
	if (*text == '[' && length > 1 && text[length - 1] == ']') {
		memmove(text, text + 1, length - 2);
		text[length - 2] = '\0';
	}
	return colon ? colon : "";
}

bool haproxy_check_takes(const char *key, const char *value, struct config_reason *reason,
			 bool *statuses)
{
	struct config_check check = { .type = CONFIG_CHECK_HTTP };
	const struct config_item *item = config_schema_find(CONFIG_SECTION_CHECK, key);
	int rc = config_item_parse(item, value, &check, reason);

	if (statuses)
		*statuses = check.status_count > 0;
	config_check_fini(&check);
	return rc == 0;
}
