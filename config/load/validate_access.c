/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of clients: each prefix once in both lists, and not too many. */
#include "config/load/validator.h"

#include <stdlib.h>
#include <string.h>

#define ACCESS_KEY_MAX 192

struct access_entry {
	const struct config_prefix *prefix;
	const char *list;
	uint32_t index; /* in its list */
	uint32_t order; /* in both */
};

static int access_compare(const struct config_prefix *a, const struct config_prefix *b)
{
	int order = (int)a->address.family - (int)b->address.family;

	if (!order)
		order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
	return order ? order : (int)a->length - (int)b->length;
}

static int access_entry_compare(const void *left, const void *right)
{
	const struct access_entry *a = left, *b = right;
	int order = access_compare(a->prefix, b->prefix);

	return order ? order : a->order < b->order ? -1 : 1;
}

static uint32_t access_collect(struct access_entry *entries, uint32_t n, const char *list,
			       const struct config_prefix *prefixes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, n++)
		entries[n] = (struct access_entry){ &prefixes[i], list, i, n };
	return n;
}

/* @later: the same prefix as @first. */
static void access_fail_double(struct config_validator *validator, const char *service,
			       const struct access_entry *first, const struct access_entry *later)
{
	char key[ACCESS_KEY_MAX], text[CONFIG_NETWORK_STRLEN], where[CONFIG_PLACE_TEXT_MAX];
	const bool same = first->list == later->list;

	snprintf(key, sizeof(key), "services.%s.%s[%u]", service, later->list, later->index);
	config_validator_fail(validator, later->prefix->place, key,
			      config_network_format(later->prefix, text), "%s%s, %s",
			      same ? "listed twice" : "is also in ", same ? "" : first->list,
			      config_error_place(validator->errors, later->prefix->place,
						 first->prefix->place, where));
}

static void access_check_doubles(struct config_validator *validator,
				 const struct config_service *service, uint32_t count)
{
	struct access_entry *entries = calloc(count, sizeof(*entries));
	uint32_t n;

	if (!entries) {
		config_validator_fail(validator, service->place, "services", NULL, "out of memory");
		return;
	}
	n = access_collect(entries, 0, "allow_from", service->allow_from, service->allow_count);
	n = access_collect(entries, n, "deny_from", service->deny_from, service->deny_count);
	qsort(entries, n, sizeof(*entries), access_entry_compare);
	for (uint32_t i = 1; i < n; i++)
		if (access_compare(entries[i - 1].prefix, entries[i].prefix) == 0)
			access_fail_double(validator, service->name, &entries[i - 1], &entries[i]);
	free(entries);
}

static void access_check_service(struct config_validator *validator,
				 const struct config_service *service, uint32_t count)
{
	char key[ACCESS_KEY_MAX];

	if (count > CONFIG_ACCESS_MAX) {
		snprintf(key, sizeof(key), "services.%s.deny_from", service->name);
		config_validator_fail(
			validator,
			service->deny_from[CONFIG_ACCESS_MAX - service->allow_count].place, key,
			NULL, "expected at most %u prefixes with those of allow_from, not %u",
			CONFIG_ACCESS_MAX, count);
		return;
	}
	if (count)
		access_check_doubles(validator, service, count);
}

void config_validate_access(struct config_validator *validator)
{
	const struct config *config = validator->config;
	uint64_t all = 0;

	for (uint32_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];
		uint32_t count = service->allow_count + service->deny_count;

		access_check_service(validator, service, count);
		if (all <= CONFIG_ACCESS_ALL_MAX && all + count > CONFIG_ACCESS_ALL_MAX)
			config_validator_fail(validator, service->place, "services", NULL,
					      "expected at most %u prefixes in allow_from and "
					      "deny_from of all services",
					      CONFIG_ACCESS_ALL_MAX);
		all += count;
	}
}
