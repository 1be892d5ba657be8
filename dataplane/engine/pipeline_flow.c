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

const struct lb_env *pipeline_env(struct burst *b)
{
	struct pipeline *pl = b->pl;

	if (b->has_env)
		return &b->env;
	b->has_env = true;
	b->env = (struct lb_env){
		.table = pl->flows->table,
		.instances = { b->tables->instances, b->tables->n_instances },
		.services = b->tables->services,
		.secret = &b->tables->secret,
		.timeouts = &b->tables->timeouts,
		.pools = b->tables->pool,
		.peek_rate = &pl->peek_rate.rate,
		.kernel_rate = &pl->kernel_rate.rate,
		.icmp_rate = &pl->icmp_rate.rate,
		.peek_burst = pl->peek_rate.limit.burst,
		.kernel_burst = pl->kernel_rate.limit.burst,
		.n_peers = pl->n_peers,
		.mtu = b->tables->mtu,
		.peers = pl->peers,
		.own = &pl->flows->table,
		.nat = b->nat,
	};
	return &b->env;
}

/* A flow's packet. */
static inline void packet_fill(struct burst *b, uint32_t i, struct lb_packet *p)
{
	pipeline_packet(b, i, p);
	if (lb_packet_is_syn(p))
		p->syn = lb_packet_syn((struct lb_buffer){ b->pkt[i] }, p);
}

static inline void result_choice(struct burst *b, uint32_t i, uint32_t choice)
{
	b->instance[i] = (uint16_t)choice;
	b->result[i] = lb_choice_result(choice);
}

/* A SYN on the ports of a recorded flow. */
static __rte_noinline void flow_syn(struct burst *b, uint32_t i)
{
	struct lb_packet p;

	packet_fill(b, i, &p);
	result_choice(b, i, lb_decide_syn(&p));
}

/*
 * A packet of a recorded flow. Whether its instance still serves is checked when the instance is
 * read anyway; the index of a flow that has moved is invalid.
 */
static inline void flow_hit(struct burst *b, uint32_t i, struct lb_flow_ref ref, uint16_t now)
{
	if (lb_unlikely(b->steps[i] == LB_FLOW_STEPS_SYN)) {
		flow_syn(b, i);
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

static void decide(struct burst *b, uint32_t i)
{
	struct lb_packet p;

	packet_fill(b, i, &p);
	result_choice(b, i, lb_decide_instance(p.where.env, &p));
}

/* Prefetch again: see AHEAD. @n: index of a miss; may be past the last. */
static inline void prefetch_second(const struct burst *b, uint32_t n)
{
	uint32_t i = b->miss[n & (PIPELINE_BURST - 1)];

	if (n < b->n_miss && (b->second >> i & 1))
		rte_prefetch0(bucket_other(&b->pl->flows->table, b->spread[i], b->bucket[i]));
}

/*
 * Prefetch the slots by which a plain packet's instance is chosen, since its flow is not recorded:
 * the tables of a few pools are larger than a second-level cache.
 */
static inline void prefetch_slot(const struct burst *b, uint32_t i)
{
	const struct lb_service *service = b->service[i];
	const struct lb_pool_view *pool = &b->tables->pool[service->pool];
	uint64_t hash = b->key[i];
	struct lb_meta meta;

	if (lb_unlikely(service->affinity)) {
		pipeline_meta(b, i, &meta);
		hash = lb_client_hash(&b->tables->secret, &meta);
	} else if (b->plain4 >> i & 1) {
		hash = lb_flow_hash4(&b->tables->secret, (lb_be32)hash, (lb_be16)(hash >> 32),
				     service->salt);
	}
	rte_prefetch0(&pool->current[lb_flow_slot(hash, pool->n_current)]);
	if (lb_unlikely(b->steps[i] != LB_FLOW_STEPS_SYN))
		rte_prefetch0(&pool->previous[lb_flow_slot(hash, pool->n_previous)]);
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
		if (slot >= 0) {
			flow_hit(b, i, (struct lb_flow_ref){ second, (uint32_t)slot }, b->now);
			continue;
		}
		prefetch_slot(b, i);
		b->miss[n_miss++] = (uint8_t)i;
	}
	b->n_miss = (uint16_t)n_miss;
	b->pl->stats->flow_hits += n_first - n_miss;
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
	/* An earlier packet of this burst may have begun the flow. */
	for (uint32_t n = 0; n < b->n_miss; n++)
		decide(b, b->miss[n]);
}

/* An earlier packet of this burst may have moved the flow to its new instance, or evicted it. */
void pipeline_rehome(struct burst *b, uint32_t i)
{
	const struct lb_env *env = pipeline_env(b);
	struct lb_flow_ref ref;
	struct lb_packet p;
	uint32_t choice;

	packet_fill(b, i, &p);
	if (!lb_table_find(&env->table, p.key, p.spread, &ref)) {
		result_choice(b, i, lb_decide_miss(env, &p));
		return;
	}
	choice = ref.bucket->home[ref.slot] & LB_FLOW_INDEX;
	if (!lb_instance_has(&env->instances, choice, LB_INSTANCE_SERVES))
		choice = lb_decide_rehome(&p, lb_decide_elsewhere(&p));
	result_choice(b, i, choice);
}
