/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's side of abi/lb_handover.h: send the heartbeat, be the only writer of its region, and
 * detect that the XDP program has taken its place meanwhile.
 * Context: the worker, for all of it. Nothing blocks; a lock is waited for while its holder handles
 * a packet.
 */
#ifndef ENGINE_HANDOVER_H
#define ENGINE_HANDOVER_H

#include "dataplane/abi/lb_handover.h"

struct handover {
	struct lb_handover *queue; /* NULL: the port is used by this process alone */
	uint64_t process;
	uint32_t term; /* in which the worker handles the packets */
};

static inline bool handover_is_on(const struct handover *handover)
{
	return handover->queue != NULL;
}

/** Whether the XDP program has balanced packets itself since handover_follow(). */
static inline bool handover_is_replaced(const struct handover *handover)
{
	uint32_t lock = __atomic_load_n(&handover->queue->lock, __ATOMIC_ACQUIRE);

	return (lock & ~LB_HANDOVER_HOLDER) != handover->term;
}

/** Acknowledge that it has; the next packets are this worker's again. */
static inline void handover_follow(struct handover *handover)
{
	uint32_t lock = __atomic_load_n(&handover->queue->lock, __ATOMIC_ACQUIRE);

	handover->term = lock & ~LB_HANDOVER_HOLDER;
}

/**
 * Clear a predecessor's heartbeat, before there are sockets: if the predecessor has just died, it
 * may still be fresh, and the predecessor may be the one that handover allows. Its packets would be handed over to
 * the sockets of a process without tables.
 * Context: the main lcore; nothing else writes a heartbeat.
 */
static inline void handover_clear(struct lb_handover *queue)
{
	__atomic_store_n(&queue->beat_ns, 0, __ATOMIC_RELEASE);
}

/**
 * Start.
 * Return: whether a predecessor has died in the middle of a burst, or of a change after it had lost
 * the lock. The lock is then this worker's, which must recover the table (lb_table_recover()) and
 * unlock.
 */
bool handover_start(struct handover *handover);

/** Send a heartbeat. @now_ns: CLOCK_MONOTONIC_COARSE; 0: the worker ends. */
static inline void handover_beat(struct handover *handover, uint64_t now_ns)
{
	__atomic_store_n(&handover->queue->process, handover->process, __ATOMIC_RELAXED);
	__atomic_store_n(&handover->queue->beat_ns, now_ns, __ATOMIC_RELEASE);
}

/** Send a heartbeat that asks for no packets. The worker may still hold the lock. */
static inline void handover_beat_quiet(struct handover *handover, uint64_t now_ns)
{
	__atomic_store_n(&handover->queue->process, LB_HANDOVER_NO_PACKETS, __ATOMIC_RELAXED);
	__atomic_store_n(&handover->queue->beat_ns, now_ns, __ATOMIC_RELEASE);
}

/** Whether this process's tables are up to date, so that it may take part. */
static inline bool handover_is_allowed(const struct handover *handover)
{
	return __atomic_load_n(&handover->queue->allowed, __ATOMIC_ACQUIRE) == handover->process;
}

/**
 * Become the region's only writer.
 * Return: false if the worker was replaced, or the holder takes unusually long.
 */
bool handover_lock(struct handover *handover);

/** The lock word while the worker holds the lock. */
static inline uint32_t handover_held(const struct handover *handover)
{
	return handover->term | LB_HELD_BY_WORKER;
}

/**
 * Release the lock.
 * Return: false if it was taken from this worker meanwhile; it may have finished a change since,
 * beside another writer.
 */
static inline bool handover_unlock(struct handover *handover)
{
	uint32_t held = handover_held(handover);

	return __atomic_compare_exchange_n(&handover->queue->lock, &held, handover->term, false,
					   __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

#endif
