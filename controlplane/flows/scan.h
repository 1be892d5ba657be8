/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A walk over all flow tables, in steps: counts, and the flows that have been idle longest.
 *
 * A record names its client only if that has an IPv4 address: of IPv6 it has a keyed fingerprint of
 * address, port and service. Nor does it say which of both it is: those whose key names no IPv4
 * service count as IPv6. An IPv6 flow is taken for one of IPv4 as often as 65,536 ids fall on those
 * in use, and the pool is the same.
 * Pure; the view may be made anew for each step, of the same tables.
 */
#ifndef CONTROLPLANE_FLOWS_SCAN_H
#define CONTROLPLANE_FLOWS_SCAN_H

#include "config/config.h"
#include "controlplane/flows/read.h"

#define SCAN_LIST_MAX 1000

/* IPv4 services by their ids. */
struct scan_ids {
	uint8_t pool4[UINT16_MAX + 1]; /* of such a service, plus 1; 0: there is none */
};

void scan_ids_make(struct scan_ids *ids, const struct flows_view *view);

/** Whether a record is of an IPv4 flow. */
bool scan_is_four(const struct scan_ids *ids, const struct flows_view *view,
		  const struct flows_record *record);

struct scan_filter {
	uint32_t instance;	      /* LB_INSTANCE_NONE: any */
	struct config_address client; /* IPv4; family 0: any */
	bool has_service;
	uint64_t service[(UINT16_MAX + 1) / 64]; /* ids that are wanted, a bit each */
	uint64_t pools;				 /* of these services, a bit each */
	uint32_t older_ticks;			 /* idle for at least this long */
	uint32_t limit;				 /* of the list, at most SCAN_LIST_MAX */
};

struct scan {
	bool has_begun;
	struct scan_ids ids;
	uint32_t region; /* where it goes on */
	uint32_t bucket;
	uint64_t flows; /* that match */
	uint64_t all;	/* live ones */
	uint64_t by_state[LB_FLOW_STATES];
	uint64_t six;	      /* of those that match: of IPv6 */
	uint64_t six_unknown; /* in the pools of the wanted services, of IPv6: perhaps of these */
	uint64_t expired;     /* not removed yet */
	uint64_t moved;	      /* left to another worker */
	uint64_t unstable;    /* written whenever they were read */
	uint32_t listed;
	struct flows_record list[SCAN_LIST_MAX]; /* a heap, until scan_end() */
};

/** Go on. @max_buckets: of this step. Return: whether that was all. */
bool scan_step(struct scan *scan, const struct flows_view *view, const struct scan_filter *filter,
	       uint32_t max_buckets);

/** Sort the list: longest idle first. */
void scan_end(struct scan *scan, const struct flows_view *view);

/** The service of an IPv4 flow's record, or NULL: of IPv6, or not configured any more. */
const struct lb_service *scan_service4(const struct flows_view *view,
				       const struct flows_record *record);

/** Client and port of an IPv4 flow's record. */
void scan_client4(const struct flows_record *record, struct config_address *client, uint16_t *port);

#endif
