/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/metrics/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Accept ---- */

static const char blanks[] = " \t";

/* Whether a range is of a type: "text/plain", "text/@" and "@/@" with asterisks for the signs. */
static bool range_is_of(const char *range, size_t length, const char *type)
{
	const size_t whole = strlen(type), major = (size_t)(strchr(type, '/') - type) + 1;

	if (length == 3 && memcmp(range, "*/*", 3) == 0)
		return true;
	if (length == major + 1 && range[major] == '*')
		return strncasecmp(range, type, major) == 0;
	return length == whole && strncasecmp(range, type, whole) == 0;
}

/* Of the parameters of a range; 1 without one. */
static double quality_of(const char *parameters, size_t length)
{
	const char *at = parameters, *end = parameters + length;

	while ((at = memchr(at, ';', (size_t)(end - at)))) {
		at++;
		at += strspn(at, blanks);
		if (at + 2 <= end && strncasecmp(at, "q=", 2) == 0)
			return strtod(at + 2, NULL);
	}
	return 1;
}

/* The quality of a type; the longest range that it is of counts. */
static double accepted(const char *header, const char *type)
{
	size_t longest = 0;
	double quality = 0;

	while (*header) {
		const size_t whole = strcspn(header, ",");
		const char *range = header + strspn(header, blanks);
		const size_t length = strcspn(range, ";, \t");

		if (length > longest && range_is_of(range, length, type)) {
			longest = length;
			quality = quality_of(range + length,
					     (size_t)(header + whole - range) - length);
		}
		header += whole + (header[whole] == ',');
	}
	return quality;
}

enum metric_format metric_query_format(const char *accept)
{
	static const char open_type[] = "application/openmetrics-text";
	double quality;

	/* Only who names it wants it: a browser's wildcard means text. */
	if (!accept || !strcasestr(accept, open_type))
		return METRIC_PROMETHEUS;
	quality = accepted(accept, open_type);
	return quality > 0 && quality >= accepted(accept, "text/plain") ? METRIC_OPENMETRICS
									: METRIC_PROMETHEUS;
}

/* ---- Query ---- */

static uint32_t scope_tables(const char *scope, size_t length, const struct metric_source *sources,
			     uint32_t count)
{
	uint32_t tables = 0;

	for (uint32_t i = 0; i < count; i++) {
		const char *name = sources[i].table->scope;

		if ((length == 1 && *scope == '*') ||
		    (strlen(name) == length && memcmp(name, scope, length) == 0))
			tables |= 1u << i;
	}
	return tables;
}

static bool is_parameter(const char *text, size_t length, const char *name)
{
	const size_t size = strlen(name);

	return length >= size && memcmp(text, name, size) == 0 &&
	       (length == size || text[size] == '=');
}

int metric_query_parse(const char *text, const struct metric_source *sources, uint32_t count,
		       struct metric_query *query)
{
	static const char scope[] = "scope=";
	bool scoped = false;

	*query = (struct metric_query){ .tables = 0 };
	for (size_t length; text && *text; text += length + (text[length] == '&')) {
		length = strcspn(text, "&");
		if (length >= sizeof(scope) - 1 && memcmp(text, scope, sizeof(scope) - 1) == 0) {
			const char *value = text + sizeof(scope) - 1;
			const size_t size = length - (sizeof(scope) - 1);
			const uint32_t tables = scope_tables(value, size, sources, count);

			if (!tables && size)
				return -EINVAL;
			query->tables |= tables;
			scoped = true;
		} else if (is_parameter(text, length, "no-maint")) {
			query->no_maint = true;
		} else if (length) {
			return -EINVAL;
		}
	}
	if (!scoped)
		query->tables = count < 32 ? (1u << count) - 1 : UINT32_MAX;
	return 0;
}
