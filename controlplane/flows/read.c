/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/read.h"

#include "dataplane/core/lb_table.h"

#define TRIES 16

const char *flows_state_name(uint32_t state)
{
	static const char *const names[LB_FLOW_STATES] = {
		[LB_FLOW_FREE] = "free",
		[LB_FLOW_UNCONFIRMED] = "unconfirmed",
		[LB_FLOW_ESTABLISHED] = "established",
		[LB_FLOW_FIN] = "fin",
		[LB_FLOW_CLOSED] = "closed",
	};

	return state < LB_FLOW_STATES ? names[state] : "unknown";
}

/* Of one reading. */
static struct flows_record read_once(const struct lb_bucket *bucket, uint32_t slot, uint64_t key)
{
	return (struct flows_record){
		.key = key,
		.home = lb_load_acquire(&bucket->home[slot]),
		.seen = lb_load_acquire(&bucket->seen[slot]),
		.state = (uint8_t)(lb_load_acquire(&bucket->meta) >> (slot * 4) & 7),
	};
}

/* Of a slot that is written a key is cleared first and set last (lb_bucket_put()). */
enum flows_read flows_read_slot(const struct flows_view *view, const struct lb_bucket *bucket,
				uint32_t slot, struct flows_record *record)
{
	for (uint32_t i = 0; i < TRIES; i++) {
		uint64_t key = lb_load_acquire(&bucket->key[slot]);

		if (!key)
			return FLOWS_NOT_FOUND;
		*record = read_once(bucket, slot, key);
		record->seen = flows_view_seen(view, record->seen);
		if (lb_load_acquire(&bucket->key[slot]) == key && record->state != LB_FLOW_FREE)
			return FLOWS_FOUND;
	}
	return FLOWS_UNSTABLE;
}

static enum flows_read find_once(const struct flows_view *view, uint32_t region, uint64_t key,
				 uint64_t spread, struct flows_record *record)
{
	const struct flows_region *from = &view->region[region];
	const struct lb_table table = {
		.bucket = (struct lb_bucket *)(uintptr_t)from->bucket, /* only read */
		.n_buckets = from->n_buckets,
	};
	enum flows_read read;
	struct lb_flow_ref ref;

	if (!lb_table_find(&table, key, spread, &ref))
		return FLOWS_NOT_FOUND;
	read = flows_read_slot(view, ref.bucket, ref.slot, record);
	record->region = region;
	return read == FLOWS_FOUND && record->key != key ? FLOWS_UNSTABLE : read;
}

/* A flow that is relocated to its first bucket just then is missed once. */
enum flows_read flows_read_find(const struct flows_view *view, uint32_t region, uint64_t key,
				uint64_t spread, struct flows_record *record)
{
	enum flows_read read = find_once(view, region, key, spread, record);

	for (uint32_t i = 0; i < TRIES && read == FLOWS_UNSTABLE; i++)
		read = find_once(view, region, key, spread, record);
	return read == FLOWS_NOT_FOUND ? find_once(view, region, key, spread, record) : read;
}
