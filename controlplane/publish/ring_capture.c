/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/publish/ring_capture.h"

void publish_ring_capture(const struct publish_link *link, const struct lb_capture_select *select)
{
	struct lb_capture_select *to = link->capture_select;

	if (!select) {
		lb_store_release(&to->until_ns, 0);
		return;
	}
	if (!to->until_ns) {
		*to = *select;
		to->until_ns = 0;
	}
	lb_store_release(&to->until_ns, select->until_ns);
}

/* The dataplane can write to all of it: an impossible number of records counts as none. */
static bool ring_take(struct lb_capture_ring *ring, struct lb_capture_record *record)
{
	/* Pairs with the release of the worker, which has written the record. */
	uint32_t tail = ring->tail, head = lb_load_acquire(&ring->head);

	if (head == tail)
		return false;
	if (head - tail > LB_CAPTURE_RING) {
		lb_store_release(&ring->tail, head);
		return false;
	}
	*record = ring->record[tail % LB_CAPTURE_RING];
	lb_store_release(&ring->tail, tail + 1);
	return true;
}

bool publish_ring_capture_next(const struct publish_link *link, struct lb_capture_record *record)
{
	for (uint32_t i = 0; i < link->n_workers; i++)
		if (ring_take(&link->capture[i], record))
			return true;
	return false;
}

void publish_ring_capture_missed(const struct publish_link *link,
				 struct publish_capture_missed *missed)
{
	for (uint32_t i = 0; i < link->n_workers; i++) {
		missed->lost += link->capture[i].lost;
		missed->skipped += link->capture[i].skipped;
	}
}
