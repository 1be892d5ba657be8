/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/flow_table.h"

#define BUCKETS_MIN 64
/* Buckets per flow: five slots at half load. */
#define BUCKETS_NUMERATOR 2
#define BUCKETS_DENOMINATOR 5

static uint32_t buckets_for(uint32_t flows)
{
	uint64_t n = ((uint64_t)flows * BUCKETS_NUMERATOR + BUCKETS_DENOMINATOR - 1) /
		     BUCKETS_DENOMINATOR;

	return n < BUCKETS_MIN ? BUCKETS_MIN : (uint32_t)n;
}

size_t flow_table_bytes(uint32_t flows)
{
	return (size_t)buckets_for(flows) * sizeof(struct lb_bucket);
}

void flow_table_init(struct flow_table *table, void *memory, uint32_t flows,
		     struct lb_worker_stats *stats, struct lb_instance_stats *instance_stats)
{
	flow_table_adopt(table, memory, buckets_for(flows), stats, instance_stats);
}

void flow_table_adopt(struct flow_table *table, void *memory, uint32_t n_buckets,
		      struct lb_worker_stats *stats, struct lb_instance_stats *instance_stats)
{
	*table = (struct flow_table){
		.table = {
			.bucket = memory,
			.n_buckets = n_buckets,
			.stats = stats,
			.instance_stats = instance_stats,
		},
	};
}

uint32_t flow_table_sweep(struct flow_table *flows, const struct flow_sweep *sweep,
			  uint32_t max_buckets)
{
	const struct lb_instances instances = { sweep->instances, sweep->n_instances };
	const struct lb_sweep what = {
		.secret = sweep->secret,
		.timeouts = sweep->timeouts,
		.instances = &instances,
		.now = sweep->now,
	};
	uint32_t share = flows->table.n_buckets / FLOW_TABLE_SWEEP_TICKS + 1;
	uint32_t n = share - flows->sweep_done;

	n = n < max_buckets ? n : max_buckets;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t index = flows->sweep_next;

		lb_table_sweep(&flows->table, &flows->table.bucket[index], index, &what);
		flows->sweep_next = index + 1 == flows->table.n_buckets ? 0 : index + 1;
	}
	flows->sweep_done += n;
	return n;
}

static void recounted(struct flow_table *flows, const struct lb_instance_stats *others,
		      const struct flow_recount *recount)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++) {
		flows->table.instance_stats[i].flows = recount->flows[i] - others[i].flows;
		/* below 0 if it has removed more of the other writer's flows than it has added */
		all += (uint64_t)(int32_t)flows->table.instance_stats[i].flows;
	}
	flows->table.stats->flows = all;
}

bool flow_table_recount(struct flow_table *flows, const struct lb_instance_stats *others,
			struct flow_recount *recount, uint32_t max_buckets)
{
	for (; max_buckets && recount->next < flows->table.n_buckets; max_buckets--) {
		const struct lb_bucket *bucket = &flows->table.bucket[recount->next++];

		for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++)
			if (bucket->key[slot])
				recount->flows[lb_bucket_instance(bucket, slot)]++;
	}
	if (recount->next < flows->table.n_buckets)
		return false;
	recounted(flows, others, recount);
	return true;
}
