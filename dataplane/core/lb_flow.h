/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One bucket of the flow table: a cache line with five flows. The table itself
 * (where buckets lie, and which two a key may use) belongs to the dataplanes;
 * what may be done to a bucket is decided here, once for both.
 *
 * A flow lives in its primary bucket, or, when that was full, in its secondary
 * one. The primary counts the flows that it sent away (its spill), so that a
 * lookup reads the second line only if there is something to find.
 */
#ifndef LB_FLOW_H
#define LB_FLOW_H

#include "dataplane/core/lb_base.h"
#include "dataplane/core/lb_wire.h"

#define LB_BUCKET_SLOTS 5
#define LB_FLOW_TICK_MS 100 /* unit of coarse time; 16 bits of it wrap after 6553 s */

enum lb_flow_state {
	LB_FLOW_FREE,
	LB_FLOW_UNCONFIRMED, /* one packet seen: a SYN, or the first of an adopted flow */
	LB_FLOW_ESTABLISHED,
	LB_FLOW_FIN,	/* the client has sent its FIN */
	LB_FLOW_CLOSED, /* a RST was seen; whose is not known, so the flow is kept a moment */
	LB_FLOW_STATES
};

/* Idle time in ticks after which a flow in each state may be forgotten. */
struct lb_flow_timeouts {
	uint16_t ticks[8]; /* by enum lb_flow_state */
};

struct lb_bucket {
	uint64_t key[LB_BUCKET_SLOTS]; /* 0: free */
	uint16_t instance[LB_BUCKET_SLOTS];
	uint16_t seen[LB_BUCKET_SLOTS]; /* tick of the last packet */
	uint32_t meta; /* per slot 3 bits of state and the away bit; then 12 bits of spill */
} LB_ALIGNED(64);

LB_STATIC_ASSERT(sizeof(struct lb_bucket) == 64, "a bucket is a cache line");

#define LB_BUCKET_AWAY 8u /* in a slot's nibble: this is the flow's secondary bucket */
#define LB_BUCKET_SPILL_SHIFT 20
#define LB_BUCKET_SPILL_MAX 4095u

/* A flow packet as the state machine sees it. */
enum lb_flow_event { LB_FLOW_EVENT_DATA, LB_FLOW_EVENT_SYN, LB_FLOW_EVENT_FIN, LB_FLOW_EVENT_RST };

LB_INLINE enum lb_flow_event lb_flow_event(uint8_t tcp_flags)
{
	if (lb_likely(!(tcp_flags & (LB_TCP_SYN | LB_TCP_FIN | LB_TCP_RST))))
		return LB_FLOW_EVENT_DATA;
	if (tcp_flags & LB_TCP_RST)
		return LB_FLOW_EVENT_RST;
	return tcp_flags & LB_TCP_FIN ? LB_FLOW_EVENT_FIN : LB_FLOW_EVENT_SYN;
}

/*
 * The next state, by event and state: a nibble each. A SYN on a finished flow
 * starts another one with the same ports. Any packet but a RST reopens a closed
 * flow: the RST was not the client's own, or the instance did not believe it.
 */
LB_INLINE enum lb_flow_state lb_flow_next(enum lb_flow_event event, enum lb_flow_state state)
{
	/* nibbles from the right: free, unconfirmed, established, fin, closed */
	const uint32_t data = 0x23220, syn = 0x11210, fin = 0x33330, rst = 0x44440;
	uint32_t row = event == LB_FLOW_EVENT_DATA  ? data
		       : event == LB_FLOW_EVENT_SYN ? syn
		       : event == LB_FLOW_EVENT_FIN ? fin
						    : rst;

	return (enum lb_flow_state)(row >> ((uint32_t)state * 4) & 7);
}

LB_INLINE enum lb_flow_state lb_bucket_state(const struct lb_bucket *bucket, uint32_t slot)
{
	return (enum lb_flow_state)(bucket->meta >> (slot * 4) & 7);
}

LB_INLINE bool lb_bucket_is_away(const struct lb_bucket *bucket, uint32_t slot)
{
	return bucket->meta >> (slot * 4) & LB_BUCKET_AWAY;
}

/** Change a slot's state and keep its away bit. */
LB_INLINE void lb_bucket_state_set(struct lb_bucket *bucket, uint32_t slot,
				   enum lb_flow_state state)
{
	bucket->meta = (bucket->meta & ~(7u << (slot * 4))) | (uint32_t)state << (slot * 4);
}

LB_INLINE uint32_t lb_bucket_spill(const struct lb_bucket *bucket)
{
	return bucket->meta >> LB_BUCKET_SPILL_SHIFT;
}

/* A count that once reached its maximum stays there: a second line is read in vain, no more. */
LB_INLINE void lb_bucket_spill_add(struct lb_bucket *bucket)
{
	if (lb_bucket_spill(bucket) < LB_BUCKET_SPILL_MAX)
		bucket->meta += 1u << LB_BUCKET_SPILL_SHIFT;
}

LB_INLINE void lb_bucket_spill_sub(struct lb_bucket *bucket)
{
	uint32_t spill = lb_bucket_spill(bucket);

	if (spill > 0 && spill < LB_BUCKET_SPILL_MAX)
		bucket->meta -= 1u << LB_BUCKET_SPILL_SHIFT;
}

/** Slot of @key, or -1. Portable; a dataplane may have a faster equal. */
LB_INLINE int lb_bucket_find(const struct lb_bucket *bucket, uint64_t key)
{
	for (int i = 0; i < LB_BUCKET_SLOTS; i++)
		if (bucket->key[i] == key)
			return i;
	return -1;
}

/** Idle time of a slot in ticks, right for up to 65535 of them. */
LB_INLINE uint16_t lb_bucket_idle(const struct lb_bucket *bucket, uint32_t slot, uint16_t now)
{
	return (uint16_t)(now - bucket->seen[slot]);
}

LB_INLINE bool lb_bucket_expired(const struct lb_bucket *bucket, uint32_t slot, uint16_t now,
				 const struct lb_flow_timeouts *timeouts)
{
	return lb_bucket_idle(bucket, slot, now) > timeouts->ticks[lb_bucket_state(bucket, slot)];
}

/* What a slot is worth to those who look for room; the lowest is taken first. */
enum lb_slot_rank {
	LB_SLOT_FREE,
	LB_SLOT_EXPIRED,
	LB_SLOT_CLOSED,
	LB_SLOT_UNCONFIRMED,
	LB_SLOT_CONFIRMED,
	LB_SLOT_NONE, /* nothing there at all */
};

LB_INLINE enum lb_slot_rank lb_bucket_rank(const struct lb_bucket *bucket, uint32_t slot,
					   uint16_t now, const struct lb_flow_timeouts *timeouts)
{
	enum lb_flow_state state = lb_bucket_state(bucket, slot);

	if (state == LB_FLOW_FREE)
		return LB_SLOT_FREE;
	if (lb_bucket_expired(bucket, slot, now, timeouts))
		return LB_SLOT_EXPIRED;
	if (state == LB_FLOW_CLOSED)
		return LB_SLOT_CLOSED;
	return state == LB_FLOW_UNCONFIRMED ? LB_SLOT_UNCONFIRMED : LB_SLOT_CONFIRMED;
}

/* The cheapest slot of a bucket: lowest rank, then longest idle, then leftmost. */
struct lb_victim {
	uint8_t rank; /* enum lb_slot_rank */
	uint8_t slot;
	uint16_t idle;
};

LB_INLINE bool lb_victim_is_cheaper(struct lb_victim a, struct lb_victim b)
{
	return a.rank != b.rank ? a.rank < b.rank : a.idle > b.idle;
}

LB_INLINE struct lb_victim lb_bucket_victim(const struct lb_bucket *bucket, uint16_t now,
					    const struct lb_flow_timeouts *timeouts)
{
	struct lb_victim best = { .rank = LB_SLOT_NONE };

	for (uint32_t i = 0; i < LB_BUCKET_SLOTS; i++) {
		struct lb_victim v = { .rank = (uint8_t)lb_bucket_rank(bucket, i, now, timeouts),
				       .slot = (uint8_t)i };

		v.idle = v.rank == LB_SLOT_FREE ? 0 : lb_bucket_idle(bucket, i, now);
		if (lb_victim_is_cheaper(v, best))
			best = v;
	}
	return best;
}

/** Write a flow into a slot; whoever was there has been accounted for. */
LB_INLINE void lb_bucket_put(struct lb_bucket *bucket, uint32_t slot, uint64_t key,
			     uint16_t instance, uint16_t now)
{
	bucket->key[slot] = key;
	bucket->instance[slot] = instance;
	bucket->seen[slot] = now;
	bucket->meta = (bucket->meta & ~(0xfu << (slot * 4))) |
		       (uint32_t)LB_FLOW_UNCONFIRMED << (slot * 4);
}

LB_INLINE void lb_bucket_clear(struct lb_bucket *bucket, uint32_t slot)
{
	bucket->key[slot] = 0;
	bucket->meta &= ~(0xfu << (slot * 4));
}

LB_INLINE void lb_bucket_away_set(struct lb_bucket *bucket, uint32_t slot)
{
	bucket->meta |= LB_BUCKET_AWAY << (slot * 4);
}

#endif
