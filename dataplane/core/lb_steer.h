/* SPDX-License-Identifier: BSD-3-Clause */
/* From a packet of a service to its instance: what the flow table knows, what the slots say. */
#ifndef LB_STEER_H
#define LB_STEER_H

#include "dataplane/core/lb_select.h"
#include "dataplane/core/lb_table.h"

/* One packet, and the tables that decide on it. */
struct lb_steer {
	struct lb_table *table;
	const struct lb_pool_view *pool; /* of the packet's service */
	const struct lb_instances *instances;
	const struct lb_secret *secret;
	const struct lb_flow_timeouts *timeouts;
	const struct lb_meta *meta;
	uint64_t key;
	uint64_t spread;
	uint32_t salt; /* of the service */
	uint16_t now;
};

/** Key of a packet's flow. @service_id, @salt: its service's. */
LB_INLINE uint64_t lb_steer_key(const struct lb_secret *secret, const struct lb_meta *meta,
				uint16_t service_id, uint32_t salt)
{
	if (lb_likely(meta->family == 4))
		return lb_flow_key4(meta->client4, meta->client_port, service_id);
	return lb_flow_hash6(secret, meta->client6, meta->client_port, salt);
}

LB_INLINE uint64_t lb_steer_hash(const struct lb_steer *s)
{
	if (s->meta->family == 4)
		return lb_flow_hash4(s->secret, s->meta->client4, s->meta->client_port, s->salt);
	return s->key;
}

/**
 * A recorded flow whose instance no longer serves, or whose ports a new
 * connection has taken (@is_new, see lb_bucket_touch()).
 * @ref: its slot, whose instance follows.
 * Return: its instance from now on, or LB_INSTANCE_NONE: a connection that nobody takes has not begun,
 * or its next SYN would be the old one's.
 */
LB_INLINE uint32_t lb_steer_rehome(const struct lb_steer *s, struct lb_flow_ref ref, bool is_new)
{
	uint16_t *home = &ref.bucket->instance[ref.slot];
	uint32_t instance =
		is_new ? lb_select_new(s->pool, lb_steer_hash(s), s->instances)
		       : lb_select_old(s->pool, lb_steer_hash(s), s->instances).instance;
	struct lb_instance_stats *counts;

	if (instance == LB_INSTANCE_NONE) {
		if (is_new)
			lb_bucket_state_set(ref.bucket, ref.slot, LB_FLOW_CLOSED);
		return instance;
	}
	counts = lb_table_counts(s->table, instance);
	if (!is_new)
		s->table->stats->flow_moved++;
	else if (counts)
		counts->new_flows++;
	if (instance != *home)
		lb_table_move(s->table, home, (uint16_t)instance);
	return instance;
}

/**
 * A packet of a flow that is not in the table. A SYN begins a flow. Another
 * packet belongs to one that was begun elsewhere, before a restart, or was
 * forgotten: it is adopted, and may take the place of the oldest flow if it
 * would otherwise go to the wrong instance. Ends of flows are not recorded.
 * Return: its instance, or LB_INSTANCE_NONE; and whether lb_steer_record() is to follow.
 */
LB_INLINE struct lb_selection lb_steer_miss(const struct lb_steer *s)
{
	enum lb_flow_event event = lb_flow_event(s->meta->tcp_flags);
	uint64_t hash = lb_steer_hash(s);
	struct lb_instance_stats *counts;
	struct lb_selection sel;

	if (event == LB_FLOW_EVENT_SYN)
		sel = (struct lb_selection){ .instance =
						     lb_select_new(s->pool, hash, s->instances) };
	else
		sel = lb_select_old(s->pool, hash, s->instances);
	if (sel.instance == LB_INSTANCE_NONE || event >= LB_FLOW_EVENT_FIN)
		return sel;
	sel.record = true;
	counts = lb_table_counts(s->table, sel.instance);
	if (event != LB_FLOW_EVENT_SYN)
		s->table->stats->flow_adopted++;
	else if (counts)
		counts->new_flows++;
	return sel;
}

/**
 * What another worker has recorded is of no use any more: it expires at once. That worker
 * may give the slot to another flow in this very moment; at worst that one is forgotten early.
 */
LB_INLINE void lb_steer_expire(const struct lb_steer *s, struct lb_flow_ref there)
{
	uint32_t state = lb_bucket_state(there.bucket, there.slot);

	there.bucket->seen[there.slot] = (uint16_t)(s->now - s->timeouts->ticks[state] - 1);
}

/**
 * A packet, not a SYN, of a flow that another worker has recorded: the NIC has moved it
 * here. It is to be recorded here too, as an established one that this packet comes to, and
 * what it was there expires at once: it is counted once, and its end is seen by whoever has it.
 * @there: its slot in the other worker's table.
 * Return: as lb_steer_miss(); no instance if the flow's no longer serves.
 */
LB_INLINE struct lb_selection lb_steer_take_over(const struct lb_steer *s, struct lb_flow_ref there)
{
	const uint64_t *key = &there.bucket->key[there.slot];
	struct lb_selection sel = { .instance = LB_INSTANCE_NONE };
	uint32_t instance = lb_load_acquire(&there.bucket->instance[there.slot]);

	if (lb_load_acquire(key) != s->key ||
	    !lb_instance_has(s->instances, instance, LB_INSTANCE_SERVES))
		return sel;
	sel.instance = instance;
	lb_steer_expire(s, there);
	s->table->stats->flow_adopted++;
	sel.pinned = true;
	sel.record = true;
	return sel;
}

/**
 * The same for a worker that has no table of its own: the flow stays recorded where it
 * is, and alive there.
 * Return: its instance, or LB_INSTANCE_NONE if that no longer serves.
 */
LB_INLINE uint32_t lb_steer_borrow(const struct lb_steer *s, struct lb_flow_ref there)
{
	uint32_t instance = lb_load_acquire(&there.bucket->instance[there.slot]);

	if (lb_load_acquire(&there.bucket->key[there.slot]) != s->key ||
	    !lb_instance_has(s->instances, instance, LB_INSTANCE_SERVES))
		return LB_INSTANCE_NONE;
	there.bucket->seen[there.slot] = s->now;
	return instance;
}

/** Record a packet's flow. @may_evict: the slots do not say where it belongs. */
LB_INLINE void lb_steer_record(const struct lb_steer *s, uint32_t instance, bool may_evict)
{
	const struct lb_flow_insert flow = {
		.key = s->key,
		.spread = s->spread,
		.instance = (uint16_t)instance,
		.now = s->now,
		.may_evict = may_evict,
		.secret = s->secret,
		.timeouts = s->timeouts,
	};

	lb_table_insert(s->table, &flow);
}

/**
 * An ICMP error about a flow.
 * @recorded: what the flow tables say of it, or LB_INSTANCE_NONE.
 * Return: the instance that it is for, or LB_INSTANCE_NONE.
 */
LB_INLINE uint32_t lb_steer_error(const struct lb_steer *s, uint32_t recorded)
{
	if (lb_instance_has(s->instances, recorded, LB_INSTANCE_SERVES))
		return recorded;
	return lb_select_old(s->pool, lb_steer_hash(s), s->instances).instance;
}

LB_INLINE lb_result lb_steer_result(uint32_t instance)
{
	return instance == LB_INSTANCE_NONE ? lb_result_drop(LB_DROP_NO_INSTANCE)
					    : (lb_result)LB_VERDICT_FORWARD;
}

#endif
