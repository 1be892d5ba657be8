/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's side of a capture (abi/lb_capture.h). The packet path looks only at whether there is
 * one, once a burst. Context of all functions: the worker.
 */
#ifndef ENGINE_CAPTURE_H
#define ENGINE_CAPTURE_H

#include <rte_mbuf.h>

#include "dataplane/abi/lb_capture.h"

#define CAPTURE_BURST 64

struct capture {
	const struct lb_capture_select *shared; /* sluiced writes it */
	struct lb_capture_ring *ring;		/* the worker's */
	struct lb_capture_select select;	/* as it was when last looked at */
	uint64_t window_end_ns;
	uint32_t left; /* packets that may be copied in this window */
	uint64_t generation;
	uint64_t now_ns;
	uint64_t wanted_bits; /* packets of a burst that may be wanted */
	uint64_t kept_bits;   /* of them, those that are in @kept: no more than may be copied */
	struct lb_capture_record kept[CAPTURE_BURST];
};

/** Follow what sluiced wants. @now_ns: CLOCK_MONOTONIC. Return: whether a capture is on. */
bool capture_look(struct capture *capture, uint64_t now_ns);

/** Before a burst. */
void capture_begin(struct capture *capture, uint64_t generation, uint64_t now_ns);

/** Whether one more may be copied now; if not, it is counted. */
bool capture_may(struct capture *capture);

/** Hand a record to sluiced; lost and counted if there is no room. */
void capture_put(struct capture *capture, const struct lb_capture_record *record);

/** Copy a packet that is dropped, if it is wanted. */
void capture_drop(struct capture *capture, struct rte_mbuf *pkt, enum lb_drop reason);

/** The start of a frame. @first_len: bytes of its first segment, @len: of all. */
void capture_copy(struct lb_capture_record *record, const uint8_t *frame, uint32_t first_len,
		  uint32_t len);

#endif
