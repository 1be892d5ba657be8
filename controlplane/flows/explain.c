/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/flows/explain.h"

#include <string.h>

#include "dataplane/core/lb_packet.h"

#define TOKENS (UINT32_MAX / 2) /* of lookups in other workers' tables */
#define SHARE_PORTS 512
#define SHARE_PORT_FIRST 32768 /* of Linux's range, without 60999 and above */
#define SHARE_PORT_STEP 55

/* ---- The packet ---- */

static void meta_fill(const struct explain_query *query, struct lb_meta *meta)
{
	*meta = (struct lb_meta){
		.class = LB_CLASS_FLOW,
		.family = query->vip.family,
		.proto = LB_IPPROTO_TCP,
		.l3_offset = sizeof(struct lb_eth),
		.client_port = lb_cpu_to_be16(query->client_port),
		.vip_port = lb_cpu_to_be16(query->vip_port),
	};
	if (meta->family == 4) {
		meta->client4 = lb_load32(query->client.bytes);
		meta->vip4 = lb_load32(query->vip.bytes);
		return;
	}
	memcpy(meta->client6, query->client.bytes, sizeof(meta->client6));
	memcpy(meta->vip6, query->vip.bytes, sizeof(meta->vip6));
}

const struct lb_service *explain_packet(const struct flows_view *view,
					const struct explain_query *query, struct lb_packet *packet)
{
	const struct lb_service *service;

	*packet = (struct lb_packet){ .now = view->now };
	meta_fill(query, &packet->meta);
	/* On a trunk: from a network that it is announced on. */
	service = view->services ? lb_service_find(view->services, &packet->meta) : NULL;
	if (!service || service->pool >= LB_POOLS_MAX)
		return NULL;
	lb_packet_set_service(packet, service);
	lb_packet_set_key(packet, &view->secret, service);
	return service;
}

/* ---- Its records ---- */

/* The live record first: its worker gets the packets. Return: how many. */
static uint32_t records_read(const struct flows_view *view, struct explain_room *room,
			     struct explain *e)
{
	uint32_t n = 0;

	e->read = FLOWS_NOT_FOUND;
	for (uint32_t i = 0; i < view->n_regions; i++) {
		struct flows_record record;
		enum flows_read read =
			flows_read_find(view, i, e->packet.key, e->packet.spread, &record);

		if (read == FLOWS_UNSTABLE && e->read == FLOWS_NOT_FOUND)
			e->read = read;
		if (read != FLOWS_FOUND)
			continue;
		room->record[n] = record;
		if (n && !flows_record_is_moved(&record)) {
			room->record[n] = room->record[0];
			room->record[0] = record;
		}
		n++;
	}
	if (!n)
		return 0;
	e->read = FLOWS_FOUND;
	e->record = room->record[0];
	return n;
}

/*
 * A table of one bucket: both buckets of every key. What a packet gets depends on its flow's record,
 * not on the neighbours of that.
 */
static void table_fill(struct explain_room *room, uint32_t i, const struct flows_record *record)
{
	struct lb_bucket *bucket = &room->bucket[i];

	room->table[i] = (struct lb_table){
		.bucket = bucket,
		.n_buckets = 1,
		.stats = &room->stats[i],
		.instance_stats = room->counts,
	};
	room->peer[i] = &room->table[i];
	room->stats[i].flow_moved = 0;
	*bucket = (struct lb_bucket){ .meta = 0 };
	if (record)
		lb_bucket_put(bucket, 0, record->key, record->home, record->seen, record->state);
}

/* ---- The decision ---- */

static uint64_t hash_of(const struct flows_view *view, const struct lb_packet *packet)
{
	const struct lb_steer steer = {
		.secret = &view->secret,
		.meta = &packet->meta,
		.key = packet->key,
		.salt = packet->salt,
		.affinity = packet->affinity,
	};

	return lb_steer_hash(&steer);
}

static void slot_fill(const uint16_t *slots, uint32_t n, uint64_t hash, struct explain_slot *out)
{
	*out = (struct explain_slot){ .n = n, .instance = LB_INSTANCE_NONE };
	if (!n)
		return;
	out->slot = lb_flow_slot(hash, n);
	out->instance = slots[out->slot];
}

static enum explain_why why_of(const struct explain *e, uint32_t choice, bool begins,
			       bool by_record)
{
	uint32_t instance = choice & LB_CHOICE_INSTANCE;

	if (choice & LB_CHOICE_DENIED)
		return EXPLAIN_DENIED;
	if (instance == LB_INSTANCE_NONE)
		return choice & LB_CHOICE_VIP_SOURCE ? EXPLAIN_VIP_SOURCE : EXPLAIN_NONE;
	if (by_record)
		return EXPLAIN_RECORD;
	if (begins || !e->previous.n)
		return instance == e->current.instance ? EXPLAIN_CURRENT : EXPLAIN_DRAWN;
	if (instance == e->previous.instance)
		return instance == e->current.instance ? EXPLAIN_BOTH : EXPLAIN_PREVIOUS;
	return instance == e->current.instance ? EXPLAIN_CURRENT : EXPLAIN_DRAWN;
}

/* What the decision has counted is of no further use. */
static void counts_clear(struct explain_room *room, uint32_t n_records, uint32_t instance)
{
	if (instance < LB_INSTANCES_MAX)
		room->counts[instance] = (struct lb_instance_stats){ .flows = 0 };
	for (uint32_t i = 0; i < n_records; i++)
		room->counts[room->record[i].home & LB_FLOW_INSTANCE] =
			(struct lb_instance_stats){ .flows = 0 };
}

static struct lb_env env_make(const struct flows_view *view, struct explain_room *room,
			      uint32_t n_records, struct lb_rate *peek_rate)
{
	table_fill(room, 0, n_records ? &room->record[0] : NULL);
	for (uint32_t i = 1; i < n_records; i++)
		table_fill(room, i, &room->record[i]);
	return (struct lb_env){
		.table = room->table[0],
		.instances = view->instances,
		.services = view->services,
		.secret = &view->secret,
		.timeouts = &view->timeouts,
		.pools = view->pool,
		.peek_rate = peek_rate,
		.n_peers = n_records,
		.peers = room->peer,
		.own = &room->table[0],
	};
}

static uint32_t rule_of(const struct flows_view *view, const struct lb_packet *from)
{
	const struct lb_env env = { .services = view->services };
	struct lb_packet packet = *from;

	packet.where.env = &env;
	return packet.access ? lb_decide_access(&packet) : 0;
}

static struct explain_choice decide(const struct flows_view *view, struct explain_room *room,
				    uint32_t n_records, const struct explain *e, bool begins)
{
	struct lb_rate peek_rate = { .tokens = TOKENS };
	const struct lb_env env = env_make(view, room, n_records, &peek_rate);
	struct lb_packet packet = e->packet;
	bool has_begun, is_moved = false;
	struct explain_choice result;
	uint32_t choice;

	packet.where.env = &env;
	packet.meta.tcp_flags = begins ? LB_TCP_SYN : LB_TCP_ACK;
	packet.syn = begins ? e->packet.syn : 0;
	choice = lb_decide_instance(&env, &packet);
	result.instance = choice & LB_CHOICE_INSTANCE;
	has_begun = result.instance < LB_INSTANCES_MAX && room->counts[result.instance].new_flows;
	for (uint32_t i = 0; i < n_records; i++)
		is_moved |= room->stats[i].flow_moved != 0;
	result.is_moved = is_moved;
	result.why = why_of(e, choice, begins, n_records && !has_begun && !is_moved);
	counts_clear(room, n_records, result.instance);
	return result;
}

/* A connection's SYN differs from that of the one before on the same ports. */
static uint16_t syn_other(uint16_t home)
{
	uint32_t bits = (home & LB_FLOW_SYN) >> LB_FLOW_SYN_SHIFT;

	return (uint16_t)((bits % 7 + 1) << LB_FLOW_SYN_SHIFT);
}

void explain_run(const struct flows_view *view, const struct explain_query *query,
		 struct explain_room *room, struct explain *e)
{
	const struct lb_pool_view *pool;
	uint32_t n_records;

	*e = (struct explain){ .service = NULL };
	e->service = explain_packet(view, query, &e->packet);
	if (!e->service) {
		e->is_vip =
			view->services && lb_service_vip(view->services, &e->packet.meta) != NULL;
		return;
	}
	pool = &view->pool[e->packet.pool];
	e->rule = rule_of(view, &e->packet);
	e->hash = hash_of(view, &e->packet);
	slot_fill(pool->current, pool->n_current, e->hash, &e->current);
	slot_fill(pool->previous, pool->n_previous, e->hash, &e->previous);
	n_records = records_read(view, room, e);
	e->packet.syn = query->syn ? query->syn : syn_other(n_records ? e->record.home : 0);
	e->begin = decide(view, room, n_records, e, true);
	e->go_on = decide(view, room, n_records, e, false);
}

uint32_t explain_share(const struct flows_view *view, const struct explain_query *query,
		       struct explain_room *room, uint32_t *counts)
{
	struct explain_query each = *query;
	struct explain e;

	memset(counts, 0, LB_INSTANCES_MAX * sizeof(*counts));
	for (uint32_t i = 0; i < SHARE_PORTS; i++) {
		each.client_port = (uint16_t)(SHARE_PORT_FIRST + i * SHARE_PORT_STEP);
		explain_run(view, &each, room, &e);
		if (!e.service)
			return 0;
		if (e.begin.instance < LB_INSTANCES_MAX)
			counts[e.begin.instance]++;
	}
	return SHARE_PORTS;
}
