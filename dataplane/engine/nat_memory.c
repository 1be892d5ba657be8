/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/nat_memory.h"

static uint32_t timeout_max(const struct lb_nat_timeouts *timeouts)
{
	uint32_t max = 0;

	for (uint32_t state = LB_NAT_OPENING; state <= LB_NAT_CLOSED; state++)
		max = timeouts->ticks[state] > max ? timeouts->ticks[state] : max;
	return max;
}

/* Idle times have not wrapped before the predecessor's end, but may have since. */
static bool has_expired(const struct lb_nat_record *record, const struct lb_nat_timeouts *timeouts,
			uint32_t max, const struct flow_keep *keep)
{
	uint64_t idle = (uint16_t)((uint16_t)keep->ended - record->seen);

	/* Seen after the last sign of life: the main lcore may have hung for long before. */
	if (idle > max + LB_NAT_SWEEP_TICKS)
		idle = 0;
	return idle + (keep->now - keep->ended) > timeouts->ticks[record->state];
}

void nat_keep(const struct lb_nat_memory *memory, uint32_t n_records,
	      const struct lb_nat_timeouts *timeouts, const struct flow_keep *keep,
	      struct lb_worker_stats *stats)
{
	const uint32_t max = timeout_max(timeouts);

	stats->nat_flows = 0;
	for (uint32_t i = 0; i < n_records; i++) {
		struct lb_nat_record *record = &memory->record[i];

		if (record->state == LB_NAT_FREE)
			continue;
		if (has_expired(record, timeouts, max, keep)) {
			record->state = LB_NAT_FREE;
			stats->nat_expired++;
		} else {
			stats->nat_flows++;
		}
	}
}
