/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A copy of the pipeline's stages with a clock between them. The production pipeline has no hooks
 * for this; it is measured as a whole beside this one, from its own object.
 */
#define pipeline_burst stages_copy_burst
#define pipeline_drop stages_copy_drop
#define pipeline_rate_set stages_copy_rate_set
#define pipeline_tick stages_copy_tick
#include "dataplane/engine/pipeline.c"
#undef pipeline_burst
#undef pipeline_drop
#undef pipeline_rate_set
#undef pipeline_tick

#include <rte_cycles.h>

#include "perf/cycles/cycles.h"

const char *const stage_names[STAGES] = {
	[STAGE_PREFETCH] = "prefetch", [STAGE_PARSE] = "parse",	    [STAGE_LOOKUP] = "lookup",
	[STAGE_MISS] = "miss",	       [STAGE_REWRITE] = "rewrite", [STAGE_SORT] = "sort",
};

static void lap(uint64_t *since, uint64_t *cycles)
{
	uint64_t now;

	_mm_lfence();
	now = rte_rdtsc();
	*cycles += now - *since;
	*since = now;
}

void stages_burst(struct world *w, struct rte_mbuf **pkts, struct pipeline_out *out,
		  uint64_t *cycles)
{
	struct burst b;
	uint64_t since;

	b.pl = &w->h.pl;
	b.tables = w->h.tables;
	b.arrived = b.pkt = pkts;
	b.n = PIPELINE_BURST;
	b.now = w->h.now;
	b.n_flow = b.n_miss = b.n_other = 0;
	b.errors = b.six = b.plain4 = b.plain6 = b.in_place = b.second_bit = b.full = b.second = 0;
	b.replies = 0;
	b.has_env = false;
	b.nat = pipeline_nat(&w->h.pl, w->h.tables);
	out->n_tx = out->n_kernel = 0;

	_mm_lfence();
	since = rte_rdtsc();
	stage_prefetch(&b);
	lap(&since, &cycles[STAGE_PREFETCH]);
	b.pl->parse(&b);
	lap(&since, &cycles[STAGE_PARSE]);
	b.pl->lookup(&b);
	lap(&since, &cycles[STAGE_LOOKUP]);
	if (b.n_miss)
		pipeline_misses(&b);
	if (b.nat)
		pipeline_nat_find(&b);
	lap(&since, &cycles[STAGE_MISS]);
	pipeline_rewrite(&b);
	if (b.replies)
		pipeline_nat_replies(&b);
	lap(&since, &cycles[STAGE_REWRITE]);
	stage_sort(&b, out);
	lap(&since, &cycles[STAGE_SORT]);
}
