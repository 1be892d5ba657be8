/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/lb_access.h"
#include "dataplane/core/lb_service_find.h"

#define NESTED_MAX 130 /* prefixes around an address: one of each length, and room */

__extension__ typedef unsigned __int128 access_number;

/* Addresses as numbers; of IPv4 in the low 32 bits. */
struct access_prefix {
	access_number first, last;
	uint32_t rule;
};

/* Words being written. */
struct access_draft {
	uint64_t *word;
	uint32_t n;
};

/* The ranges of a family. */
struct access_ranges {
	struct access_draft *draft;
	uint8_t family;
	uint32_t count;
	access_number first; /* of the last one */
};

static uint32_t words_of(uint8_t family)
{
	return family == 4 ? 1 : LB_ACCESS_WORDS_IPV6;
}

/* One that begins where the last one does replaces it: it is of a longer prefix. */
static void range_put(struct access_ranges *ranges, access_number first, uint32_t rule)
{
	struct access_draft *draft = ranges->draft;

	if (ranges->count && ranges->first == first) {
		ranges->count--;
		draft->n -= words_of(ranges->family);
	}
	ranges->first = first;
	ranges->count++;
	if (ranges->family == 4) {
		draft->word[draft->n++] = (uint64_t)first << LB_ACCESS_HALF_SHIFT | rule;
		return;
	}
	draft->word[draft->n++] = (uint64_t)(first >> 64);
	draft->word[draft->n++] = (uint64_t)first;
	draft->word[draft->n++] = rule;
}

static uint32_t bits_of(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

static access_number last_of(uint8_t family)
{
	return ~(access_number)0 >> (128 - bits_of(family));
}

static struct access_prefix prefix_make(const struct config_prefix *from, uint32_t flags)
{
	uint32_t bits = bits_of(from->address.family);
	struct access_prefix to = { .rule = flags | LB_ACCESS_LISTED | from->length };

	for (uint32_t i = 0; i < bits / 8; i++)
		to.first = to.first << 8 | from->address.bytes[i];
	to.last = to.first;
	if (from->length < bits)
		to.last |= ((access_number)1 << (bits - from->length)) - 1;
	return to;
}

static uint32_t prefixes_add(struct access_prefix *list, uint32_t n, uint8_t family,
			     const struct config_prefix *from, uint32_t count, uint32_t flags)
{
	for (uint32_t i = 0; i < count; i++)
		if (from[i].address.family == family)
			list[n++] = prefix_make(&from[i], flags);
	return n;
}

/* A prefix comes before those that lie in it. */
static int prefix_compare(const void *left, const void *right)
{
	const struct access_prefix *a = left, *b = right;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->last > b->last ? -1 : a->last < b->last;
}

/* @fallback: the rule where no prefix is. Return: the number of ranges. */
static uint32_t ranges_write(struct access_draft *draft, uint8_t family,
			     const struct access_prefix *list, uint32_t n, uint32_t fallback)
{
	struct access_ranges ranges = { .draft = draft, .family = family };
	const struct access_prefix *around[NESTED_MAX] = { NULL };
	uint32_t depth = 0;

	range_put(&ranges, 0, fallback);
	for (uint32_t i = 0; i <= n; i++) {
		while (depth && (i == n || around[depth - 1]->last < list[i].first)) {
			access_number last = around[--depth]->last;

			if (last != last_of(family))
				range_put(&ranges, last + 1,
					  depth ? around[depth - 1]->rule : fallback);
		}
		if (i == n)
			break;
		if (depth < NESTED_MAX)
			around[depth++] = &list[i];
		range_put(&ranges, list[i].first, list[i].rule);
	}
	return ranges.count;
}

/* Return: where they are named. */
static uint32_t lists_write(struct access_draft *draft, const struct config_service *service,
			    struct access_prefix *list)
{
	static const uint8_t families[] = { 4, 6 };
	uint32_t fallback = service->allow_count ? LB_ACCESS_DENIED : 0, at = draft->n;

	draft->n += 2;
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t first = draft->n;
		uint32_t n = prefixes_add(list, 0, families[i], service->allow_from,
					  service->allow_count, 0);

		n = prefixes_add(list, n, families[i], service->deny_from, service->deny_count,
				 LB_ACCESS_DENIED);
		if (n)
			qsort(list, n, sizeof(*list), prefix_compare);
		draft->word[at + i] = first << LB_ACCESS_HALF_SHIFT |
				      ranges_write(draft, families[i], list, n, fallback);
	}
	return at;
}

static const struct lb_service *entry_of(const struct lb_service_table *table,
					 const struct config_service *service, uint32_t vip,
					 uint32_t listener)
{
	const struct config_address *address = &service->vips[vip].address;
	lb_be16 port = lb_cpu_to_be16(service->listeners[listener].port);

	if (address->family == 4)
		return lb_service_find4(table, lb_load32(address->bytes), port, LB_IPPROTO_TCP);
	return lb_service_find6(table, address->bytes, port, LB_IPPROTO_TCP);
}

static int listener_compare(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* @listeners: the words of the directory, and how many there are. */
static void service_write(struct access_draft *draft, const struct lb_service_table *table,
			  const struct config_service *service, struct access_prefix *list,
			  uint64_t *listeners)
{
	uint64_t at = lists_write(draft, service, list);

	for (uint32_t i = 0; i < service->vip_count; i++)
		for (uint32_t j = 0; j < service->listener_count; j++)
			listeners[++listeners[0]] = (uint64_t)entry_of(table, service, i, j)->id
							    << LB_ACCESS_ID_SHIFT |
						    at;
}

/* The prefixes of the longest lists, the listeners, and how many words there may be. */
struct access_size {
	uint32_t prefixes, listeners, words;
};

static struct access_size size_of(const struct config *config)
{
	struct access_size size = { .words = 1 };

	for (uint32_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];
		uint32_t prefixes = service->allow_count + service->deny_count;

		if (!prefixes)
			continue;
		if (prefixes > size.prefixes)
			size.prefixes = prefixes;
		size.listeners += service->vip_count * service->listener_count;
		/* both families' names and first ranges; each prefix begins and ends one */
		size.words += 2 + 1 + LB_ACCESS_WORDS_IPV6 + 2 * LB_ACCESS_WORDS_IPV6 * prefixes;
	}
	size.words += size.listeners;
	return size;
}

static void table_write(struct access_draft *draft, const struct lb_service_table *table,
			const struct config *config, struct access_prefix *list, uint32_t listeners)
{
	draft->n = 1 + listeners;
	for (uint32_t i = 0; i < config->service_count; i++)
		if (config_service_has_lists(&config->services[i]))
			service_write(draft, table, &config->services[i], list, draft->word);
	qsort(&draft->word[1], listeners, sizeof(*draft->word), listener_compare);
	while (draft->n % LB_ACCESS_UNIT)
		draft->word[draft->n++] = 0;
}

int model_access_add(const struct config *config, struct lb_service_table **table, uint32_t *bytes)
{
	const struct access_size size = size_of(config);
	struct access_draft draft = { .n = 0 };
	struct access_prefix *list;
	struct lb_service_table *grown;
	int err = -ENOMEM;

	if (!size.prefixes)
		return 0;
	list = calloc(size.prefixes, sizeof(*list));
	draft.word = calloc(size.words + LB_ACCESS_UNIT, sizeof(*draft.word));
	if (!list || !draft.word)
		goto out;
	table_write(&draft, *table, config, list, size.listeners);
	err = draft.n > LB_ACCESS_WORDS_MAX ? -ENOSPC : -ENOMEM;
	if (err == -ENOSPC)
		goto out;
	grown = realloc(*table, *bytes + draft.n * sizeof(*draft.word));
	if (!grown)
		goto out;
	memcpy((char *)grown + *bytes, draft.word, draft.n * sizeof(*draft.word));
	grown->access_words = draft.n;
	*bytes += draft.n * (uint32_t)sizeof(*draft.word);
	*table = grown;
	err = 0;
out:
	free(list);
	free(draft.word);
	return err;
}
