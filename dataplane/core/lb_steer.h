/* SPDX-License-Identifier: BSD-3-Clause */
/* From a service's packet to its instance, by the flow table and the pool's slots. */
#ifndef LB_STEER_H
#define LB_STEER_H

#include "dataplane/core/lb_select.h"
#include "dataplane/core/lb_table.h"

/* One packet, and the tables that decide on it. */
struct lb_steer {
	struct lb_table *table;
	struct lb_pool_view pool; /* of the packet's service */
	const struct lb_instances *instances;
	const struct lb_secret *secret;
	const struct lb_flow_timeouts *timeouts;
	const struct lb_meta *meta;
	uint64_t key;
	uint64_t spread;
	uint32_t salt; /* of the service */
	bool affinity; /* the same */
	uint16_t now;
	uint16_t syn; /* LB_FLOW_SYN of a SYN */
};

/** Key of a packet's flow. @service_id, @salt: of its service. */
LB_INLINE uint64_t lb_steer_key(const struct lb_secret *secret, const struct lb_meta *meta,
				uint16_t service_id, uint32_t salt)
{
	if (lb_likely(meta->family == 4))
		return lb_flow_key4(meta->client4, meta->client_port, service_id);
	return lb_flow_hash6(secret, meta->client6, meta->client_port, salt);
}

LB_INLINE uint64_t lb_steer_hash(const struct lb_steer *s)
{
	if (lb_unlikely(s->affinity))
		return lb_client_hash(s->secret, s->meta);
	if (s->meta->family == 4)
		return lb_flow_hash4(s->secret, s->meta->client4, s->meta->client_port, s->salt);
	return s->key;
}

LB_INLINE bool lb_steer_is_syn(const struct lb_steer *s)
{
	return lb_flow_event(s->meta->tcp_flags) == LB_FLOW_EVENT_SYN;
}

/**
 * Whether a SYN begins another flow than the one recorded for its ports: the recorded one has ended
 * or expired, or its instance no longer serves. A draining instance keeps a flow whose SYN is
 * retransmitted within the time of a handshake. A SYN with another sequence number is of another
 * connection: the server has ended the previous one, which is not seen here (or the SYN is spoofed
 * by a sender that knows the client's port). If the instance accepts new flows, the cases need not
 * be distinguished.
 */
LB_INLINE bool lb_steer_begins(const struct lb_steer *s, struct lb_flow_ref ref)
{
	uint16_t home = lb_load_acquire(&ref.bucket->home[ref.slot]);
	uint32_t index = home & LB_FLOW_INDEX;

	if (lb_bucket_state(ref.bucket, ref.slot) >= LB_FLOW_FIN ||
	    lb_bucket_expired(ref.bucket, ref.slot, s->now, s->timeouts) ||
	    !lb_instance_has(s->instances, index, LB_INSTANCE_SERVES))
		return true;
	if (lb_instance_has(s->instances, index, LB_INSTANCE_ACCEPTS))
		return false;
	return (home & LB_FLOW_SYN) != s->syn || lb_bucket_idle(ref.bucket, ref.slot, s->now) >
							 s->timeouts->ticks[LB_FLOW_UNCONFIRMED];
}

/** A retransmitted SYN of a recorded flow. */
LB_INLINE void lb_steer_again(const struct lb_steer *s, struct lb_flow_ref ref)
{
	ref.bucket->home[ref.slot] = lb_bucket_instance(ref.bucket, ref.slot) | s->syn;
	lb_bucket_step(ref.bucket, ref.slot, LB_FLOW_STEPS_SYN, s->now);
}

/**
 * A SYN that begins another flow in the place of a recorded one (lb_steer_begins()).
 * Return: its instance, or LB_INSTANCE_NONE: then no connection has begun, and the record is
 * unchanged.
 */
LB_INLINE uint32_t lb_steer_begin(const struct lb_steer *s, struct lb_flow_ref ref)
{
	uint32_t instance = lb_select_new(&s->pool, lb_steer_hash(s), s->instances);
	struct lb_instance_stats *counts;

	if (instance == LB_INSTANCE_NONE)
		return instance;
	counts = lb_table_counts(s->table, instance);
	if (counts)
		counts->new_flows++;
	lb_table_move(s->table, ref, (uint16_t)(instance | s->syn));
	lb_bucket_state_set(ref.bucket, ref.slot, LB_FLOW_UNCONFIRMED);
	ref.bucket->seen[ref.slot] = s->now;
	return instance;
}

/**
 * A packet, not a SYN, of a recorded flow whose instance no longer serves, or that another worker
 * had marked as moved although none has it now (lb_steer_elsewhere()).
 * Return: its instance from now on, or LB_INSTANCE_NONE.
 */
LB_INLINE uint32_t lb_steer_rehome(const struct lb_steer *s, struct lb_flow_ref ref)
{
	uint16_t home = ref.bucket->home[ref.slot] & (uint16_t)~LB_FLOW_MOVED;
	uint32_t instance = home & LB_FLOW_INSTANCE;

	if (!lb_instance_has(s->instances, instance, LB_INSTANCE_SERVES)) {
		instance = lb_select_old(&s->pool, lb_steer_hash(s), s->instances).instance;
		if (instance == LB_INSTANCE_NONE)
			return instance;
		s->table->stats->flow_moved++;
		home = (uint16_t)instance;
	}
	lb_table_move(s->table, ref, home);
	return instance;
}

/**
 * A packet of a recorded flow that has come back from another worker: it continues as
 * lb_steer_elsewhere() says.
 */
LB_INLINE void lb_steer_return(const struct lb_steer *s, struct lb_flow_ref ref,
			       struct lb_selection sel)
{
	lb_table_move(s->table, ref, (uint16_t)(sel.instance | sel.syn));
	lb_bucket_state_set(ref.bucket, ref.slot,
			    sel.established ? LB_FLOW_ESTABLISHED : LB_FLOW_UNCONFIRMED);
	lb_bucket_touch(ref.bucket, ref.slot, s->meta->tcp_flags, s->now);
}

/**
 * A packet of a flow that is not in the table. A SYN begins a flow. Any other packet is of a flow
 * that began elsewhere or before a restart, or whose record was evicted or has expired: the flow is
 * adopted, and may evict the oldest flow if it would otherwise go to the wrong instance. Packets
 * that end a flow are not recorded.
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
						     lb_select_new(&s->pool, hash, s->instances) };
	else
		sel = lb_select_old(&s->pool, hash, s->instances);
	if (sel.instance == LB_INSTANCE_NONE || event >= LB_FLOW_EVENT_FIN)
		return sel;
	sel.record = true;
	sel.syn = s->syn;
	counts = lb_table_counts(s->table, sel.instance);
	if (event != LB_FLOW_EVENT_SYN)
		s->table->stats->flow_adopted++;
	else if (counts)
		counts->new_flows++;
	return sel;
}

/**
 * Expire another worker's record, which is of no use any more: at once, and with LB_FLOW_MOVED, so
 * that its worker looks here before it uses it again. That worker may reuse the slot for another
 * flow at the same moment; at worst, that flow expires early.
 */
LB_INLINE void lb_steer_expire(const struct lb_steer *s, struct lb_flow_ref there)
{
	uint32_t state = lb_bucket_state(there.bucket, there.slot);

	there.bucket->seen[there.slot] = (uint16_t)(s->now - s->timeouts->ticks[state] - 1);
	lb_or16(there.bucket->home, there.slot, LB_FLOW_MOVED);
}

/* Whether another worker's record is not stale for a packet that is no SYN. */
LB_INLINE bool lb_steer_is_live(const struct lb_steer *s, struct lb_flow_ref there)
{
	uint32_t home = lb_load_acquire(&there.bucket->home[there.slot]);

	return !lb_bucket_expired(there.bucket, there.slot, s->now, s->timeouts) &&
	       lb_instance_has(s->instances, home & LB_FLOW_INDEX, LB_INSTANCE_SERVES);
}

/* Whether another worker's record is of this packet's flow and not stale. */
LB_INLINE bool lb_steer_is_alive(const struct lb_steer *s, struct lb_flow_ref there)
{
	return lb_steer_is_syn(s) ? !lb_steer_begins(s, there) : lb_steer_is_live(s, there);
}

/**
 * A packet of a flow that another worker has recorded: the NIC has moved it here. It is to be
 * recorded here, and the other record expires at once: a flow has at most one live record, so it is
 * counted once, its end is seen by the worker that has it, and it has one instance. A stale record
 * expires too: its instance may serve again after the flow has continued on another one.
 * @there: its slot in the other worker's table.
 * Return: as lb_steer_miss(); no instance if the record is stale.
 */
LB_INLINE struct lb_selection lb_steer_elsewhere(const struct lb_steer *s, struct lb_flow_ref there)
{
	struct lb_selection sel = { .instance = LB_INSTANCE_NONE };
	uint32_t home = lb_load_acquire(&there.bucket->home[there.slot]);

	if (lb_load_acquire(&there.bucket->key[there.slot]) != s->key || (home & LB_FLOW_MOVED))
		return sel;
	if (lb_steer_is_alive(s, there)) {
		sel = (struct lb_selection){
			.instance = home & LB_FLOW_INSTANCE,
			.syn = (uint16_t)(lb_steer_is_syn(s) ? s->syn : home & LB_FLOW_SYN),
			.pinned = true,
			.record = true,
			.established =
				!lb_steer_is_syn(s) ||
				lb_bucket_state(there.bucket, there.slot) == LB_FLOW_ESTABLISHED,
		};
		s->table->stats->flow_adopted++;
	}
	lb_steer_expire(s, there);
	return sel;
}

/**
 * Whether a packet may go to the instance of a record that it can't change. Later packets will find
 * the record as it is, and go there: so must a SYN, even if it begins another flow, unless the
 * instance accepts none.
 */
LB_INLINE bool lb_steer_may_follow(const struct lb_steer *s, struct lb_flow_ref ref,
				   uint32_t instance)
{
	return !lb_steer_is_syn(s) ||
	       lb_instance_has(s->instances, instance, LB_INSTANCE_ACCEPTS) ||
	       !lb_steer_begins(s, ref);
}

/**
 * lb_steer_elsewhere() for a worker that can't record the flow: it stays recorded, and live, where
 * it is.
 * Return: its instance, or LB_INSTANCE_NONE if the record is stale.
 */
LB_INLINE uint32_t lb_steer_borrow(const struct lb_steer *s, struct lb_flow_ref there)
{
	uint32_t instance = lb_load_acquire(&there.bucket->home[there.slot]) & LB_FLOW_INDEX;

	if (lb_load_acquire(&there.bucket->key[there.slot]) != s->key ||
	    !lb_steer_is_live(s, there))
		return LB_INSTANCE_NONE;
	if (!lb_steer_may_follow(s, there, instance)) {
		lb_steer_expire(s, there);
		return LB_INSTANCE_NONE;
	}
	there.bucket->seen[there.slot] = s->now;
	return instance;
}

/** Record a packet's flow, as chosen by lb_steer_miss() or lb_steer_elsewhere(). */
LB_INLINE void lb_steer_record(const struct lb_steer *s, struct lb_selection sel)
{
	const struct lb_flow_insert flow = {
		.key = s->key,
		.spread = s->spread,
		.home = (uint16_t)(sel.instance | sel.syn),
		.now = s->now,
		.may_evict = sel.pinned,
		.secret = s->secret,
		.timeouts = s->timeouts,
	};
	struct lb_flow_ref ref;

	lb_table_insert(s->table, &flow);
	if (sel.established && lb_table_find(s->table, s->key, s->spread, &ref)) {
		lb_bucket_touch(ref.bucket, ref.slot, LB_TCP_ACK, s->now);
		lb_bucket_touch(ref.bucket, ref.slot, s->meta->tcp_flags, s->now);
	}
}

/**
 * A packet of a flow that is not in any table, or only in a record that is stale, in a table that
 * can't be written. The next packet may find it writable, and go where lb_steer_miss() or
 * lb_steer_rehome() says.
 * Return: the instance, or LB_INSTANCE_NONE, also for a SYN that the instance would not accept.
 */
LB_INLINE uint32_t lb_steer_unrecorded(const struct lb_steer *s)
{
	uint32_t instance = LB_INSTANCE_NONE;
	struct lb_flow_ref ref;

	if (lb_table_find(s->table, s->key, s->spread, &ref))
		instance = lb_bucket_instance(ref.bucket, ref.slot);
	if (!lb_instance_has(s->instances, instance, LB_INSTANCE_SERVES))
		instance = lb_select_old(&s->pool, lb_steer_hash(s), s->instances).instance;
	if (lb_steer_is_syn(s) && !lb_instance_has(s->instances, instance, LB_INSTANCE_ACCEPTS))
		return LB_INSTANCE_NONE;
	return instance;
}

/**
 * An ICMP error about a flow.
 * @recorded: its instance in the flow tables, or LB_INSTANCE_NONE.
 * Return: the instance to send it to, or LB_INSTANCE_NONE.
 */
LB_INLINE uint32_t lb_steer_error(const struct lb_steer *s, uint32_t recorded)
{
	if (lb_instance_has(s->instances, recorded, LB_INSTANCE_SERVES))
		return recorded;
	return lb_select_old(&s->pool, lb_steer_hash(s), s->instances).instance;
}

#endif
