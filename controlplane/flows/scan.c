/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/scan.h"

#include <stdlib.h>
#include <string.h>

/* ---- What a key says ---- */

static uint16_t key_service(uint64_t key)
{
	return (uint16_t)(key >> 48);
}

const struct lb_service *scan_service4(const struct flows_view *view,
				       const struct flows_record *record)
{
	const uint32_t instance = record->home & LB_FLOW_INSTANCE;
	const struct lb_service_table *table = view->services;
	const uint16_t id = key_service(record->key);

	for (uint32_t i = 0; table && instance < view->instances.n && i <= table->mask; i++) {
		const struct lb_service *s = &table->slot[i];

		if (s->family == 4 && s->id == id && s->port)
			return s->pool == view->instances.instance[instance].pool ? s : NULL;
	}
	return NULL;
}

void scan_client4(const struct flows_record *record, struct config_address *client, uint16_t *port)
{
	*client = (struct config_address){ .family = 4 };
	lb_store32(client->bytes, (uint32_t)record->key);
	*port = lb_be16_to_cpu((lb_be16)(record->key >> 32));
}

void scan_ids_make(struct scan_ids *ids, const struct flows_view *view)
{
	const struct lb_service_table *table = view->services;

	memset(ids, 0, sizeof(*ids));
	for (uint32_t i = 0; table && i <= table->mask; i++)
		if (table->slot[i].family == 4 && table->slot[i].port)
			ids->pool4[table->slot[i].id] = (uint8_t)(table->slot[i].pool + 1);
}

/* LB_POOLS_MAX: of none. */
static uint32_t pool_of(const struct flows_view *view, const struct flows_record *record)
{
	uint32_t instance = record->home & LB_FLOW_INSTANCE;

	if (instance >= view->instances.n)
		return LB_POOLS_MAX;
	return view->instances.instance[instance].pool;
}

bool scan_is_four(const struct scan_ids *ids, const struct flows_view *view,
		  const struct flows_record *record)
{
	uint8_t pool4 = ids->pool4[key_service(record->key)];

	return pool4 && pool4 == pool_of(view, record) + 1;
}

/* ---- The list: a heap, the shortest idle at its root ---- */

static uint32_t idle_of(const struct scan *scan, const struct flows_view *view, uint32_t i)
{
	return flows_record_idle(view, &scan->list[i]);
}

static void list_swap(struct scan *scan, uint32_t a, uint32_t b)
{
	struct flows_record other = scan->list[a];

	scan->list[a] = scan->list[b];
	scan->list[b] = other;
}

static void list_sink(struct scan *scan, const struct flows_view *view)
{
	for (uint32_t at = 0, least;; at = least) {
		uint32_t left = 2 * at + 1, right = left + 1;

		least = at;
		if (left < scan->listed && idle_of(scan, view, left) < idle_of(scan, view, least))
			least = left;
		if (right < scan->listed && idle_of(scan, view, right) < idle_of(scan, view, least))
			least = right;
		if (least == at)
			return;
		list_swap(scan, at, least);
	}
}

static void list_add(struct scan *scan, const struct flows_view *view,
		     const struct flows_record *record, uint32_t limit)
{
	uint32_t at = scan->listed;

	if (limit == 0)
		return;
	if (at == limit) {
		if (flows_record_idle(view, record) <= idle_of(scan, view, 0))
			return;
		scan->list[0] = *record;
		list_sink(scan, view);
		return;
	}
	scan->list[scan->listed++] = *record;
	for (; at && idle_of(scan, view, at) < idle_of(scan, view, (at - 1) / 2); at = (at - 1) / 2)
		list_swap(scan, at, (at - 1) / 2);
}

/* The root goes behind the rest, again and again. */
void scan_end(struct scan *scan, const struct flows_view *view)
{
	const uint32_t n = scan->listed;

	for (; scan->listed > 1; list_sink(scan, view))
		list_swap(scan, 0, --scan->listed);
	scan->listed = n;
}

/* ---- Records ---- */

static bool is_of_client(const struct scan_filter *filter, const struct flows_record *record)
{
	return !filter->client.family || (uint32_t)record->key == lb_load32(filter->client.bytes);
}

/* Whether an IPv4 flow, or one of IPv6, is wanted. */
static bool is_wanted(struct scan *scan, const struct scan_filter *filter,
		      const struct flows_record *record, uint32_t pool, bool is_four)
{
	uint16_t id = key_service(record->key);

	if (filter->instance != LB_INSTANCE_NONE &&
	    (record->home & LB_FLOW_INSTANCE) != filter->instance)
		return false;
	if (is_four)
		return is_of_client(filter, record) &&
		       (!filter->has_service || filter->service[id / 64] >> id % 64 & 1);
	if (filter->has_service && pool < LB_POOLS_MAX && filter->pools >> pool & 1)
		scan->six_unknown++;
	return !filter->client.family && !filter->has_service;
}

static void record_take(struct scan *scan, const struct flows_view *view,
			const struct scan_filter *filter, const struct flows_record *record)
{
	const uint32_t pool = pool_of(view, record);
	const bool is_four = scan_is_four(&scan->ids, view, record);

	if (flows_record_is_moved(record)) {
		scan->moved++;
		return;
	}
	if (flows_record_is_expired(view, record)) {
		scan->expired++;
		return;
	}
	scan->all++;
	if (flows_record_idle(view, record) < filter->older_ticks ||
	    !is_wanted(scan, filter, record, pool, is_four))
		return;
	scan->flows++;
	scan->six += !is_four;
	scan->by_state[record->state % LB_FLOW_STATES]++;
	list_add(scan, view, record, filter->limit);
}

static void bucket_take(struct scan *scan, const struct flows_view *view,
			const struct scan_filter *filter, const struct lb_bucket *bucket)
{
	for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
		struct flows_record record;
		enum flows_read read = flows_read_slot(view, bucket, slot, &record);

		record.region = scan->region;
		if (read == FLOWS_FOUND)
			record_take(scan, view, filter, &record);
		scan->unstable += read == FLOWS_UNSTABLE;
	}
}

bool scan_step(struct scan *scan, const struct flows_view *view, const struct scan_filter *filter,
	       uint32_t max_buckets)
{
	if (!scan->has_begun)
		scan_ids_make(&scan->ids, view);
	scan->has_begun = true;
	for (; max_buckets && scan->region < view->n_regions; max_buckets--) {
		const struct flows_region *region = &view->region[scan->region];

		if (scan->bucket == region->n_buckets) {
			scan->region++;
			scan->bucket = 0;
			continue;
		}
		bucket_take(scan, view, filter, &region->bucket[scan->bucket++]);
	}
	return scan->region == view->n_regions;
}
