/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/services_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 16
#define SLOTS_PER_ENTRY 4
#define SEEDS_PER_SIZE 256

static int entry_compare(const void *left, const void *right)
{
	const struct lb_service *a = left, *b = right;
	int order = (int)a->family - (int)b->family;

	if (order == 0)
		order = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (order == 0)
		order = (int)lb_be16_to_cpu(a->port) - (int)lb_be16_to_cpu(b->port);
	return order ? order : (int)a->proto - (int)b->proto;
}

static uint32_t entry_hash(const struct lb_service *s, uint32_t seed)
{
	return s->family == 4 ? lb_service_hash4(lb_load32(s->addr), s->port, s->proto, seed)
			      : lb_service_hash6(s->addr, s->port, s->proto, seed);
}

static bool table_put(struct lb_service_table *table, const struct lb_service *entry)
{
	uint32_t at = entry_hash(entry, table->seed);

	for (uint32_t probe = 0; probe < LB_SERVICE_PROBES; probe++, at++) {
		struct lb_service *slot = &table->slot[at & table->mask];

		if (slot->family == 0) {
			*slot = *entry;
			return true;
		}
	}
	return false;
}

static bool table_fill(struct lb_service_table *table, const struct lb_service *entries, uint32_t n,
		       uint32_t seed)
{
	table->seed = seed;
	memset(table->slot, 0, ((size_t)table->mask + 1) * sizeof(table->slot[0]));
	for (uint32_t i = 0; i < n; i++)
		if (!table_put(table, &entries[i]))
			return false;
	return true;
}

/* Return: NULL and errno ENOMEM or ENOSPC. */
static struct lb_service_table *table_try(const struct lb_service *entries, uint32_t n,
					  uint32_t slots)
{
	struct lb_service_table *table =
		calloc(1, sizeof(*table) + (size_t)slots * sizeof(table->slot[0]));

	if (!table)
		return NULL;
	table->mask = slots - 1;
	table->count = n;
	for (uint32_t i = 0; i < SEEDS_PER_SIZE; i++)
		if (table_fill(table, entries, n, (uint32_t)lb_hash_mix(i)))
			return table;
	free(table);
	errno = ENOSPC;
	return NULL;
}

struct lb_service_table *services_table_build(struct lb_service *entries, uint32_t n,
					      uint32_t *bytes)
{
	struct lb_service_table *table = NULL;
	uint32_t slots = SLOTS_MIN;

	if (n > LB_SERVICES_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if (n > 0)
		qsort(entries, n, sizeof(*entries), entry_compare);
	for (uint32_t i = 1; i < n; i++) {
		if (entry_compare(&entries[i - 1], &entries[i]) == 0) {
			errno = EINVAL;
			return NULL;
		}
	}
	while (slots < SLOTS_PER_ENTRY * n)
		slots *= 2;
	for (; slots <= LB_SERVICE_SLOTS_MAX; slots *= 2) {
		table = table_try(entries, n, slots);
		if (table || errno != ENOSPC)
			break;
	}
	if (table)
		*bytes = (uint32_t)(sizeof(*table) + (size_t)slots * sizeof(table->slot[0]));
	return table;
}
