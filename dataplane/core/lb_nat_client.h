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

/** The hash of a choice. @n: below LB_NAT_CHOICES. */
LB_INLINE uint32_t lb_nat_choice(uint32_t hash, uint32_t n)
{
	return n ? hash * 0x9e3779b1u : hash;
}

LB_INLINE bool lb_nat_is_client(const struct lb_nat_flow *flow)
{
	return LB_NAT_HAS_CLIENTS && flow->source == LB_NAT_SOURCE_CLIENT;
}

/** In how many places of a worker's memory a connection may be. @instance: its address. */
LB_INLINE uint32_t lb_nat_flow_places(const struct lb_nat *nat, const struct lb_nat_flow *flow,
				      struct lb_addr instance)
{
	return lb_nat_is_client(flow) ? LB_NAT_CHOICES : lb_nat_addresses(nat, instance);
}

/** As lb_nat_find_nth(), for any service. @nth: of lb_nat_flow_places(). */
LB_INLINE struct lb_nat_ref lb_nat_flow_find_nth(const struct lb_nat *nat, uint32_t worker,
						 const struct lb_nat_flow *flow,
						 struct lb_addr instance, uint32_t nth)
{
	const struct lb_nat_area *area = lb_nat_area(nat, worker);
	struct lb_nat_flow placed;
	struct lb_nat_share all;
	uint32_t at;

	if (!lb_nat_is_client(flow))
		return lb_nat_find_nth(nat, worker, flow, instance, nth);
	all = lb_nat_all(nat, worker);
	placed = *flow;
	placed.hash = lb_nat_choice(flow->hash, nth);
	at = area ? lb_nat_search(&all, area->reach, &placed, 0) : LB_NAT_PORT_NONE;
	if (lb_unlikely(at == LB_NAT_PORT_NONE))
		return (struct lb_nat_ref){ NULL, 0, 0 };
	return (struct lb_nat_ref){ lb_nat_share_at(&all, at), worker, at };
}

/** Find a connection in a worker's memory. */
LB_INLINE struct lb_nat_ref lb_nat_flow_find(const struct lb_nat *nat, uint32_t worker,
					     const struct lb_nat_flow *flow,
					     struct lb_addr instance)
{
	struct lb_nat_ref ref = { NULL, 0, 0 };

	for (uint32_t i = 0; i < lb_nat_flow_places(nat, flow, instance); i++) {
		ref = lb_nat_flow_find_nth(nat, worker, flow, instance, i);
		if (lb_likely(ref.record))
			break;
	}
	return ref;
}

/** As lb_nat_claim(), for any service. @nth: of lb_nat_flow_places(). */
LB_INLINE struct lb_nat_ref lb_nat_flow_claim(const struct lb_nat *nat,
					      const struct lb_nat_flow *flow,
					      struct lb_addr instance, uint32_t nth, uint16_t now,
					      enum lb_nat_was *was)
{
	struct lb_nat_flow placed;
	struct lb_nat_share all;
	uint32_t at;

	if (!lb_nat_is_client(flow))
		return lb_nat_claim(nat, flow, instance, nth, now, was);
	all = lb_nat_all(nat, nat->worker);
	placed = *flow;
	placed.hash = lb_nat_choice(flow->hash, nth);
	at = lb_nat_claim_in(nat, &all, &placed, 0, now, was);
	if (at == LB_NAT_PORT_NONE)
		return (struct lb_nat_ref){ NULL, 0, 0 };
	return (struct lb_nat_ref){ lb_nat_share_at(&all, at), nat->worker, at };
}

/** The source that an instance sees of a connection. @src: as lb_ends has it. Return: its port. */
LB_INLINE lb_be16 lb_nat_source(const struct lb_nat *nat, const struct lb_nat_flow *flow,
				struct lb_nat_ref ref, uint8_t *src)
{
	if (lb_nat_is_client(flow)) {
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
	way->service = lb_nat_service(nat, record->service);
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
	const uint32_t reach = lb_nat_area(nat, worker)->reach;
	const struct lb_nat_share all = lb_nat_all(nat, worker);
	struct lb_nat_way way = { { NULL, 0, 0 }, NULL, NULL };

	for (uint32_t n = 0; n < LB_NAT_CHOICES; n++) {
		uint32_t at = lb_hash_range(lb_nat_choice(hash, n), all.n);

		for (uint32_t i = 0; i < LB_NAT_TRIES && i < reach; i++) {
			struct lb_nat_record *record = lb_nat_share_at(&all, at);

			if (lb_nat_is_pair(nat, instances, record, pair, now, &way)) {
				way.ref = (struct lb_nat_ref){ record, worker, at };
				return way;
			}
			at = lb_nat_after(at, all.n);
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
