/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows: from packet to instance. */
#include <rte_prefetch.h>

#include "dataplane/engine/pipeline_internal.h"

/*
 * Distance in flows at which a bucket is prefetched again: with many prefetches in flight some are
 * dropped.
 */
#define AHEAD 16
#define SECOND_AHEAD 8

static inline struct lb_instances instances_of(const struct burst *b)
{
	return (struct lb_instances){ b->tables->instances, b->tables->n_instances };
}

/* The SYN bits of a packet (LB_FLOW_SYN); 0 if it is not a SYN. */
static uint16_t syn_of(const struct burst *b, uint32_t i, const struct lb_meta *meta)
{
	const struct lb_tcp *tcp = (const void *)(b->data[i] + meta->l4_offset);

	return lb_flow_event(meta->tcp_flags) == LB_FLOW_EVENT_SYN ? lb_flow_syn(tcp->seq) : 0;
}

static struct lb_steer steer_of(struct burst *b, uint32_t i, const struct lb_instances *instances)
{
	const struct lb_meta *meta = pipeline_meta(b, i);

	return (struct lb_steer){
		.table = &b->pl->flows->table,
		.pool = b->tables->pool[b->service[i]->pool],
		.instances = instances,
		.secret = &b->tables->secret,
		.timeouts = &b->tables->timeouts,
		.meta = meta,
		.key = b->key[i],
		.spread = b->spread[i],
		.salt = b->service[i]->salt,
		.now = b->now,
		.syn = syn_of(b, i, meta),
	};
}

static inline void result_instance(struct burst *b, uint32_t i, uint32_t instance)
{
	b->instance[i] = (uint16_t)instance;
	b->result[i] = lb_steer_result(instance);
}

/*
 * A lookup in peers' tables costs a cache miss or two each: limited, so that a flood can't cause
 * many. SYNs may use only half of the limit: packets of flows that have moved need it more.
 */
static bool peers_may_be_asked(struct pipeline *pl, bool for_syn)
{
	struct lb_rate *rate = &pl->peek_rate.rate;
	uint32_t reserve = for_syn ? pl->peek_rate.limit.burst / 2 : 0;

	if (pl->n_peers < 2 || rate->tokens < pl->n_peers + reserve)
		return false;
	rate->tokens -= pl->n_peers;
	return true;
}

/*
 * A flow that another worker has recorded: the NIC, or its configuration, now spreads flows
 * differently.
 */
static struct lb_selection flow_elsewhere(const struct burst *b, const struct lb_steer *steer)
{
	struct lb_selection sel = { .instance = LB_INSTANCE_NONE };
	struct pipeline *pl = b->pl;
	struct lb_flow_ref ref;

	if (!peers_may_be_asked(pl, lb_steer_is_syn(steer)))
		return sel;
	for (uint32_t peer = 0; peer < pl->n_peers && sel.instance == LB_INSTANCE_NONE; peer++)
		if (pl->peers[peer] != pl->flows &&
		    flow_table_find(pl->peers[peer], steer->key, steer->spread, &ref))
			sel = lb_steer_elsewhere(steer, ref);
	return sel;
}

/* A recorded flow whose instance no longer serves, or that has moved. */
static void flow_rehome(struct burst *b, uint32_t i, struct lb_flow_ref ref)
{
	const struct lb_instances instances = instances_of(b);
	const struct lb_steer steer = steer_of(b, i, &instances);
	struct lb_selection sel = flow_elsewhere(b, &steer);

	if (sel.instance != LB_INSTANCE_NONE)
		lb_steer_return(&steer, ref, sel);
	else
		sel.instance = lb_steer_rehome(&steer, ref);
	result_instance(b, i, sel.instance);
}

/* A SYN on the ports of a recorded flow. */
static __rte_noinline void flow_syn(struct burst *b, uint32_t i, struct lb_flow_ref ref)
{
	const struct lb_instances instances = instances_of(b);
	const struct lb_steer steer = steer_of(b, i, &instances);
	struct lb_selection sel;

	if (!lb_steer_begins(&steer, ref)) {
		lb_steer_again(&steer, ref);
		result_instance(b, i, lb_bucket_instance(ref.bucket, ref.slot));
		return;
	}
	sel = flow_elsewhere(b, &steer);
	if (sel.instance != LB_INSTANCE_NONE)
		lb_steer_return(&steer, ref, sel);
	else
		sel.instance = lb_steer_begin(&steer, ref);
	result_instance(b, i, sel.instance);
}

/*
 * A packet of a recorded flow. Whether its instance still serves is checked when the instance is
 * read anyway; the index of a flow that has moved is invalid.
 */
static inline void flow_hit(struct burst *b, uint32_t i, struct lb_flow_ref ref, uint16_t now)
{
	if (lb_unlikely(b->steps[i] == LB_FLOW_STEPS_SYN)) {
		flow_syn(b, i, ref);
		return;
	}
	b->instance[i] = ref.bucket->home[ref.slot] & LB_FLOW_INDEX;
	lb_bucket_step(ref.bucket, ref.slot, b->steps[i], now);
}

static inline struct lb_bucket *bucket_other(const struct lb_table *flows, uint64_t spread,
					     const struct lb_bucket *bucket)
{
	uint32_t primary = (uint32_t)(bucket - flows->bucket);

	return &flows->bucket[lb_table_other(flows, spread, primary)];
}

/*
 * The lookup stage, once for each way to search a bucket. Flows in their primary bucket are done
 * here; for the others, the secondary bucket is prefetched meanwhile, if it is to be searched or
 * written. (Ends with a declaration so that its uses end with a semicolon.)
 */
#define PIPELINE_LOOKUP(variant, find, attribute)                                                  \
	attribute void pipeline_lookup_##variant(struct burst *b)                                  \
	{                                                                                          \
		const struct lb_table *flows = &b->pl->flows->table;                               \
		const uint32_t n_flow = b->n_flow;                                                 \
		const uint16_t now = b->now;                                                       \
                                                                                                   \
		for (uint32_t n = 0; n < n_flow; n++) {                                            \
			uint32_t i = b->flow[n];                                                   \
			struct lb_bucket *bucket = b->bucket[i];                                   \
			int slot = find(bucket, b->key[i]);                                        \
			bool is_full, is_second;                                                   \
                                                                                                   \
			if (n + AHEAD < n_flow)                                                    \
				rte_prefetch0(b->bucket[b->flow[n + AHEAD]]);                      \
			pipeline_prefetch_header(b, i);                                            \
			if (lb_likely(slot >= 0)) {                                                \
				flow_hit(b, i, (struct lb_flow_ref){ bucket, (uint32_t)slot },     \
					 now);                                                     \
				continue;                                                          \
			}                                                                          \
			b->miss[b->n_miss++] = (uint8_t)i;                                         \
			is_full = find(bucket, 0) < 0;                                             \
			b->full |= (uint64_t)is_full << i;                                         \
			is_second = is_full || lb_bucket_spill(bucket);                            \
			b->second |= (uint64_t)is_second << i;                                     \
			if (is_second)                                                             \
				rte_prefetch0(bucket_other(flows, b->spread[i], bucket));          \
		}                                                                                  \
		b->pl->stats->flow_hits += (uint64_t)n_flow - b->n_miss;                           \
	}                                                                                          \
	struct burst

PIPELINE_LOOKUP(portable, lb_bucket_find, );
PIPELINE_LOOKUP(avx2, flow_find_avx2, __attribute__((target("avx2"))));
PIPELINE_LOOKUP(avx512, flow_find_avx512, __attribute__((target("avx512f,bmi,bmi2"))));

static void flow_miss(struct burst *b, uint32_t i)
{
	const struct lb_instances instances = instances_of(b);
	const struct lb_steer steer = steer_of(b, i, &instances);
	struct lb_selection sel;

	if (lb_service_is_vip_source(b->tables->services, steer.meta)) {
		b->result[i] = lb_result_drop(LB_DROP_IP_SOURCE);
		return;
	}
	sel = flow_elsewhere(b, &steer);
	if (sel.instance == LB_INSTANCE_NONE)
		sel = lb_steer_miss(&steer);
	result_instance(b, i, sel.instance);
	if (sel.record)
		lb_steer_record(&steer, sel);
}

/* Prefetch again: see AHEAD. @n: index of a miss; may be past the last. */
static inline void prefetch_second(const struct burst *b, uint32_t n)
{
	uint32_t i = b->miss[n & (PIPELINE_BURST - 1)];

	if (n < b->n_miss && (b->second >> i & 1))
		rte_prefetch0(bucket_other(&b->pl->flows->table, b->spread[i], b->bucket[i]));
}

/* Find flows in their secondary bucket; those in neither bucket stay in b->miss. */
static void find_in_second(struct burst *b)
{
	const struct lb_table *flows = &b->pl->flows->table;
	const uint32_t n_first = b->n_miss;
	uint32_t n_miss = 0;

	for (uint32_t n = 0; n < n_first; n++) {
		uint32_t i = b->miss[n];
		struct lb_bucket *second = bucket_other(flows, b->spread[i], b->bucket[i]);
		int slot;

		prefetch_second(b, n + SECOND_AHEAD);
		slot = lb_bucket_spill(b->bucket[i]) ? lb_bucket_find(second, b->key[i]) : -1;
		if (slot >= 0)
			flow_hit(b, i, (struct lb_flow_ref){ second, (uint32_t)slot }, b->now);
		else
			b->miss[n_miss++] = (uint8_t)i;
	}
	b->n_miss = (uint16_t)n_miss;
	b->pl->stats->flow_hits += n_first - n_miss;
	b->pl->stats->flow_misses += n_miss;
}

/*
 * If both buckets are full, a victim is evicted. If the victim is in its secondary bucket, its
 * primary's spill count changes: prefetch it.
 */
static void prefetch_victims(struct burst *b)
{
	const struct lb_flow_timeouts *timeouts = &b->tables->timeouts;
	const struct lb_table *flows = &b->pl->flows->table;

	for (uint32_t n = 0; n < b->n_miss; n++) {
		uint32_t i = b->miss[n], slot;
		struct lb_bucket *bucket = b->bucket[i];
		struct lb_bucket *second = bucket_other(flows, b->spread[i], bucket);
		struct lb_victim victim, other;

		if (!(b->full >> i & 1))
			continue;
		victim = lb_bucket_victim(bucket, b->now, timeouts);
		if (lb_victim_rank(victim) <= LB_SLOT_EXPIRED)
			continue;
		other = lb_bucket_victim(second, b->now, timeouts);
		if (lb_victim_is_cheaper(other, victim)) {
			bucket = second;
			victim = other;
		}
		slot = lb_victim_slot(victim);
		if (lb_bucket_is_away(bucket, slot))
			rte_prefetch0(bucket_other(
				flows, lb_flow_spread(&b->tables->secret, bucket->key[slot]),
				bucket));
	}
}

void pipeline_misses(struct burst *b)
{
	find_in_second(b);
	prefetch_victims(b);
	for (uint32_t n = 0; n < b->n_miss; n++) {
		uint32_t i = b->miss[n];
		struct lb_flow_ref ref;

		/* an earlier packet of this burst may have begun the flow */
		if (flow_table_find(b->pl->flows, b->key[i], b->spread[i], &ref))
			flow_hit(b, i, ref, b->now);
		else
			flow_miss(b, i);
	}
}

/* An earlier packet of this burst may have moved the flow to its new instance, or evicted it. */
void pipeline_rehome(struct burst *b, uint32_t i)
{
	const struct lb_instances instances = instances_of(b);
	struct lb_flow_ref ref;
	uint32_t home;

	if (!flow_table_find(b->pl->flows, b->key[i], b->spread[i], &ref)) {
		flow_miss(b, i);
		return;
	}
	home = ref.bucket->home[ref.slot] & LB_FLOW_INDEX;
	if (lb_instance_has(&instances, home, LB_INSTANCE_SERVES))
		b->instance[i] = (uint16_t)home;
	else
		flow_rehome(b, i, ref);
}

/* The quoted flow may be another worker's: the NIC spreads errors by the router's address. */
static uint32_t flow_find_anywhere(const struct burst *b, uint32_t i)
{
	struct pipeline *pl = b->pl;
	const struct lb_flow_timeouts *timeouts = &b->tables->timeouts;
	uint32_t instance = flow_table_peek(pl->flows, b->key[i], b->spread[i], b->now, timeouts);

	if (instance != LB_INSTANCE_NONE || !peers_may_be_asked(pl, false))
		return instance;
	for (uint32_t peer = 0; peer < pl->n_peers && instance == LB_INSTANCE_NONE; peer++)
		if (pl->peers[peer] != pl->flows)
			instance = flow_table_peek(pl->peers[peer], b->key[i], b->spread[i], b->now,
						   timeouts);
	return instance;
}

void pipeline_icmp_errors(struct burst *b)
{
	const struct lb_instances instances = instances_of(b);

	for (uint32_t n = 0; n < b->n_icmp; n++) {
		uint32_t i = b->icmp[n];
		const struct lb_steer steer = steer_of(b, i, &instances);

		result_instance(b, i, lb_steer_error(&steer, flow_find_anywhere(b, i)));
	}
}
