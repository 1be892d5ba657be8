/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One instance that changes its state too often. It is taken out (drained) when it has changed
 * `times` times `within` a time, and retried after `retry_in`; when it has been taken out
 * `retry_times` times `retry_within` a time, it is left out until an operator resumes it. The words
 * and their meaning are those of God's flapping condition. Pure: no clock, no I/O, no allocation.
 */
#ifndef CONTROLPLANE_HEALTH_FLAP_H
#define CONTROLPLANE_HEALTH_FLAP_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

enum flap_state {
	FLAP_IN,
	FLAP_OUT,      /* until flap.until_ms */
	FLAP_LEFT_OUT, /* for good */
};

struct flap_times {
	uint64_t ms[CONFIG_FLAPPING_TIMES_MAX]; /* the oldest first */
	uint32_t count;
};

struct flap {
	enum flap_state state;
	uint64_t until_ms;
	struct flap_times changes; /* of its state, as far back as they count */
	struct flap_times outs;	   /* times that it was taken out */
	bool is_spared;		   /* it would have been taken out, but is the last of its pool */
};

enum flap_outcome {
	FLAP_NOTHING,
	FLAP_IS_OUT,	  /* taken out now */
	FLAP_IS_LEFT_OUT, /* taken out for good now */
	FLAP_IS_SPARED,	  /* would be, but is the last one of its pool; told once */
	FLAP_IS_RETRIED,  /* in again */
};

/**
 * The instance's state has changed. While it is out, changes don't count.
 * @is_last: no other instance of its pool that is up and in takes flows.
 * @now_ms: any clock that doesn't jump.
 */
enum flap_outcome flap_change(struct flap *flap, const struct config_flapping *rule, bool is_last,
			      uint64_t now_ms);

/** Time passes: an instance is retried. */
enum flap_outcome flap_tick(struct flap *flap, uint64_t now_ms);

/** "in", "out" or "left out". */
const char *flap_state_name(enum flap_state state);

#endif
