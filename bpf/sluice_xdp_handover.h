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

#define LB_XDP_LOCK_NONE 1u /* no free lock has a holder in its low bits */

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

/*
 * Take the lock from a dead worker, which would see another term. @seen: the lock word with which
 * it holds it. Return: the lock word to free it with, or LB_XDP_LOCK_NONE: another CPU was faster.
 */
static __always_inline uint32_t lb_xdp_lock_rob(struct lb_handover *queue, uint32_t queue_id,
						uint32_t seen)
{
	uint32_t free = (seen & ~LB_HANDOVER_HOLDER) + LB_HANDOVER_TERM;

	if (__sync_val_compare_and_swap(&queue->lock, seen, free | LB_HELD_BY_XDP) != seen)
		return LB_XDP_LOCK_NONE;
	if (queue->journal.is_open)
		lb_xdp_recover(queue_id);
	return free;
}

/*
 * Try once to take the lock; a worker whose heartbeat is stale is not waited for. A function, so
 * that the loop has a shape that Linux 6.1 accepts. Return: as lb_xdp_lock_rob().
 */
__attribute__((noinline)) uint32_t lb_xdp_lock_turn(uint32_t queue_id, uint64_t now_ns)
{
	struct lb_handover *queue = lb_xdp_at(&xdp_queues, queue_id);
	uint32_t seen;

	if (!queue)
		return LB_XDP_LOCK_NONE;
	seen = lb_xdp_lock_is(queue);
	if ((seen & LB_HANDOVER_HOLDER) == LB_HELD_BY_NOBODY)
		return lb_xdp_lock_try(queue, seen, LB_HELD_BY_XDP) ? seen : LB_XDP_LOCK_NONE;
	if ((seen & LB_HANDOVER_HOLDER) == LB_HELD_BY_WORKER &&
	    !lb_handover_is_beating(queue, lb_load_acquire(&queue->process), now_ns))
		return lb_xdp_lock_rob(queue, queue_id, seen);
	return LB_XDP_LOCK_NONE;
}

/*
 * The lock is taken neither from a worker that is alive, whether or not handover allows it, nor from
 * this program on another CPU, which a hypervisor may have stopped: two writers would lose counts.
 * A holder that has kept one packet waiting for nothing keeps no other one until the clock has
 * advanced.
 * Return: as lb_xdp_lock_rob().
 */
__attribute__((noinline)) uint32_t lb_xdp_lock_wait(uint32_t queue_id, uint64_t now_ns)
{
	struct lb_handover *queue = lb_xdp_at(&xdp_queues, queue_id);
	uint32_t free = LB_XDP_LOCK_NONE, tries = LB_XDP_LOCK_TRIES;

	if (!queue)
		return LB_XDP_LOCK_NONE;
	if (queue->in_vain_ns == now_ns)
		tries = 1;
	for (uint32_t i = 0; i < LB_XDP_LOCK_TRIES && free == LB_XDP_LOCK_NONE; i++) {
		if (i >= tries)
			break;
		free = lb_xdp_lock_turn(queue_id, now_ns);
	}
	if (free == LB_XDP_LOCK_NONE)
		queue->in_vain_ns = now_ns;
	return free;
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
		queue->by_xdp = 1;
		queue->takeovers++;
		free += LB_HANDOVER_TERM;
		lb_store_release(&queue->lock, free | LB_HELD_BY_XDP);
	}
	return free;
}

/* Nobody takes the lock from this program. */
static __always_inline void lb_xdp_unlock(struct lb_handover *queue, uint32_t free)
{
	lb_store_release(&queue->lock, free);
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
