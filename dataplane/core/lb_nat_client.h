/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that keep their client's address and port, `source: client`. They need no NAT port:
 * their records lie among the others by a hash of client and instance with both ports, all of which
 * an instance's packets have, too.
 *
 * Services may share a port of an instance: the record tells which of them a reply belongs to. Two
 * connections of one client's port to such services would be the same one for the instance, so the
 * second has to wait until the first is over.
 */
#ifndef LB_NAT_CLIENT_H
#define LB_NAT_CLIENT_H

#include "dataplane/core/lb_memory.h"
#include "dataplane/core/lb_nat_find.h"

/* The ends of a connection at its instance. */
struct lb_nat_pair {
	struct lb_addr client;
	struct lb_addr instance;
	lb_be16 client_port;
	lb_be16 instance_port;
};

/* From whom a reply comes, and for whom it is. */
struct lb_nat_way {
	struct lb_nat_ref ref; /* no record: the packet is of no connection */
	const struct lb_instance *instance;
	const struct lb_service *service;
};

/* ---- Hashes ---- */

/** Where a record is looked for: by a pair with `source: client`, else by the flow's spread. */
LB_INLINE uint32_t lb_nat_pair_hash(const struct lb_secret *secret, const struct lb_nat_pair *pair)
{
	uint32_t salt = (uint32_t)(lb_addr_hash(pair->instance) >> 32) +
			(uint32_t)pair->instance_port * 0x9e3779b1u;
	uint64_t hash;

	if (lb_addr_is_4(pair->client))
		hash = lb_flow_hash4(secret, (uint32_t)(pair->client.word[1] >> 32),
				     pair->client_port, salt);
	else
		hash = lb_flow_hash6(secret, (const uint8_t *)&pair->client, pair->client_port,
				     salt);
	return (uint32_t)(hash >> 32);
}

LB_INLINE uint32_t lb_nat_hash(uint64_t spread)
{
	return (uint32_t)(lb_hash_mix(spread + LB_HASH_MUL1) >> 32);
}

/** lb_nat_flow.hash. */
LB_INLINE uint32_t lb_nat_flow_hash(const struct lb_nat *nat, uint8_t source, uint64_t spread,
				    const struct lb_nat_pair *pair)
{
	return source == LB_NAT_SOURCE_CLIENT ? lb_nat_pair_hash(nat->secret, pair)
					      : lb_nat_hash(spread);
}

/* ---- Records ---- */

#define LB_NAT_CHOICES 2 /* where a record may be: no port depends on it */

/** All records of a worker. */
LB_INLINE struct lb_nat_share lb_nat_all(const struct lb_nat *nat, uint32_t worker)
{
	return (struct lb_nat_share){ nat->memory[worker]->record, nat->n_spaces * nat->room };
}

/** The hash of a choice. @n: below LB_NAT_CHOICES. */
LB_INLINE uint32_t lb_nat_choice(uint32_t hash, uint32_t n)
{
	return n ? hash * 0x9e3779b1u : hash;
}

/** As lb_nat_find(), for any service. */
LB_INLINE struct lb_nat_ref lb_nat_flow_find(const struct lb_nat *nat, uint32_t worker,
					     const struct lb_nat_flow *flow,
					     struct lb_addr instance)
{
	const uint32_t reach = nat->memory[worker]->reach;
	struct lb_nat_flow placed = *flow;
	struct lb_nat_share all;

	if (flow->source != LB_NAT_SOURCE_CLIENT)
		return lb_nat_find(nat, worker, flow, instance);
	all = lb_nat_all(nat, worker);
	for (uint32_t n = 0; n < LB_NAT_CHOICES; n++) {
		uint32_t at;

		placed.hash = lb_nat_choice(flow->hash, n);
		at = lb_nat_search(&all, reach, &placed, 0);
		if (lb_likely(at != LB_NAT_PORT_NONE))
			return (struct lb_nat_ref){ all.record + at, worker, at };
	}
	return (struct lb_nat_ref){ NULL, 0, 0 };
}

/** As lb_nat_claim(), for any service. */
LB_INLINE struct lb_nat_ref lb_nat_flow_claim(const struct lb_nat *nat,
					      const struct lb_nat_flow *flow,
					      struct lb_addr instance, uint16_t now,
					      enum lb_nat_was *was)
{
	struct lb_nat_flow placed = *flow;
	struct lb_nat_share all;

	if (flow->source != LB_NAT_SOURCE_CLIENT)
		return lb_nat_claim(nat, flow, instance, now, was);
	all = lb_nat_all(nat, nat->worker);
	for (uint32_t n = 0; n < LB_NAT_CHOICES; n++) {
		uint32_t at;

		placed.hash = lb_nat_choice(flow->hash, n);
		at = lb_nat_choose(&all, placed.hash, now, &nat->params->timeouts);
		if (at == LB_NAT_PORT_NONE)
			continue;
		*was = lb_nat_was(&all.record[at], now, &nat->params->timeouts);
		lb_nat_fill(nat->memory[nat->worker], &all, &placed, 0, at);
		return (struct lb_nat_ref){ all.record + at, nat->worker, at };
	}
	return (struct lb_nat_ref){ NULL, 0, 0 };
}

/** The source that an instance sees of a connection. @src: as lb_ends has it. Return: its port. */
LB_INLINE lb_be16 lb_nat_source(const struct lb_nat *nat, const struct lb_nat_flow *flow,
				struct lb_nat_ref ref, uint8_t *src)
{
	if (flow->source == LB_NAT_SOURCE_CLIENT) {
		lb_addr_store(src, flow->client);
		return flow->client_port;
	}
	lb_addr_store(src, lb_addr_load(nat->params->address[ref.record->address]));
	return lb_nat_port(nat, ref.worker, ref.at);
}

/* ---- Replies ---- */

/* Whether a record is of a pair. @way: set if so, but for its ref. */
LB_INLINE bool lb_nat_is_pair(const struct lb_nat *nat, const struct lb_instances *instances,
			      const struct lb_nat_record *record, const struct lb_nat_pair *pair,
			      uint16_t now, struct lb_nat_way *way)
{
	if (!lb_addr_equal(lb_addr_load(record->client), pair->client) ||
	    record->client_port != pair->client_port ||
	    lb_nat_is_free(record, now, &nat->params->timeouts))
		return false;
	way->instance = lb_instance_at(instances, record->instance);
	way->service = lb_service_by_id(nat->services, nat->by_id, record->service);
	return way->instance && way->service && lb_instance_is_there(way->instance) &&
	       way->service->source == LB_NAT_SOURCE_CLIENT &&
	       way->service->instance_port == pair->instance_port &&
	       lb_addr_equal(lb_addr_instance(way->instance), pair->instance);
}

/** The connection of a pair, of any service, in a worker's memory. @hash: lb_nat_pair_hash(). */
LB_INLINE struct lb_nat_way lb_nat_way_of(const struct lb_nat *nat,
					  const struct lb_instances *instances,
					  const struct lb_nat_pair *pair, uint32_t hash,
					  uint32_t worker, uint16_t now)
{
	const uint32_t reach = nat->memory[worker]->reach;
	const struct lb_nat_share all = lb_nat_all(nat, worker);
	struct lb_nat_way way = { { NULL, 0, 0 }, NULL, NULL };

	for (uint32_t n = 0; n < LB_NAT_CHOICES; n++) {
		uint32_t at = lb_hash_range(lb_nat_choice(hash, n), all.n);

		for (uint32_t i = 0; i < LB_NAT_TRIES && i < reach; i++) {
			if (lb_nat_is_pair(nat, instances, &all.record[at], pair, now, &way)) {
				way.ref = (struct lb_nat_ref){ all.record + at, worker, at };
				return way;
			}
			at = at + 1 < all.n ? at + 1 : 0;
		}
	}
	return way;
}

/** The ends of a packet from an instance to a client. */
LB_INLINE struct lb_nat_pair lb_nat_pair_back(const struct lb_meta *meta)
{
	return (struct lb_nat_pair){ lb_addr_vip(meta), lb_addr_client(meta), meta->vip_port,
				     meta->client_port };
}

/** Whether a packet may be from an instance to a client. */
LB_INLINE bool lb_nat_may_be_back(const struct lb_nat *nat, const struct lb_meta *meta)
{
	return lb_nat_has_port(nat->ports, meta->client_port);
}

/** The connection of a packet that is for no address of this node. */
LB_INLINE struct lb_nat_way lb_nat_way_to_client(const struct lb_nat *nat,
						 const struct lb_instances *instances,
						 const struct lb_meta *meta, uint16_t now)
{
	const struct lb_nat_pair pair = lb_nat_pair_back(meta);
	struct lb_nat_way way = { { NULL, 0, 0 }, NULL, NULL };
	uint32_t hash;

	if (!lb_nat_may_be_back(nat, meta))
		return way;
	hash = lb_nat_pair_hash(nat->secret, &pair);
	way = lb_nat_way_of(nat, instances, &pair, hash, nat->worker, now);
	for (uint32_t i = 0; i < nat->n_workers && !way.ref.record; i++)
		if (i != nat->worker)
			way = lb_nat_way_of(nat, instances, &pair, hash, i, now);
	return way;
}

#endif
