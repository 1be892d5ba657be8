/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of a flow table, read while its worker writes it. Nothing is locked and nothing is
 * written: a record is read, and read again; what has changed in between is read anew.
 */
#ifndef CONTROLPLANE_FLOWS_READ_H
#define CONTROLPLANE_FLOWS_READ_H

#include "controlplane/flows/view.h"

struct flows_record {
	uint64_t key;
	uint16_t home; /* as struct lb_bucket has it */
	uint16_t seen; /* tick */
	uint8_t state; /* enum lb_flow_state */
	uint32_t region;
};

enum flows_read {
	FLOWS_NOT_FOUND,
	FLOWS_FOUND,
	FLOWS_UNSTABLE, /* it was written each time that it was read */
};

/**
 * Read a slot. @record: all but the region is set.
 * Return: FLOWS_NOT_FOUND if it is free.
 */
enum flows_read flows_read_slot(const struct flows_view *view, const struct lb_bucket *bucket,
				uint32_t slot, struct flows_record *record);

/** Find a flow in one region. @spread: lb_flow_spread() of @key. */
enum flows_read flows_read_find(const struct flows_view *view, uint32_t region, uint64_t key,
				uint64_t spread, struct flows_record *record);

/** Ticks since its last packet. */
static inline uint16_t flows_record_idle(const struct flows_view *view,
					 const struct flows_record *record)
{
	return (uint16_t)(view->now - record->seen);
}

static inline bool flows_record_is_moved(const struct flows_record *record)
{
	return record->home & LB_FLOW_MOVED;
}

static inline bool flows_record_is_expired(const struct flows_view *view,
					   const struct flows_record *record)
{
	return flows_record_idle(view, record) > view->timeouts.ticks[record->state & 7];
}

/** "unconfirmed", "established", "fin" or "closed". */
const char *flows_state_name(uint32_t state);

#endif
