/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/nat_memory.h"

uint32_t nat_sweep(struct nat_sweep *sweep, const struct lb_nat *nat, struct lb_worker_stats *stats,
		   uint16_t now, uint32_t max)
{
	const uint32_t all = nat->n_spaces * nat->room, share = all / NAT_SWEEP_TICKS + 1;
	uint32_t n = share - sweep->done, freed;

	n = n < max ? n : max;
	if (n > all - sweep->next)
		n = all - sweep->next;
	freed = lb_nat_sweep(nat->memory[nat->worker], sweep->next, n, now, &nat->params->timeouts);
	stats->nat_flows -= freed;
	stats->nat_expired += freed;
	sweep->next = sweep->next + n == all ? 0 : sweep->next + n;
	sweep->done += n;
	return n;
}

/* Idle times have not wrapped before the predecessor's end, but may have since. */
static bool has_expired(const struct lb_nat_record *record, const struct lb_nat_timeouts *timeouts,
			const struct flow_keep *keep)
{
	uint64_t idle = (uint16_t)((uint16_t)keep->ended - record->seen);

	if (idle > UINT16_MAX - FLOW_TABLE_SWEEP_TICKS) /* seen after the last sign of life */
		idle = 0;
	return idle + (keep->now - keep->ended) > timeouts->ticks[record->state];
}

void nat_keep(struct lb_nat_memory *memory, uint32_t n_records,
	      const struct lb_nat_timeouts *timeouts, const struct flow_keep *keep,
	      struct lb_worker_stats *stats)
{
	stats->nat_flows = 0;
	for (uint32_t i = 0; i < n_records; i++) {
		struct lb_nat_record *record = &memory->record[i];

		if (record->state == LB_NAT_FREE)
			continue;
		if (has_expired(record, timeouts, keep)) {
			record->state = LB_NAT_FREE;
			stats->nat_expired++;
		} else {
			stats->nat_flows++;
		}
	}
}
