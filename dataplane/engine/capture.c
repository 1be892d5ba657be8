/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/capture.h"

#include <string.h>

#include "config/base/clock.h"

bool capture_look(struct capture *c, uint64_t now_ns)
{
	uint64_t until_ns = c->shared ? lb_load_acquire(&c->shared->until_ns) : 0;

	if (until_ns <= now_ns)
		return false;
	c->select = *c->shared;
	if (now_ns >= c->window_end_ns) {
		c->window_end_ns = now_ns + LB_CAPTURE_WINDOW_MS * CLOCK_NS_PER_MS;
		c->left = c->select.per_window;
	}
	return true;
}

void capture_begin(struct capture *c, uint64_t generation, uint64_t now_ns)
{
	c->generation = generation;
	c->now_ns = now_ns;
}

bool capture_may(struct capture *c)
{
	if (lb_unlikely(!c->left)) {
		c->ring->skipped++;
		return false;
	}
	c->left--;
	return true;
}

/* The other process can write to the ring: its places are only used masked. */
void capture_put(struct capture *c, const struct lb_capture_record *record)
{
	struct lb_capture_ring *ring = c->ring;
	uint32_t head = ring->head;
	struct lb_capture_record *to = &ring->record[head % LB_CAPTURE_RING];

	/* Pairs with the release by sluiced, which has copied the record. */
	if (head - lb_load_acquire(&ring->tail) >= LB_CAPTURE_RING) {
		ring->lost++;
		return;
	}
	*to = *record;
	to->ns = c->now_ns;
	to->generation = c->generation;
	lb_store_release(&ring->head, head + 1);
}

void capture_copy(struct lb_capture_record *record, const uint8_t *frame, uint32_t first_len,
		  uint32_t len)
{
	record->len = len;
	record->captured = (uint16_t)RTE_MIN(first_len, (uint32_t)LB_CAPTURE_BYTES);
	memcpy(record->data, frame, record->captured);
}

void capture_drop(struct capture *c, struct rte_mbuf *pkt, enum lb_drop reason)
{
	const uint8_t *frame = rte_pktmbuf_mtod(pkt, const uint8_t *);
	struct lb_capture_record record = {
		.result = lb_result_drop(reason),
		.instance = LB_INSTANCE_NONE,
	};

	if (!lb_capture_is_verdict(&c->select, record.result, LB_INSTANCE_NONE) ||
	    !lb_capture_is_client(&c->select, frame, frame + pkt->data_len) || !capture_may(c))
		return;
	capture_copy(&record, frame, pkt->data_len, pkt->pkt_len);
	capture_put(c, &record);
}
