/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Handover to a DPDK process on the same port (dataplane/abi/lb_handover.h): when to hand a packet
 * over to it, and how to be the only writer of the flow table that both use.
 */
#ifndef BPF_SLUICE_XDP_HANDOVER_H
#define BPF_SLUICE_XDP_HANDOVER_H

#include "bpf/sluice_xdp_maps.h"

#include "dataplane/core/lb_table.h"

/* Longer than a worker's burst takes, unless the worker was preempted. */
#define LB_XDP_LOCK_TRIES 512

/*
 * Result of one try. With LB_XDP_LOCK_OURS the term is returned as well; these values are in place
 * of the holder.
 */
enum lb_xdp_lock_turn {
	LB_XDP_LOCK_WAIT,
	LB_XDP_LOCK_ROB,
	LB_XDP_LOCK_OURS,
};

uint32_t lb_xdp_lock_turn(uint32_t queue_id, uint64_t now_ns);
uint32_t lb_xdp_lock_wait(uint32_t queue_id, uint64_t now_ns);
uint32_t lb_xdp_recover(uint32_t queue_id);

static __always_inline uint32_t lb_xdp_lock_is(const struct lb_handover *queue)
{
	return *(const volatile uint32_t *)&queue->lock;
}

static __always_inline bool lb_xdp_lock_try(struct lb_handover *queue, uint32_t free,
					    enum lb_handover_holder holder)
{
	return __sync_val_compare_and_swap(&queue->lock, free, free | holder) == free;
}

/*
 * Correct the counts of a change that a worker has left unfinished, in the worker's own row, which
 * has no other writer now. To be called with the lock held.
 */
__attribute__((noinline)) uint32_t lb_xdp_recover(uint32_t queue_id)
{
	struct lb_handover *queue = lb_xdp_at(&xdp_queues, queue_id);
	struct lb_worker_stats *stats = lb_xdp_at(&xdp_workers, queue_id);
	struct lb_table table = {
		.stats = stats,
		.first = queue_id * lb_xdp_buckets,
		.n_buckets = lb_xdp_buckets,
		.counts = (lb_xdp_worker_rows + queue_id) * LB_XDP_INSTANCES_MAX,
	};

	if (!queue || !stats)
		return 0;
	lb_table_recover(&table, &queue->journal);
	return 1;
}

#define LB_XDP_LOCK_NONE 1u /* no free lock has a holder in its low bits */

/*
 * Take the lock from its holder, which then sees another term. If several CPUs try at once, one
 * succeeds at each try. Return: the lock word to free it with, or LB_XDP_LOCK_NONE.
 */
static __always_inline uint32_t lb_xdp_lock_rob(struct lb_handover *queue, uint32_t queue_id)
{
	for (uint32_t i = 0; i < LB_XDP_ROB_TRIES && i < lb_xdp_rob_tries; i++) {
		uint32_t seen = lb_xdp_lock_is(queue);
		uint32_t free = (seen & ~LB_HANDOVER_HOLDER) + LB_HANDOVER_TERM;

		if (__sync_val_compare_and_swap(&queue->lock, seen, free | LB_HELD_BY_XDP) != seen)
			continue;
		if (queue->journal.is_open)
			lb_xdp_recover(queue_id);
		return free;
	}
	return LB_XDP_LOCK_NONE;
}

/*
 * Try once to take the lock; a worker whose heartbeat is stale is not waited for. A function, so
 * that the loop has a shape that Linux 6.1 accepts.
 */
__attribute__((noinline)) uint32_t lb_xdp_lock_turn(uint32_t queue_id, uint64_t now_ns)
{
	struct lb_handover *queue = lb_xdp_at(&xdp_queues, queue_id);
	uint32_t seen;

	if (!queue)
		return LB_XDP_LOCK_ROB;
	seen = lb_xdp_lock_is(queue);
	if ((seen & LB_HANDOVER_HOLDER) == LB_HELD_BY_NOBODY)
		return lb_xdp_lock_try(queue, seen, LB_HELD_BY_XDP) ? LB_XDP_LOCK_OURS | seen
								    : LB_XDP_LOCK_WAIT;
	if ((seen & LB_HANDOVER_HOLDER) == LB_HELD_BY_WORKER &&
	    !lb_handover_is_beating(queue, lb_load_acquire(&queue->process), now_ns))
		return LB_XDP_LOCK_ROB;
	return LB_XDP_LOCK_WAIT;
}

/*
 * The lock is not taken from a worker that is alive, whether or not it is the carrier: the change
 * that it is in the middle of would be counted twice. Return: as lb_xdp_lock_rob().
 */
__attribute__((noinline)) uint32_t lb_xdp_lock_wait(uint32_t queue_id, uint64_t now_ns)
{
	struct lb_handover *queue = lb_xdp_at(&xdp_queues, queue_id);
	uint32_t turn = LB_XDP_LOCK_WAIT;

	if (!queue)
		return LB_XDP_LOCK_NONE;
	for (uint32_t i = 0; i < LB_XDP_LOCK_TRIES && turn == LB_XDP_LOCK_WAIT; i++)
		turn = lb_xdp_lock_turn(queue_id, now_ns);
	if (turn & LB_XDP_LOCK_OURS)
		return turn & ~LB_HANDOVER_HOLDER;
	if (turn == LB_XDP_LOCK_WAIT &&
	    (lb_xdp_lock_is(queue) & LB_HANDOVER_HOLDER) == LB_HELD_BY_WORKER)
		return LB_XDP_LOCK_NONE;
	return lb_xdp_lock_rob(queue, queue_id);
}

/* Return: the argument for lb_xdp_unlock(), or LB_XDP_LOCK_NONE: the region must not be written. */
static __always_inline uint32_t lb_xdp_lock(struct lb_handover *queue, uint32_t queue_id,
					    uint64_t now_ns)
{
	uint32_t free = lb_xdp_lock_is(queue) & ~LB_HANDOVER_HOLDER;

	if (lb_unlikely(!lb_xdp_lock_try(queue, free, LB_HELD_BY_XDP)))
		free = lb_xdp_lock_wait(queue_id, now_ns);
	if (lb_unlikely(free == LB_XDP_LOCK_NONE))
		return free;
	if (lb_unlikely(!queue->by_xdp)) {
		uint32_t held = free | LB_HELD_BY_XDP;

		queue->by_xdp = 1;
		queue->takeovers++;
		/*
		 * If the lock was taken from this CPU already, its word is the same as the one
		 * written here: keep the old term then.
		 */
		if (__sync_val_compare_and_swap(&queue->lock, held, held + LB_HANDOVER_TERM) ==
		    held)
			free += LB_HANDOVER_TERM;
	}
	return free;
}

/*
 * Unless it has another holder by now: a hypervisor may stop a CPU in mid-packet for longer than
 * others wait.
 */
static __always_inline void lb_xdp_unlock(struct lb_handover *queue, uint32_t free,
					  enum lb_handover_holder holder)
{
	__sync_val_compare_and_swap(&queue->lock, free | holder, free);
}

/*
 * Hand a packet over to the worker's socket, if there is one and its worker is alive. The heartbeat
 * of a killed process stops at once, while its sockets are closed only some time later.
 */
static __always_inline bool lb_xdp_hand_over(struct lb_handover *queue, uint32_t queue_id,
					     uint64_t now_ns)
{
	if (!lb_handover_is_due(queue, now_ns) ||
	    bpf_redirect_map(&xsks_map, queue_id, 0) != XDP_REDIRECT)
		return false;
	queue->handed_pkts++;
	if (lb_unlikely(queue->by_xdp))
		queue->by_xdp = 0;
	return true;
}

#endif
