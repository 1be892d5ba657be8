/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/flow_table.h"

#include <string.h>

#define BUCKETS_MIN 64
/* Buckets per flow: five slots at half load. */
#define BUCKETS_NUMERATOR 2
#define BUCKETS_DENOMINATOR 5

static uint32_t buckets_for(uint32_t flows)
{
	uint64_t n = ((uint64_t)flows * BUCKETS_NUMERATOR + BUCKETS_DENOMINATOR - 1) /
		     BUCKETS_DENOMINATOR;

	return n < BUCKETS_MIN ? BUCKETS_MIN : (uint32_t)n;
}

size_t flow_table_bytes(uint32_t flows)
{
	return (size_t)buckets_for(flows) * sizeof(struct lb_bucket);
}

void flow_table_init(struct flow_table *table, void *memory, uint32_t flows,
		     struct lb_worker_stats *stats, struct lb_instance_stats *instance_stats)
{
	*table = (struct flow_table){
		.bucket = memory,
		.n_buckets = buckets_for(flows),
		.stats = stats,
		.instance_stats = instance_stats,
	};
}

bool flow_table_find(const struct flow_table *table, uint64_t key, uint64_t spread,
		     struct flow_ref *ref)
{
	uint32_t primary = flow_table_primary(table, spread);
	struct lb_bucket *bucket = &table->bucket[primary];
	int slot = lb_bucket_find(bucket, key);

	if (slot < 0 && lb_bucket_spill(bucket)) {
		bucket = &table->bucket[flow_table_other(table, spread, primary)];
		slot = lb_bucket_find(bucket, key);
	}
	*ref = (struct flow_ref){ .bucket = bucket, .slot = (uint32_t)slot };
	return slot >= 0;
}

static void flows_add(struct flow_table *table, uint16_t instance)
{
	table->stats->flows++;
	table->instance_stats[instance].flows++;
}

static void flows_sub(struct flow_table *table, uint16_t instance)
{
	table->stats->flows--;
	table->instance_stats[instance].flows--;
}

static struct lb_bucket *bucket_other(const struct flow_table *table, const struct lb_bucket *from,
				      uint64_t spread)
{
	uint32_t index = (uint32_t)(from - table->bucket);

	return &table->bucket[flow_table_other(table, spread, index)];
}

/* Free a slot; its primary bucket learns of it if the flow was away from there. */
static void slot_release(struct flow_table *table, struct lb_bucket *bucket, uint32_t slot,
			 const struct lb_secret *secret)
{
	uint64_t spread;

	flows_sub(table, bucket->instance[slot]);
	if (lb_bucket_is_away(bucket, slot)) {
		spread = lb_flow_spread(secret, bucket->key[slot]);
		lb_bucket_spill_sub(bucket_other(table, bucket, spread));
	}
	lb_bucket_clear(bucket, slot);
}

static void count_eviction(struct flow_table *table, enum lb_slot_rank rank)
{
	if (rank == LB_SLOT_EXPIRED)
		table->stats->flow_expired++;
	else if (rank == LB_SLOT_CLOSED)
		table->stats->flow_evicted_closed++;
	else if (rank == LB_SLOT_UNCONFIRMED)
		table->stats->flow_evicted_unconfirmed++;
	else if (rank == LB_SLOT_CONFIRMED)
		table->stats->flow_evicted_confirmed++;
}

static void slot_take(struct flow_table *table, struct lb_bucket *bucket, struct lb_victim victim,
		      const struct lb_secret *secret)
{
	if (victim.rank == LB_SLOT_FREE)
		return;
	count_eviction(table, (enum lb_slot_rank)victim.rank);
	slot_release(table, bucket, victim.slot, secret);
}

/*
 * Move one flow of a bucket that is full of confirmed ones to its other bucket,
 * if that has room, or an unconfirmed flow to displace. Returns the slot that
 * became free, or -1. At rated load there are ten such other buckets for a pair,
 * and nearly all of them will do.
 */
static int bucket_make_room(struct flow_table *table, struct lb_bucket *from,
			    const struct flow_insert *flow)
{
	for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
		uint64_t spread = lb_flow_spread(flow->secret, from->key[slot]);
		struct lb_bucket *to = bucket_other(table, from, spread);
		struct lb_victim room = lb_bucket_victim(to, flow->now, flow->timeouts);
		bool was_away = lb_bucket_is_away(from, slot);

		if (to == from || room.rank >= LB_SLOT_CONFIRMED)
			continue;
		slot_take(table, to, room, flow->secret);
		lb_bucket_put(to, room.slot, from->key[slot], from->instance[slot],
			      from->seen[slot]);
		lb_bucket_state_set(to, room.slot, lb_bucket_state(from, slot));
		if (was_away) {
			lb_bucket_spill_sub(to);
		} else {
			lb_bucket_away_set(to, room.slot);
			lb_bucket_spill_add(from);
		}
		lb_bucket_clear(from, slot);
		table->stats->flow_relocated++;
		return (int)slot;
	}
	return -1;
}

struct place {
	struct lb_bucket *bucket;
	struct lb_victim victim;
};

/* The last resorts: flows moved aside, then the oldest one forgotten. */
static bool place_make(struct flow_table *table, struct lb_bucket *primary,
		       struct lb_bucket *secondary, const struct flow_insert *flow,
		       struct place *place)
{
	int slot = bucket_make_room(table, primary, flow);

	if (slot >= 0) {
		*place = (struct place){ primary, { .rank = LB_SLOT_FREE, .slot = (uint8_t)slot } };
		return true;
	}
	slot = secondary == primary ? -1 : bucket_make_room(table, secondary, flow);
	if (slot >= 0) {
		*place = (struct place){ secondary,
					 { .rank = LB_SLOT_FREE, .slot = (uint8_t)slot } };
		return true;
	}
	return flow->may_evict;
}

/* A slot for a new flow: whoever is in it has to go. False if it is to go unrecorded. */
static bool place_find(struct flow_table *table, const struct flow_insert *flow,
		       struct place *place)
{
	uint32_t index = flow_table_primary(table, flow->spread);
	struct lb_bucket *primary = &table->bucket[index];
	struct lb_bucket *secondary;
	struct lb_victim other;

	*place = (struct place){ primary, lb_bucket_victim(primary, flow->now, flow->timeouts) };
	if (lb_likely(place->victim.rank <= LB_SLOT_EXPIRED))
		return true;
	secondary = &table->bucket[flow_table_other(table, flow->spread, index)];
	other = lb_bucket_victim(secondary, flow->now, flow->timeouts);
	if (lb_victim_is_cheaper(other, place->victim))
		*place = (struct place){ secondary, other };
	if (place->victim.rank < LB_SLOT_CONFIRMED)
		return true;
	return place_make(table, primary, secondary, flow, place);
}

bool flow_table_insert(struct flow_table *table, const struct flow_insert *flow)
{
	struct lb_bucket *primary = &table->bucket[flow_table_primary(table, flow->spread)];
	struct place place;

	if (!place_find(table, flow, &place)) {
		table->stats->flow_table_full++;
		return false;
	}
	slot_take(table, place.bucket, place.victim, flow->secret);
	lb_bucket_put(place.bucket, place.victim.slot, flow->key, flow->instance, flow->now);
	if (place.bucket != primary) {
		lb_bucket_away_set(place.bucket, place.victim.slot);
		lb_bucket_spill_add(primary);
	}
	flows_add(table, flow->instance);
	table->stats->flow_inserts++;
	return true;
}

void flow_table_move(struct flow_table *table, struct flow_ref ref, uint16_t instance)
{
	flows_sub(table, ref.bucket->instance[ref.slot]);
	flows_add(table, instance);
	ref.bucket->instance[ref.slot] = instance;
}

static uint32_t bucket_peek(const struct lb_bucket *bucket, uint64_t key)
{
	for (uint32_t i = 0; i < LB_BUCKET_SLOTS; i++) {
		uint32_t instance;

		if (__atomic_load_n(&bucket->key[i], __ATOMIC_ACQUIRE) != key)
			continue;
		instance = __atomic_load_n(&bucket->instance[i], __ATOMIC_ACQUIRE);
		if (__atomic_load_n(&bucket->key[i], __ATOMIC_RELAXED) == key)
			return instance;
	}
	return LB_INSTANCE_NONE;
}

uint32_t flow_table_peek(const struct flow_table *table, uint64_t key, uint64_t spread)
{
	uint32_t primary = flow_table_primary(table, spread);
	uint32_t instance = bucket_peek(&table->bucket[primary], key);

	if (instance != LB_INSTANCE_NONE)
		return instance;
	return bucket_peek(&table->bucket[flow_table_other(table, spread, primary)], key);
}

static bool slot_is_stale(const struct lb_bucket *bucket, uint32_t slot,
			  const struct flow_sweep *sweep)
{
	uint16_t instance = bucket->instance[slot];

	return lb_bucket_expired(bucket, slot, sweep->now, sweep->timeouts) ||
	       instance >= sweep->n_instances ||
	       !(sweep->instances[instance].flags & LB_INSTANCE_SERVES);
}

static void bucket_sweep(struct flow_table *table, struct lb_bucket *bucket,
			 const struct flow_sweep *sweep)
{
	for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
		if (lb_bucket_state(bucket, slot) == LB_FLOW_FREE ||
		    !slot_is_stale(bucket, slot, sweep))
			continue;
		table->stats->flow_expired++;
		slot_release(table, bucket, slot, sweep->secret);
	}
}

uint32_t flow_table_sweep(struct flow_table *table, const struct flow_sweep *sweep,
			  uint32_t max_buckets)
{
	uint32_t share = table->n_buckets / FLOW_TABLE_SWEEP_TICKS + 1;
	uint32_t n = share - table->sweep_done < max_buckets ? share - table->sweep_done
							     : max_buckets;

	for (uint32_t i = 0; i < n; i++) {
		bucket_sweep(table, &table->bucket[table->sweep_next], sweep);
		if (++table->sweep_next == table->n_buckets)
			table->sweep_next = 0;
	}
	table->sweep_done += n;
	return n;
}
