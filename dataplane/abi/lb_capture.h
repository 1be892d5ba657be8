/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets copied for `sluicectl capture`, as they were received, with what became of them.
 *
 * sluiced says what it wants, and until when: if it ends, so does the capture. A worker copies what
 * is selected, up to a rate, into a ring of its own; if sluiced reads too slowly, records are lost
 * and counted. The XDP program does the same with a BPF ring buffer.
 */
#ifndef LB_CAPTURE_H
#define LB_CAPTURE_H

#include "dataplane/core/lb_instance.h"
#include "dataplane/core/lb_parse.h"
#include "dataplane/core/lb_verdict.h"

#define LB_CAPTURE_BYTES 256 /* of a frame, from its first one */
#define LB_CAPTURE_RING 1024 /* records; a power of two */
#define LB_CAPTURE_WINDOW_MS 100

/* Written by sluiced. Fields other than @until_ns change only while that is 0. */
struct lb_capture_select {
	uint64_t until_ns;   /* CLOCK_MONOTONIC; 0: off */
	uint32_t verdicts;   /* a bit per enum lb_verdict */
	uint32_t reasons;    /* of drops: a bit per enum lb_drop */
	uint32_t per_window; /* packets that a worker may copy in LB_CAPTURE_WINDOW_MS */
	uint16_t instance;   /* LB_INSTANCE_NONE: any */
	uint8_t family;	     /* of @client; 0: any client */
	uint8_t reserved;
	uint8_t client[16]; /* source address */
};

struct lb_capture_record {
	uint64_t ns;	     /* CLOCK_MONOTONIC */
	uint64_t generation; /* of the tables that decided */
	uint32_t len;	     /* of the frame, bytes */
	uint16_t captured;   /* of them in @data */
	lb_result result;
	uint16_t instance; /* LB_INSTANCE_NONE: none */
	uint16_t reserved[3];
	uint8_t data[LB_CAPTURE_BYTES];
};

/* Of one worker. Each cache line has its own writer. */
struct lb_capture_ring {
	/* the worker */
	uint32_t head;
	uint32_t reserved;
	uint64_t lost;	  /* selected, but the ring was full */
	uint64_t skipped; /* selected, but above the rate */
	/* sluiced */
	uint32_t tail LB_ALIGNED(64);
	/* the worker */
	struct lb_capture_record record[LB_CAPTURE_RING] LB_ALIGNED(64);
};

/** Whether a frame comes from the client that is wanted. @end: of its first segment. */
LB_INLINE bool lb_capture_is_client(const struct lb_capture_select *select, const uint8_t *frame,
				    const uint8_t *end)
{
	const struct lb_eth *eth = (const void *)frame;
	const uint8_t *l3 = frame + sizeof(*eth);
	lb_be16 type;

	if (!select->family)
		return true;
	if (!lb_fits(frame, sizeof(*eth) + sizeof(struct lb_ipv4), end))
		return false;
	type = eth->type;
	if (type == LB_BE16(LB_ETHERTYPE_VLAN)) {
		type = ((const struct lb_vlan *)(const void *)l3)->type;
		l3 += sizeof(struct lb_vlan);
	}
	if (select->family == 4)
		return type == LB_BE16(LB_ETHERTYPE_IPV4) &&
		       lb_fits(l3, sizeof(struct lb_ipv4), end) &&
		       lb_load32(l3 + LB_OFFSETOF(struct lb_ipv4, src)) ==
			       lb_load32(select->client);
	if (type != LB_BE16(LB_ETHERTYPE_IPV6) || !lb_fits(l3, sizeof(struct lb_ipv6), end))
		return false;
	l3 += LB_OFFSETOF(struct lb_ipv6, src);
	return lb_load64(l3) == lb_load64(select->client) &&
	       lb_load64(l3 + 8) == lb_load64(select->client + 8);
}

/** Whether a verdict is wanted. @instance: LB_INSTANCE_NONE: none. */
LB_INLINE bool lb_capture_is_verdict(const struct lb_capture_select *select, uint32_t result,
				     uint32_t instance)
{
	enum lb_verdict verdict = lb_result_verdict((lb_result)result);

	if (!(select->verdicts >> verdict & 1) ||
	    (select->instance != LB_INSTANCE_NONE && select->instance != instance))
		return false;
	return verdict != LB_VERDICT_DROP ||
	       select->reasons >> (lb_result_reason((lb_result)result) & 31) & 1;
}

#endif
