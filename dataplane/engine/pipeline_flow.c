/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows: from packet to instance. */
#include "dataplane/engine/pipeline_internal.h"

static inline bool instance_serves(const struct tables *tables, uint32_t instance)
{
	return instance < tables->n_instances &&
	       (tables->instances[instance].flags & LB_INSTANCE_SERVES);
}

static inline uint64_t slot_hash(const struct burst *b, uint32_t i)
{
	const struct lb_meta *meta = &b->meta[i];

	if (meta->family == 4)
		return lb_flow_hash4(&b->tables->secret, meta->client4, meta->client_port,
				     b->service[i]->salt);
	return b->key[i];
}

static uint32_t select_new(const struct burst *b, uint32_t i)
{
	const struct tables *t = b->tables;

	return lb_select_new(&t->pool[b->service[i]->pool], slot_hash(b, i), t->instances,
			     t->n_instances);
}

static struct lb_selection select_old(const struct burst *b, uint32_t i)
{
	const struct tables *t = b->tables;

	return lb_select_old(&t->pool[b->service[i]->pool], slot_hash(b, i), t->instances,
			     t->n_instances);
}

static inline void result_instance(struct burst *b, uint32_t i, uint32_t instance)
{
	b->instance[i] = (uint16_t)instance;
	b->result[i] = instance == LB_INSTANCE_NONE ? lb_result_drop(LB_DROP_NO_INSTANCE)
						    : (lb_result)LB_VERDICT_FORWARD;
}

/* A recorded flow whose instance no longer serves, or whose ports a new connection has taken. */
static void flow_rehome(struct burst *b, uint32_t i, struct flow_ref ref, bool is_new)
{
	uint32_t instance = is_new ? select_new(b, i) : select_old(b, i).instance;

	result_instance(b, i, instance);
	if (instance == LB_INSTANCE_NONE)
		return;
	if (is_new)
		b->pl->instance_stats[instance].new_flows++;
	else
		b->pl->stats->flow_moved++;
	if (instance != ref.bucket->instance[ref.slot])
		flow_table_move(b->pl->flows, ref, (uint16_t)instance);
}

/* A packet of a recorded flow. */
static inline void flow_hit(struct burst *b, uint32_t i, struct flow_ref ref)
{
	enum lb_flow_state state = lb_bucket_state(ref.bucket, ref.slot);
	enum lb_flow_event event = lb_flow_event(b->meta[i].tcp_flags);
	enum lb_flow_state next = lb_flow_next(event, state);
	uint16_t instance = ref.bucket->instance[ref.slot];
	bool is_new = event == LB_FLOW_EVENT_SYN && state >= LB_FLOW_FIN;

	b->instance[i] = instance;
	if (lb_unlikely(is_new || !instance_serves(b->tables, instance)))
		flow_rehome(b, i, ref, is_new);
	if (lb_unlikely(next != state))
		lb_bucket_state_set(ref.bucket, ref.slot, next);
	if (ref.bucket->seen[ref.slot] != b->now)
		ref.bucket->seen[ref.slot] = b->now;
}

/*
 * The lookup stage, once for each way to search a bucket. Hits are done here;
 * a second line is read only if the first one has sent flows away.
 */
#define PIPELINE_LOOKUP(variant, find)                                                             \
	void pipeline_lookup_##variant(struct burst *b)                                            \
	{                                                                                          \
		struct flow_table *flows = b->pl->flows;                                           \
                                                                                                   \
		for (uint32_t n = 0; n < b->n_flow; n++) {                                         \
			uint32_t i = b->flow[n];                                                   \
			uint32_t index = flow_table_primary(flows, b->spread[i]);                  \
			struct lb_bucket *bucket = &flows->bucket[index];                          \
			int slot = find(bucket, b->key[i]);                                        \
                                                                                                   \
			if (lb_unlikely(slot < 0 && lb_bucket_spill(bucket))) {                    \
				index = flow_table_other(flows, b->spread[i], index);              \
				bucket = &flows->bucket[index];                                    \
				slot = find(bucket, b->key[i]);                                    \
			}                                                                          \
			if (lb_likely(slot >= 0))                                                  \
				flow_hit(b, i, (struct flow_ref){ bucket, (uint32_t)slot });       \
			else                                                                       \
				b->miss[b->n_miss++] = (uint8_t)i;                                 \
		}                                                                                  \
		b->pl->stats->flow_hits += (uint64_t)b->n_flow - b->n_miss;                        \
		b->pl->stats->flow_misses += b->n_miss;                                            \
	}

PIPELINE_LOOKUP(portable, lb_bucket_find)
__attribute__((target("avx2"))) PIPELINE_LOOKUP(avx2, flow_find_avx2)
__attribute__((target("avx512f"))) PIPELINE_LOOKUP(avx512, flow_find_avx512)

stage_lookup_fn pipeline_lookup_choose(void)
{
	if (__builtin_cpu_supports("avx512f"))
		return pipeline_lookup_avx512;
	return __builtin_cpu_supports("avx2") ? pipeline_lookup_avx2 : pipeline_lookup_portable;
}

static void flow_record(struct burst *b, uint32_t i, uint32_t instance, bool may_evict)
{
	const struct flow_insert flow = {
		.key = b->key[i],
		.spread = b->spread[i],
		.instance = (uint16_t)instance,
		.now = b->now,
		.may_evict = may_evict,
		.secret = &b->tables->secret,
		.timeouts = &b->tables->timeouts,
	};

	flow_table_insert(b->pl->flows, &flow);
}

/*
 * A packet of a flow that is not in the table. A SYN begins a flow. Another
 * packet belongs to one that was begun elsewhere, before a restart, or was
 * forgotten: it is adopted, and may take the place of the oldest flow if it
 * would otherwise go to the wrong instance. Ends of flows are not recorded.
 */
static void flow_miss(struct burst *b, uint32_t i)
{
	enum lb_flow_event event = lb_flow_event(b->meta[i].tcp_flags);
	struct lb_selection sel;

	if (lb_service_is_vip_source(b->tables->services, &b->meta[i])) {
		b->result[i] = lb_result_drop(LB_DROP_IP_SOURCE);
		return;
	}
	if (event == LB_FLOW_EVENT_SYN)
		sel = (struct lb_selection){ .instance = select_new(b, i) };
	else
		sel = select_old(b, i);
	result_instance(b, i, sel.instance);
	if (sel.instance == LB_INSTANCE_NONE || event >= LB_FLOW_EVENT_FIN)
		return;
	if (event == LB_FLOW_EVENT_SYN)
		b->pl->instance_stats[sel.instance].new_flows++;
	else
		b->pl->stats->flow_adopted++;
	flow_record(b, i, sel.instance, sel.pinned);
}

void pipeline_misses(struct burst *b)
{
	for (uint32_t n = 0; n < b->n_miss; n++) {
		uint32_t i = b->miss[n];
		struct flow_ref ref;

		/* a packet before it in this burst may have begun the flow */
		if (flow_table_find(b->pl->flows, b->key[i], b->spread[i], &ref))
			flow_hit(b, i, ref);
		else
			flow_miss(b, i);
	}
}

/* The quoted flow may be another worker's: the NIC spreads errors by the router's address. */
static uint32_t flow_find_anywhere(const struct burst *b, uint32_t i)
{
	const struct pipeline *pl = b->pl;
	uint32_t instance = flow_table_peek(pl->flows, b->key[i], b->spread[i]);

	for (uint32_t peer = 0; peer < pl->n_peers && instance == LB_INSTANCE_NONE; peer++)
		if (pl->peers[peer] != pl)
			instance = flow_table_peek(pl->peers[peer]->flows, b->key[i], b->spread[i]);
	return instance;
}

void pipeline_icmp_errors(struct burst *b)
{
	for (uint32_t n = 0; n < b->n_icmp; n++) {
		uint32_t i = b->icmp[n];
		uint32_t instance = flow_find_anywhere(b, i);

		if (!instance_serves(b->tables, instance))
			instance = select_old(b, i).instance;
		result_instance(b, i, instance);
	}
}
