/* SPDX-License-Identifier: BSD-3-Clause */
/* Rate limits: token buckets, refilled every tick of LB_FLOW_TICK_MS. */
#ifndef LB_RATE_H
#define LB_RATE_H

#include "dataplane/core/lb_flow.h"

#define LB_TICKS_PER_SECOND (1000 / LB_FLOW_TICK_MS)
#define LB_RATE_BURST_MIN 64

struct lb_rate_limit {
	uint32_t burst;	      /* maximum number of tokens */
	uint32_t per_tick_q8; /* refill per tick, in 1/256 */
};

/* State of one worker or CPU. */
struct lb_rate {
	uint32_t tokens;
	uint32_t rest_q8;
};

/**
 * A limit of @per_second, with a burst of a tenth of a second's worth, and of LB_RATE_BURST_MIN at
 * least. 0 lets nothing through.
 */
LB_INLINE struct lb_rate_limit lb_rate_limit_make(uint32_t per_second)
{
	uint32_t burst = per_second / LB_TICKS_PER_SECOND;

	if (burst < LB_RATE_BURST_MIN)
		burst = per_second ? LB_RATE_BURST_MIN : 0;
	return (struct lb_rate_limit){
		.burst = burst,
		.per_tick_q8 = (uint32_t)((uint64_t)per_second * 256 / LB_TICKS_PER_SECOND),
	};
}

/** Add the tokens of @ticks ticks, up to the burst. */
LB_INLINE void lb_rate_refill(struct lb_rate *rate, const struct lb_rate_limit *limit,
			      uint32_t ticks)
{
	uint64_t tokens_q8 = (uint64_t)limit->per_tick_q8 * ticks + rate->rest_q8;
	uint64_t tokens = rate->tokens + (tokens_q8 >> 8);

	rate->rest_q8 = (uint32_t)(tokens_q8 & 0xff);
	rate->tokens = tokens > limit->burst ? limit->burst : (uint32_t)tokens;
}

/** Take a token, unless only @reserve are left. */
LB_INLINE bool lb_rate_take(struct lb_rate *rate, uint32_t reserve)
{
	if (rate->tokens <= reserve)
		return false;
	rate->tokens--;
	return true;
}

#endif
