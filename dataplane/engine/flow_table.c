/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/flow_table.h"

#define BUCKETS_MIN 64
/* Buckets per flow: five slots at half load. */
#define BUCKETS_NUMERATOR 2
#define BUCKETS_DENOMINATOR 5

uint32_t flow_table_buckets(uint32_t flows)
{
	uint64_t n = ((uint64_t)flows * BUCKETS_NUMERATOR + BUCKETS_DENOMINATOR - 1) /
		     BUCKETS_DENOMINATOR;

	return n < BUCKETS_MIN ? BUCKETS_MIN : (uint32_t)n;
}

size_t flow_table_bytes(uint32_t flows)
{
	return (size_t)flow_table_buckets(flows) * sizeof(struct lb_bucket);
}

void flow_table_init(struct flow_table *table, void *memory, uint32_t flows,
		     struct lb_worker_stats *stats, struct lb_instance_stats *instance_stats)
{
	flow_table_adopt(table, memory, flow_table_buckets(flows), stats, instance_stats);
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

/* ---- A predecessor's flows ---- */

/* Idle times of 16 bits have not wrapped before the predecessor's end, but may have since. */
static bool keep_expired(const struct lb_bucket *bucket, uint32_t slot,
			 const struct flow_keep *keep)
{
	uint64_t idle = lb_bucket_idle(bucket, slot, (uint16_t)keep->ended);

	if (idle >
	    keep->timeout_max + 2 * FLOW_TABLE_SWEEP_TICKS) /* seen after the last sign of life */
		idle = 0;
	return idle + (keep->now - keep->ended) >
	       keep->timeouts->ticks[lb_bucket_state(bucket, slot)];
}

/* Relocated, and the writer was killed before it had freed the other place. */
static bool keep_is_twice(const struct flow_table *flows, const struct lb_bucket *bucket,
			  uint32_t slot, const struct flow_keep *keep)
{
	uint64_t key = bucket->key[slot], spread;

	if (!lb_bucket_is_away(bucket, slot))
		return false;
	spread = lb_flow_spread(keep->secret, key);
	bucket = &flows->table.bucket[lb_table_primary(&flows->table, spread)];
	return lb_bucket_find(bucket, key) >= 0;
}

/* Whether another worker has the flow. */
static bool keep_is_elsewhere(const struct flow_table *flows, uint64_t key,
			      const struct flow_keep *keep)
{
	uint64_t spread = lb_flow_spread(keep->secret, key);
	struct lb_flow_ref ref;

	for (uint32_t i = 0; i < keep->n_peers; i++)
		if (keep->peers[i] != &flows->table &&
		    lb_table_find(keep->peers[i], key, spread, &ref) &&
		    !(ref.bucket->home[ref.slot] & LB_FLOW_MOVED))
			return true;
	return false;
}

/*
 * A record that another worker has marked as moved. If that worker was killed before it had
 * recorded the flow itself, it goes on here; its time was lost with the mark.
 */
static bool keep_moved(const struct flow_table *flows, struct lb_bucket *bucket, uint32_t slot,
		       const struct flow_keep *keep)
{
	if (keep_is_elsewhere(flows, bucket->key[slot], keep))
		return false;
	bucket->home[slot] &= (uint16_t)~LB_FLOW_MOVED;
	bucket->seen[slot] = (uint16_t)keep->now;
	return true;
}

static bool keep_slot(const struct flow_table *flows, struct lb_bucket *bucket, uint32_t slot,
		      const struct flow_keep *keep)
{
	if (keep_is_twice(flows, bucket, slot, keep))
		return false;
	if (bucket->home[slot] & LB_FLOW_MOVED)
		return keep_moved(flows, bucket, slot, keep);
	return lb_bucket_state(bucket, slot) != LB_FLOW_FREE && !keep_expired(bucket, slot, keep);
}

static void keep_bucket(struct flow_table *flows, uint32_t index, const struct flow_keep *keep)
{
	struct lb_bucket *bucket = &flows->table.bucket[index];
	struct lb_worker_stats *stats = flows->table.stats;

	for (uint32_t slot = 0; slot < LB_BUCKET_SLOTS; slot++) {
		if (!bucket->key[slot]) {
			if (lb_bucket_nibble(bucket, slot)) /* half written, or half freed */
				lb_bucket_clear(bucket, slot);
			continue;
		}
		flows->table.instance_stats[lb_bucket_instance(bucket, slot)].flows++;
		stats->flows++;
		if (keep_slot(flows, bucket, slot, keep))
			continue;
		stats->flow_expired++;
		lb_table_release(&flows->table, bucket, index, slot, keep->secret);
	}
}

void flow_table_keep(struct flow_table *flows, const struct flow_keep *keep)
{
	flows->table.stats->flows = 0;
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++)
		flows->table.instance_stats[i].flows = 0;
	for (uint32_t i = 0; i < flows->table.n_buckets; i++)
		keep_bucket(flows, i, keep);
}

void flow_keep_init(struct flow_keep *keep, const struct lb_secret *secret,
		    const struct lb_flow_timeouts *timeouts)
{
	*keep = (struct flow_keep){ .secret = secret, .timeouts = timeouts };
	for (uint32_t state = LB_FLOW_UNCONFIRMED; state < LB_FLOW_STATES; state++)
		if (timeouts->ticks[state] > keep->timeout_max)
			keep->timeout_max = timeouts->ticks[state];
}
