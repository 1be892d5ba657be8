/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One bucket of the flow table: a cache line with five flows. The table itself (where buckets are,
 * and which two a key may use) belongs to the dataplanes; the operations on a bucket are here, once
 * for both.
 *
 * A flow is in its primary bucket or, if that was full, in its secondary bucket. The primary bucket
 * counts the flows displaced from it (its spill), so that a lookup reads the second line only if
 * some were.
 */
#ifndef LB_FLOW_H
#define LB_FLOW_H

#include "dataplane/core/lb_base.h"
#include "dataplane/core/lb_wire.h"

#define LB_BUCKET_SLOTS 5
#define LB_FLOW_TICK_MS 100 /* unit of coarse time; 16 bits of it wrap after 6553 s */
#define LB_FLOW_TICK_NS (LB_FLOW_TICK_MS * 1000000ull)

enum lb_flow_state {
	LB_FLOW_FREE,
	LB_FLOW_UNCONFIRMED, /* one packet seen: a SYN, or the first of an adopted flow */
	LB_FLOW_ESTABLISHED,
	LB_FLOW_FIN,	/* the client has sent its FIN */
	LB_FLOW_CLOSED, /* a RST was seen; its sender is unknown: kept for a moment */
	LB_FLOW_STATES
};

/* Idle time in ticks after which a flow expires, by state. */
struct lb_flow_timeouts {
	uint16_t ticks[8]; /* by enum lb_flow_state */
};

struct lb_bucket {
	uint64_t key[LB_BUCKET_SLOTS];	/* 0: free */
	uint16_t home[LB_BUCKET_SLOTS]; /* LB_FLOW_INSTANCE and the bits above it */
	uint16_t seen[LB_BUCKET_SLOTS]; /* tick of the last packet */
	uint32_t meta; /* per slot 3 bits of state and the away bit; then 12 bits of spill */
} LB_ALIGNED(64);

LB_STATIC_ASSERT(sizeof(struct lb_bucket) == 64, "a bucket is a cache line");

/*
 * A flow's home: the index of its instance; LB_FLOW_MOVED once another worker has adopted the flow,
 * or has found this record stale, which makes the index invalid; bits of the sequence number of its
 * SYN, 0 if that was not seen.
 */
#define LB_FLOW_INSTANCE 0x0fffu
#define LB_FLOW_MOVED 0x1000u
#define LB_FLOW_INDEX (LB_FLOW_INSTANCE | LB_FLOW_MOVED)
#define LB_FLOW_SYN 0xe000u
#define LB_FLOW_SYN_SHIFT 13

#define LB_BUCKET_AWAY 8u /* in a slot's nibble: this is the flow's secondary bucket */
#define LB_BUCKET_SPILL_SHIFT 20
#define LB_BUCKET_SPILL_MAX 4095u

/* A flow packet as the state machine sees it. */
enum lb_flow_event { LB_FLOW_EVENT_DATA, LB_FLOW_EVENT_SYN, LB_FLOW_EVENT_FIN, LB_FLOW_EVENT_RST };

/* By the flags RST, SYN and FIN, a nibble each: RST takes precedence over FIN, FIN over SYN. */
LB_INLINE enum lb_flow_event lb_flow_event(uint8_t tcp_flags)
{
	const uint32_t events = LB_FLOW_EVENT_FIN << 4 * LB_TCP_FIN |
				LB_FLOW_EVENT_SYN << 4 * LB_TCP_SYN |
				LB_FLOW_EVENT_FIN << 4 * (LB_TCP_SYN | LB_TCP_FIN) |
				LB_FLOW_EVENT_RST * 0x1111u << 4 * LB_TCP_RST;
	uint32_t control = tcp_flags & (LB_TCP_SYN | LB_TCP_FIN | LB_TCP_RST);

	return (enum lb_flow_event)(events >> control * 4 & 7);
}

/*
 * The next state for each state other than free: a nibble for each state modulo 4, from the right:
 * closed, unconfirmed, established, fin. Any packet but a RST reopens a closed flow: the RST was
 * not the client's own, or the instance did not accept it. A SYN that begins another flow is
 * handled by the table (lb_steer_begins()).
 */
#define LB_FLOW_STEPS_DATA 0x3222ULL
#define LB_FLOW_STEPS_SYN 0x1211ULL
#define LB_FLOW_STEPS_FIN 0x3333ULL
#define LB_FLOW_STEPS_RST 0x4444ULL

/* All in one word: branch-free. */
LB_INLINE uint16_t lb_flow_steps(enum lb_flow_event event)
{
	const uint64_t all = LB_FLOW_STEPS_DATA | LB_FLOW_STEPS_SYN << 16 |
			     LB_FLOW_STEPS_FIN << 32 | LB_FLOW_STEPS_RST << 48;

	return (uint16_t)(all >> (uint32_t)event * 16);
}

/** The next state. @state: only its lowest two bits count. */
LB_INLINE uint32_t lb_flow_step(uint16_t steps, uint32_t state)
{
	return (uint32_t)steps >> (state & 3) * 4 & 0xf;
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

/* A saturated count stays at its maximum: the only cost is a needless read of the second line. */
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

/** Slot of @key, or -1. Portable; a dataplane may have a faster equivalent. */
LB_INLINE int lb_bucket_find(const struct lb_bucket *bucket, uint64_t key)
{
	for (int i = 0; i < LB_BUCKET_SLOTS; i++)
		if (bucket->key[i] == key)
			return i;
	return -1;
}

/** Index of a flow's instance. */
LB_INLINE uint16_t lb_bucket_instance(const struct lb_bucket *bucket, uint32_t slot)
{
	return bucket->home[slot] & LB_FLOW_INSTANCE;
}

/**
 * The bits of a SYN in a flow's home; two sequence numbers collide in one of seven cases. @seq: as
 * in the packet.
 */
LB_INLINE uint16_t lb_flow_syn(lb_be32 seq)
{
	uint32_t mixed = lb_be32_to_cpu(seq) * 0x9e3779b1u;

	return (uint16_t)((1 + ((uint64_t)mixed * 7 >> 32)) << LB_FLOW_SYN_SHIFT);
}

/** Idle time of a slot in ticks, correct up to 65535. */
LB_INLINE uint16_t lb_bucket_idle(const struct lb_bucket *bucket, uint32_t slot, uint16_t now)
{
	return (uint16_t)(now - bucket->seen[slot]);
}

LB_INLINE bool lb_bucket_expired(const struct lb_bucket *bucket, uint32_t slot, uint16_t now,
				 const struct lb_flow_timeouts *timeouts)
{
	return lb_bucket_idle(bucket, slot, now) > timeouts->ticks[lb_bucket_state(bucket, slot)];
}

/* Eviction rank of a slot; the lowest is evicted first. */
enum lb_slot_rank {
	LB_SLOT_FREE,
	LB_SLOT_EXPIRED,
	LB_SLOT_CLOSED,
	LB_SLOT_UNCONFIRMED,
	LB_SLOT_CONFIRMED,
	LB_SLOT_NONE, /* no slot */
};

/*
 * The victim of a bucket, as one number: lowest rank, then longest idle, then leftmost. One number
 * and few branches also suit the verifier.
 */
struct lb_victim {
	uint32_t cost; /* rank, 16 bits of how recently it was seen, 8 bits of slot */
};

#define LB_VICTIM_NONE ((struct lb_victim){ (uint32_t)LB_SLOT_NONE << 24 })

LB_INLINE enum lb_slot_rank lb_victim_rank(struct lb_victim victim)
{
	return (enum lb_slot_rank)(victim.cost >> 24);
}

/** Slot of the victim, below LB_BUCKET_SLOTS. */
LB_INLINE uint32_t lb_victim_slot(struct lb_victim victim)
{
	return victim.cost & 7;
}

/** Whether victim @a is preferred to victim @b of another bucket. */
LB_INLINE bool lb_victim_is_cheaper(struct lb_victim a, struct lb_victim b)
{
	return a.cost >> 8 < b.cost >> 8;
}

LB_INLINE uint32_t lb_slot_cost(const struct lb_bucket *bucket, uint32_t slot, uint16_t now,
				const struct lb_flow_timeouts *timeouts)
{
	/* ranks by state, nibbles from the right: free, unconfirmed, established, fin, closed */
	const uint32_t ranks = LB_SLOT_FREE | LB_SLOT_UNCONFIRMED << 4 | LB_SLOT_CONFIRMED << 8 |
			       LB_SLOT_CONFIRMED << 12 | LB_SLOT_CLOSED << 16;
	uint32_t state = lb_bucket_state(bucket, slot);
	uint32_t idle = lb_bucket_idle(bucket, slot, now);
	uint32_t rank = ranks >> (state * 4) & 7;

	if (!bucket->key[slot])
		return slot;
	if (idle > timeouts->ticks[state])
		rank = LB_SLOT_EXPIRED;
	return rank << 24 | (0xffff - idle) << 8 | slot;
}

LB_INLINE struct lb_victim lb_bucket_victim(const struct lb_bucket *bucket, uint16_t now,
					    const struct lb_flow_timeouts *timeouts)
{
	struct lb_victim best = LB_VICTIM_NONE;

	LB_UNROLL(5)
	for (uint32_t i = 0; i < LB_BUCKET_SLOTS; i++) {
		uint32_t cost = lb_slot_cost(bucket, i, now, timeouts);

		best.cost = cost < best.cost ? cost : best.cost;
	}
	return best;
}

/**
 * Update a slot's flow for one more packet: its state and its time.
 * @steps: of the packet's event.
 */
LB_INLINE void lb_bucket_step(struct lb_bucket *bucket, uint32_t slot, uint16_t steps, uint16_t now)
{
	uint32_t meta = bucket->meta, state = meta >> (slot * 4);

	bucket->meta = meta ^ ((lb_flow_step(steps, state) ^ state) & 7) << (slot * 4);
	bucket->seen[slot] = now;
}

LB_INLINE void lb_bucket_touch(struct lb_bucket *bucket, uint32_t slot, uint8_t tcp_flags,
			       uint16_t now)
{
	lb_bucket_step(bucket, slot, lb_flow_steps(lb_flow_event(tcp_flags)), now);
}

/* A slot's nibble. */
LB_INLINE uint32_t lb_bucket_nibble(const struct lb_bucket *bucket, uint32_t slot)
{
	return bucket->meta >> (slot * 4) & 0xf;
}

/**
 * Write a flow into a slot that was freed and accounted for.
 * Concurrent readers (lb_bucket_peek(), lb_steer_elsewhere()) that find the key find this home;
 * those that had found the previous key find it cleared.
 * @nibble: its state, and whether it is away.
 */
LB_INLINE void lb_bucket_put(struct lb_bucket *bucket, uint32_t slot, uint64_t key, uint16_t home,
			     uint16_t seen, uint32_t nibble)
{
	lb_store_release(&bucket->home[slot], home); /* after lb_bucket_clear() */
	bucket->seen[slot] = seen;
	bucket->meta = (bucket->meta & ~(0xfu << (slot * 4))) | nibble << (slot * 4);
	lb_store_release(&bucket->key[slot], key);
}

LB_INLINE void lb_bucket_clear(struct lb_bucket *bucket, uint32_t slot)
{
	bucket->key[slot] = 0;
	LB_WRITTEN();
	bucket->meta &= ~(0xfu << (slot * 4));
}

#endif
