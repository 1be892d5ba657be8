/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flow table of one worker or CPU: two buckets for each key, exact counts of flows per
 * instance. One writer, except that a worker that takes a flow over marks its record here as
 * expired (lb_steer_expire()). Others may read with lb_table_peek().
 */
#ifndef LB_TABLE_H
#define LB_TABLE_H

#include "dataplane/core/lb_memory.h"

/* Location of a flow. */
struct lb_flow_ref {
	struct lb_bucket *bucket;
	uint32_t slot;
};

/** Primary bucket of a key's spread (lb_flow_spread()). */
LB_INLINE uint32_t lb_table_primary(const struct lb_table *table, uint64_t spread)
{
	return lb_hash_range((uint32_t)(spread >> 32), table->n_buckets);
}

/*
 * The other bucket of a key. An involution: the sum of both indices follows from the key, so each
 * gives the other.
 */
LB_INLINE uint32_t lb_table_other(const struct lb_table *table, uint64_t spread, uint32_t bucket)
{
	uint32_t sum = lb_hash_range((uint32_t)spread, table->n_buckets);

	return sum >= bucket ? sum - bucket : sum + table->n_buckets - bucket;
}

/**
 * Find a flow.
 * @spread: lb_flow_spread() of @key.
 * Return: false if it is not there.
 */
LB_INLINE bool lb_table_find(const struct lb_table *table, uint64_t key, uint64_t spread,
			     struct lb_flow_ref *ref)
{
	uint32_t primary = lb_table_primary(table, spread);
	struct lb_bucket *bucket = lb_table_bucket(table, primary);
	int slot;

	if (lb_unlikely(!bucket))
		return false;
	slot = lb_bucket_find(bucket, key);
	if (lb_unlikely(slot < 0 && lb_bucket_spill(bucket))) {
		bucket = lb_table_bucket(table, lb_table_other(table, spread, primary));
		if (!bucket)
			return false;
		slot = lb_bucket_find(bucket, key);
	}
	*ref = (struct lb_flow_ref){ .bucket = bucket, .slot = (uint32_t)slot };
	return slot >= 0;
}

/* ---- Changes, one store each, and their counts ---- */

/*
 * Begin a change: a flow counted at instance @from moves to @to. LB_INSTANCE_NONE: it is not in the
 * table before, or after.
 */
LB_INLINE void lb_table_begin(struct lb_table *table, struct lb_flow_ref ref, uint64_t key,
			      uint16_t from, uint16_t to)
{
	struct lb_journal *journal = lb_table_journal(table);

	if (!journal)
		return;
	journal->key = key;
	journal->bucket = lb_table_index(table, ref.bucket);
	journal->slot = (uint16_t)ref.slot;
	journal->instance[0] = from;
	journal->instance[1] = to;
	journal->all = table->stats->flows;
	if (from != LB_INSTANCE_NONE) {
		journal->flows[0] = lb_table_counts(table, from)->flows - 1;
		journal->all--;
	}
	if (to != LB_INSTANCE_NONE)
		journal->flows[1] = lb_table_counts(table, to)->flows;
	LB_WRITTEN();
	journal->is_open = 1;
	LB_WRITTEN();
}

/* Update the counts from the journal. @at: the instance that has the flow, or LB_INSTANCE_NONE. */
LB_INLINE void lb_table_close(struct lb_table *table, struct lb_journal *journal, uint32_t at)
{
	LB_WRITTEN();
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t instance = journal->instance[i];
		struct lb_instance_stats *counts;

		counts = instance == LB_INSTANCE_NONE ? NULL : lb_table_counts(table, instance);
		if (counts)
			counts->flows = journal->flows[i] + (instance == at);
	}
	table->stats->flows = journal->all + (at != LB_INSTANCE_NONE);
	LB_WRITTEN();
	journal->is_open = 0;
	LB_WRITTEN(); /* before the fields of the next change */
}

/* End a change: the store is done. */
LB_INLINE void lb_table_end(struct lb_table *table, uint16_t from, uint16_t to)
{
	struct lb_journal *journal = lb_table_journal(table);
	struct lb_instance_stats *counts;

	if (journal) {
		lb_table_close(table, journal, to);
		if (lb_table_is_lost(table))
			journal->is_doubtful = 1;
		return;
	}
	if (from != LB_INSTANCE_NONE) {
		table->stats->flows--;
		counts = lb_table_counts(table, from);
		if (counts)
			counts->flows--;
	}
	if (to != LB_INSTANCE_NONE) {
		table->stats->flows++;
		counts = lb_table_counts(table, to);
		if (counts)
			counts->flows++;
	}
}

/**
 * Finish a change that its writer was killed in: it has happened if its store was done. The next
 * writer must call this before it writes. A spill may stay one too high, which costs a needless
 * lookup.
 */
LB_INLINE void lb_table_recover(struct lb_table *table, struct lb_journal *journal)
{
	uint32_t slot = journal->slot, at = LB_INSTANCE_NONE;
	struct lb_bucket *bucket;

	if (!journal->is_open || slot >= LB_BUCKET_SLOTS)
		return;
	bucket = lb_table_bucket(table, journal->bucket);
	if (!bucket)
		return;
	if (bucket->key[slot] == journal->key)
		at = lb_bucket_instance(bucket, slot);
	else if (!bucket->key[slot])
		lb_bucket_clear(bucket, slot);
	lb_table_close(table, journal, at);
}

/** Set a flow's home, in which LB_FLOW_MOVED is clear, and move its counts. */
LB_INLINE void lb_table_move(struct lb_table *table, struct lb_flow_ref ref, uint16_t home)
{
	uint16_t before = lb_bucket_instance(ref.bucket, ref.slot);
	uint16_t after = home & LB_FLOW_INSTANCE;

	if (lb_table_is_lost(table))
		return;
	if (before == after) {
		ref.bucket->home[ref.slot] = home;
		return;
	}
	lb_table_begin(table, ref, ref.bucket->key[ref.slot], before, after);
	ref.bucket->home[ref.slot] = home;
	lb_table_end(table, before, after);
}

/* A bucket and its index. */
struct lb_place {
	struct lb_bucket *bucket;
	uint32_t index;
	struct lb_victim victim;
};

LB_INLINE struct lb_bucket *lb_table_bucket_other(const struct lb_table *table, uint64_t spread,
						  uint32_t index)
{
	return lb_table_bucket(table, lb_table_other(table, spread, index));
}

/* Write a flow into a free slot. @nibble: as for lb_bucket_put(). */
LB_INLINE void lb_table_put(struct lb_table *table, struct lb_flow_ref ref, uint64_t key,
			    uint16_t home, uint16_t seen, uint32_t nibble)
{
	lb_table_begin(table, ref, key, LB_INSTANCE_NONE, home & LB_FLOW_INSTANCE);
	lb_bucket_put(ref.bucket, ref.slot, key, home, seen, nibble);
	lb_table_end(table, LB_INSTANCE_NONE, home & LB_FLOW_INSTANCE);
}

LB_INLINE void lb_table_clear(struct lb_table *table, struct lb_flow_ref ref)
{
	uint16_t instance = lb_bucket_instance(ref.bucket, ref.slot);

	lb_table_begin(table, ref, ref.bucket->key[ref.slot], instance, LB_INSTANCE_NONE);
	lb_bucket_clear(ref.bucket, ref.slot);
	lb_table_end(table, instance, LB_INSTANCE_NONE);
}

/*
 * Free a slot. If its flow was away, decrement the spill of its primary bucket afterwards: a spill
 * that is too low would hide other flows.
 */
LB_INLINE void lb_table_release(struct lb_table *table, struct lb_bucket *bucket, uint32_t index,
				uint32_t slot, const struct lb_secret *secret)
{
	bool is_away = lb_bucket_is_away(bucket, slot);
	uint64_t key = bucket->key[slot];
	struct lb_bucket *primary;

	lb_table_clear(table, (struct lb_flow_ref){ bucket, slot });
	if (!is_away)
		return;
	primary = lb_table_bucket_other(table, lb_flow_spread(secret, key), index);
	if (primary)
		lb_bucket_spill_sub(primary);
}

struct lb_flow_insert {
	uint64_t key;
	uint64_t spread; /* lb_flow_spread() of @key */
	uint16_t home;
	uint16_t now;	/* tick */
	bool may_evict; /* if there is no other place, evict the longest idle confirmed flow */
	const struct lb_secret *secret; /* to find the other bucket of relocated flows */
	const struct lb_flow_timeouts *timeouts;
};

LB_INLINE void lb_table_count_eviction(struct lb_table *table, enum lb_slot_rank rank)
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

/* Evict the victim of a place. Return: its slot. */
LB_INLINE uint32_t lb_table_take(struct lb_table *table, const struct lb_place *place,
				 const struct lb_secret *secret)
{
	enum lb_slot_rank rank = lb_victim_rank(place->victim);
	uint32_t slot = lb_victim_slot(place->victim);

	if (slot >= LB_BUCKET_SLOTS) /* never true; for the verifier */
		return 0;
	/* Linux 6.1 does not know the bound of a copy that was put on the stack before. */
	LB_OPAQUE(slot);
	if (rank != LB_SLOT_FREE) {
		lb_table_count_eviction(table, rank);
		lb_table_release(table, place->bucket, place->index, slot, secret);
	}
	return slot;
}

/* Move one flow of a bucket to its other bucket, if that has a free slot or an unconfirmed flow. */
LB_INLINE bool lb_table_relocate(struct lb_table *table, struct lb_bucket *from, uint32_t index,
				 uint32_t slot, const struct lb_flow_insert *flow)
{
	uint64_t spread = lb_flow_spread(flow->secret, from->key[slot]);
	struct lb_place to = { .index = lb_table_other(table, spread, index) };
	uint32_t room, nibble;

	to.bucket = lb_table_bucket(table, to.index);
	if (to.index == index || !to.bucket)
		return false;
	to.victim = lb_bucket_victim(to.bucket, flow->now, flow->timeouts);
	if (lb_victim_rank(to.victim) >= LB_SLOT_CONFIRMED)
		return false;
	room = lb_table_take(table, &to, flow->secret);
	nibble = lb_bucket_nibble(from, slot);
	if (!(nibble & LB_BUCKET_AWAY))
		lb_bucket_spill_add(from);
	/*
	 * If the writer is killed in between, the flow is there twice, and counted twice, until one
	 * of the two expires.
	 */
	lb_table_put(table, (struct lb_flow_ref){ to.bucket, room }, from->key[slot],
		     from->home[slot], from->seen[slot], nibble ^ LB_BUCKET_AWAY);
	lb_table_clear(table, (struct lb_flow_ref){ from, slot });
	if (nibble & LB_BUCKET_AWAY)
		lb_bucket_spill_sub(to.bucket);
	table->stats->flow_relocated++;
	return true;
}

/*
 * Make room in a bucket that is full of confirmed flows. At rated load a pair of buckets has ten
 * others to relocate to, and nearly all of them have room.
 */
LB_INLINE bool lb_table_make_room(struct lb_table *table, struct lb_place *place,
				  const struct lb_flow_insert *flow)
{
	for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
		if (lb_table_relocate(table, place->bucket, place->index, slot, flow)) {
			place->victim = (struct lb_victim){ slot };
			return true;
		}
	}
	return false;
}

/* Find a place for a new flow, with its victim. Return: false if the flow is not to be recorded. */
LB_INLINE bool lb_table_place(struct lb_table *table, const struct lb_flow_insert *flow,
			      struct lb_place *place)
{
	struct lb_place first = { .index = lb_table_primary(table, flow->spread) };
	struct lb_place second = { .index = lb_table_other(table, flow->spread, first.index) };
	int slot;

	first.bucket = lb_table_bucket(table, first.index);
	if (!first.bucket)
		return false;
	*place = first;
	slot = lb_bucket_find(first.bucket, 0);
	if (lb_likely(slot >= 0)) {
		place->victim = (struct lb_victim){ (uint32_t)slot };
		return true;
	}
	first.victim = lb_bucket_victim(first.bucket, flow->now, flow->timeouts);
	*place = first;
	if (lb_likely(lb_victim_rank(first.victim) <= LB_SLOT_EXPIRED))
		return true;
	second.bucket = lb_table_bucket(table, second.index);
	if (!second.bucket)
		return false;
	second.victim = lb_bucket_victim(second.bucket, flow->now, flow->timeouts);
	if (lb_victim_is_cheaper(second.victim, first.victim))
		*place = second;
	if (lb_victim_rank(place->victim) < LB_SLOT_CONFIRMED)
		return true;
	if (lb_table_make_room(table, &first, flow)) {
		*place = first;
		return true;
	}
	if (second.index != first.index && lb_table_make_room(table, &second, flow)) {
		*place = second;
		return true;
	}
	return flow->may_evict;
}

/**
 * Record a flow that lb_table_find() did not find; it is unconfirmed.
 * Return: false if there was no room: the flow is not recorded, and that is counted.
 */
LB_INLINE bool lb_table_insert(struct lb_table *table, const struct lb_flow_insert *flow)
{
	uint32_t primary = lb_table_primary(table, flow->spread);
	struct lb_place place;
	uint32_t slot, nibble = LB_FLOW_UNCONFIRMED;
	struct lb_bucket *first;

	if (lb_table_is_lost(table) || !lb_table_place(table, flow, &place)) {
		table->stats->flow_table_full++;
		return false;
	}
	slot = lb_table_take(table, &place, flow->secret);
	if (place.index != primary) {
		nibble |= LB_BUCKET_AWAY;
		first = lb_table_bucket(table, primary);
		if (first)
			lb_bucket_spill_add(first);
	}
	lb_table_put(table, (struct lb_flow_ref){ place.bucket, slot }, flow->key, flow->home,
		     flow->now, nibble);
	table->stats->flow_inserts++;
	return true;
}

LB_INLINE uint32_t lb_bucket_peek(const struct lb_bucket *bucket, uint64_t key, uint16_t now,
				  const struct lb_flow_timeouts *timeouts)
{
	for (uint32_t i = 0; i < LB_BUCKET_SLOTS; i++) {
		uint32_t home;

		if (lb_load_acquire(&bucket->key[i]) != key)
			continue;
		home = lb_load_acquire(&bucket->home[i]);
		if ((home & LB_FLOW_MOVED) || lb_bucket_expired(bucket, i, now, timeouts))
			return LB_INSTANCE_NONE;
		if (lb_load_acquire(&bucket->key[i]) == key)
			return home & LB_FLOW_INSTANCE;
	}
	return LB_INSTANCE_NONE;
}

/**
 * The instance of a flow in another worker's table. May miss a flow that is being written; never
 * returns a torn instance, nor that of an expired flow, for which another worker may have a live
 * record (lb_steer_expire()).
 * Return: instance, or LB_INSTANCE_NONE. Context: any thread.
 */
LB_INLINE uint32_t lb_table_peek(const struct lb_table *table, uint64_t key, uint64_t spread,
				 uint16_t now, const struct lb_flow_timeouts *timeouts)
{
	uint32_t primary = lb_table_primary(table, spread);
	const struct lb_bucket *bucket = lb_table_bucket(table, primary);
	uint32_t instance = LB_INSTANCE_NONE;

	if (bucket)
		instance = lb_bucket_peek(bucket, key, now, timeouts);
	if (instance != LB_INSTANCE_NONE)
		return instance;
	bucket = lb_table_bucket(table, lb_table_other(table, spread, primary));
	return bucket ? lb_bucket_peek(bucket, key, now, timeouts) : LB_INSTANCE_NONE;
}

struct lb_sweep {
	const struct lb_secret *secret;
	const struct lb_flow_timeouts *timeouts;
	const struct lb_instances *instances;
	uint16_t now;
};

/** Remove a bucket's expired flows, and those of instances that no longer serve. */
LB_INLINE void lb_table_sweep(struct lb_table *table, struct lb_bucket *bucket, uint32_t index,
			      const struct lb_sweep *sweep)
{
	for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
		if (!bucket->key[slot] || lb_table_is_lost(table))
			continue;
		if (!lb_bucket_expired(bucket, slot, sweep->now, sweep->timeouts) &&
		    lb_instance_has(sweep->instances, bucket->home[slot] & LB_FLOW_INDEX,
				    LB_INSTANCE_SERVES))
			continue;
		table->stats->flow_expired++;
		lb_table_release(table, bucket, index, slot, sweep->secret);
	}
}

#endif
