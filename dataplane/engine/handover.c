/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/handover.h"

#include <rte_pause.h>

/* Held for longer only if the kernel is stalled in mid-packet. */
#define TRIES 1000000

bool handover_start(struct handover *handover)
{
	uint32_t lock = __atomic_load_n(&handover->queue->lock, __ATOMIC_ACQUIRE), holder;

	for (;;) {
		holder = lock & LB_HANDOVER_HOLDER;
		if (holder == LB_HELD_BY_XDP || holder == LB_HELD_BY_SWEEP) {
			/* which has the journal, too; both are short */
			rte_pause();
			lock = __atomic_load_n(&handover->queue->lock, __ATOMIC_ACQUIRE);
			continue;
		}
		handover->term = lock & ~LB_HANDOVER_HOLDER;
		if (holder == LB_HELD_BY_NOBODY && !handover->queue->journal.is_open)
			return false;
		handover->term += LB_HANDOVER_TERM;
		if (__atomic_compare_exchange_n(&handover->queue->lock, &lock,
						handover_held(handover), false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return true;
	}
}

bool handover_lock(struct handover *handover)
{
	for (uint32_t i = 0; i < TRIES; i++) {
		uint32_t free = handover->term;

		if (__atomic_compare_exchange_n(&handover->queue->lock, &free,
						free | LB_HELD_BY_WORKER, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
		if ((free & ~LB_HANDOVER_HOLDER) != handover->term)
			return false;
		rte_pause();
	}
	return false;
}
