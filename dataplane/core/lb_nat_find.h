/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the records of translated connections are (core/lb_nat.h): by NAT address, instance and
 * port for a packet from an instance; by its flow for one from a client.
 *
 * The records are reached by "lb_records.h", which the include path chooses as it does
 * "lb_tables.h" (core/lb_memory.h).
 *
 * All workers may use all records, since who begins a connection or ends one compares and
 * exchanges the word that has its state. Of two that begin one in the same record only the first
 * one has it.
 */
#ifndef LB_NAT_FIND_H
#define LB_NAT_FIND_H

#include "lb_records.h"

#define LB_NAT_HOP_TRIES 16

/** Set what follows from the other fields. Return: false if the ports exceed the memory. */
LB_INLINE bool lb_nat_set_ports(struct lb_nat *nat)
{
	uint32_t n = (uint32_t)nat->params->port_last - nat->params->port_first + 1;

	nat->share = n / nat->n_workers;
	if (!nat->params->port_first || !nat->share || nat->share > nat->room || !nat->n_spaces)
		return false;
	nat->inverse = (((uint64_t)1 << 32) + nat->share - 1) / nat->share;
	return true;
}

#define LB_NAT_SPACES_MIN 4

/**
 * Port spaces for that many flows. A quarter more, since instances meet in some spaces more than in
 * others; at least a few, so that small configurations do not depend on that.
 * @ports: of each space.
 */
LB_INLINE uint32_t lb_nat_spaces_for(uint32_t flows, uint32_t ports)
{
	uint64_t wanted = ((uint64_t)flows * 5 / 4 + ports - 1) / ports;

	return wanted < LB_NAT_SPACES_MIN ? LB_NAT_SPACES_MIN : (uint32_t)wanted;
}

/** lb_nat_space(), if the hash of the NAT address is known. */
LB_INLINE uint32_t lb_nat_space_by_hash(const struct lb_nat *nat, uint64_t address_hash,
					struct lb_addr instance)
{
	uint64_t x = lb_hash_mix(address_hash + lb_addr_hash(instance) * LB_HASH_MUL1);

	return lb_hash_range((uint32_t)x, nat->n_spaces);
}

LB_INLINE uint32_t lb_nat_space(const struct lb_nat *nat, struct lb_addr address,
				struct lb_addr instance)
{
	return lb_nat_space_by_hash(nat, lb_addr_hash(address), instance);
}

/** The port of a record. @at: its index in a worker's share. */
LB_INLINE lb_be16 lb_nat_port(const struct lb_nat *nat, uint32_t worker, uint32_t at)
{
	return lb_cpu_to_be16((uint16_t)(nat->params->port_first + worker * nat->share + at));
}

/* A connection as its client's packets have it. */
struct lb_nat_flow {
	struct lb_addr client;
	lb_be16 client_port;
	uint16_t service;
	uint16_t instance;
	uint32_t hash;	/* keyed: lb_nat_flow_hash() */
	uint8_t source; /* enum lb_nat_source */
	uint8_t is_syn; /* it begins */
	lb_be32 seq;	/* of its SYN */
};

/* ---- Ports ---- */

#define LB_NAT_TRIES 32
#define LB_NAT_PORT_NONE 0xffffffffu

/* Ticks that the writer of a time may be ahead of its reader: workers read the clock apart. */
#define LB_NAT_AHEAD 16

/** Idle time in ticks; an expired record is swept before that is near the wrap. */
LB_INLINE uint32_t lb_nat_idle(const struct lb_nat_record *record, uint16_t now)
{
	uint32_t idle = (uint16_t)(now - record->seen);

	return idle > 0xffffu - LB_NAT_AHEAD ? 0 : idle;
}

LB_INLINE bool lb_nat_is_free(const struct lb_nat_record *record, uint16_t now,
			      const struct lb_nat_timeouts *timeouts)
{
	uint32_t state = record->state & 7;

	return state == LB_NAT_FREE || lb_nat_idle(record, now) > timeouts->ticks[state];
}

/* Half-open, or at rest and no obstacle to a SYN (RFC 6191). */
LB_INLINE bool lb_nat_may_evict(const struct lb_nat_record *record, const struct lb_nat_flow *flow)
{
	return record->state <= LB_NAT_ANSWERED ||
	       (flow->is_syn && lb_nat_may_begin(record, flow->seq));
}

/*
 * The index after @at, of @n; round to 0 without a branch, of which the
 * verifier of BPF would have to follow both ways, in each round of a loop.
 */
LB_INLINE uint32_t lb_nat_after(uint32_t at, uint32_t n)
{
	uint32_t next = at + 1, is_below = (uint32_t)(((uint64_t)next - n) >> 32);

	LB_OPAQUE(is_below);
	return next & is_below;
}

/**
 * Choose a port.
 * @flow: its hash is keyed: who does not know the secret can't foretell the port (RFC 6056
 *	section 3.3.3), and on a node with few flows the same flow has the same port again.
 * Return: index in the share of a record that is free or expired, else that of the one that has
 * waited longest of those that lb_nat_may_evict(); LB_NAT_PORT_NONE if there is none.
 */
LB_INLINE uint32_t lb_nat_choose(const struct lb_nat_share *share, const struct lb_nat_flow *flow,
				 uint16_t now, const struct lb_nat_timeouts *timeouts)
{
	uint32_t at = lb_hash_range(flow->hash, share->n), victim = LB_NAT_PORT_NONE, longest = 0;

	for (uint32_t i = 0; i < LB_NAT_TRIES && i < share->n; i++) {
		const struct lb_nat_record *record = lb_nat_share_at(share, at);
		uint32_t idle;

		if (!record)
			break;
		idle = lb_nat_idle(record, now);
		if (lb_nat_is_free(record, now, timeouts))
			return at;
		if (lb_nat_may_evict(record, flow) && idle >= longest) {
			longest = idle;
			victim = at;
		}
		at = lb_nat_after(at, share->n);
	}
	return victim;
}

/* ---- Records ---- */

/* A record, and whose it is. */
struct lb_nat_ref {
	struct lb_nat_record *record; /* NULL: there is none */
	uint32_t worker;
	uint32_t at; /* in the worker's share */
};

LB_INLINE struct lb_nat_ref lb_nat_ref(const struct lb_nat *nat, uint32_t worker, uint32_t space,
				       uint32_t at)
{
	const struct lb_nat_share share = lb_nat_share(nat, worker, space);

	return (struct lb_nat_ref){ lb_nat_share_at(&share, at), worker, at };
}

/** The record that a NAT port leads to; of any connection. */
LB_INLINE struct lb_nat_ref lb_nat_at(const struct lb_nat *nat, uint32_t space, lb_be16 port)
{
	uint32_t at = (uint32_t)lb_be16_to_cpu(port) - nat->params->port_first;
	uint32_t worker = (uint32_t)(at * nat->inverse >> 32);

	if (at > 0xffff || worker >= nat->n_workers)
		return (struct lb_nat_ref){ NULL, 0, 0 };
	at -= worker * nat->share;
	return lb_nat_ref(nat, worker, space, at);
}

LB_INLINE bool lb_nat_is_of(const struct lb_nat_record *record, const struct lb_nat_flow *flow,
			    uint32_t address)
{
	return lb_addr_equal(lb_addr_load(record->client), flow->client) &&
	       record->client_port == flow->client_port && record->service == flow->service &&
	       record->instance == flow->instance && record->address == address &&
	       record->state != LB_NAT_FREE;
}

/** Find a connection in a worker's ports of one space. @reach: records to look at. */
LB_INLINE uint32_t lb_nat_search(const struct lb_nat_share *share, uint32_t reach,
				 const struct lb_nat_flow *flow, uint32_t address)
{
	uint32_t at = lb_hash_range(flow->hash, share->n);

	for (uint32_t i = 0; i < LB_NAT_TRIES && i < reach; i++) {
		const struct lb_nat_record *record = lb_nat_share_at(share, at);

		LB_OPAQUE(flow); /* clang would keep its fields on the stack */
		if (lb_likely(record && lb_nat_is_of(record, flow, address)))
			return at;
		at = lb_nat_after(at, share->n);
	}
	return LB_NAT_PORT_NONE;
}

/** The addresses that an instance can be reached from, in a flow's order. @n: below their number. */
LB_INLINE uint32_t lb_nat_address_of(const struct lb_nat_index *index, uint32_t family,
				     const struct lb_nat_flow *flow, uint32_t n)
{
	uint32_t at;

	LB_OPAQUE(flow);
	LB_OPAQUE(index);
	at = lb_hash_range(flow->hash * 0x9e3779b1u, index->n[family]) + n;

	at = at < index->n[family] ? at : at - index->n[family];
	return index->list[family][at % LB_NAT_ADDRESSES_MAX] % LB_NAT_ADDRESSES_MAX;
}

/** How many addresses an instance can be reached from. */
LB_INLINE uint32_t lb_nat_addresses(const struct lb_nat *nat, struct lb_addr instance)
{
	return nat->index->n[lb_addr_is_4(instance) ? 0 : 1];
}

/**
 * Find a client's connection in a worker's ports of one address.
 * @instance: its address. @nth: of lb_nat_addresses().
 */
LB_INLINE struct lb_nat_ref lb_nat_find_nth(const struct lb_nat *nat, uint32_t worker,
					    const struct lb_nat_flow *flow, struct lb_addr instance,
					    uint32_t nth)
{
	const uint32_t family = lb_addr_is_4(instance) ? 0 : 1;
	const uint32_t address = lb_nat_address_of(nat->index, family, flow, nth);
	const struct lb_addr from = lb_addr_load(nat->params->address[address]);
	const struct lb_nat_share share =
		lb_nat_share(nat, worker, lb_nat_space(nat, from, instance));
	const struct lb_nat_area *area = lb_nat_area(nat, worker);
	uint32_t at = area ? lb_nat_search(&share, area->reach, flow, address) : LB_NAT_PORT_NONE;

	if (lb_unlikely(at == LB_NAT_PORT_NONE))
		return (struct lb_nat_ref){ NULL, 0, 0 };
	return (struct lb_nat_ref){ lb_nat_share_at(&share, at), worker, at };
}

/** Find it in a worker's ports. */
LB_INLINE struct lb_nat_ref lb_nat_find(const struct lb_nat *nat, uint32_t worker,
					const struct lb_nat_flow *flow, struct lb_addr instance)
{
	struct lb_nat_ref ref = { NULL, 0, 0 };

	for (uint32_t i = 0; i < lb_nat_addresses(nat, instance); i++) {
		ref = lb_nat_find_nth(nat, worker, flow, instance, i);
		if (lb_likely(ref.record))
			break;
	}
	return ref;
}

/**
 * The index that a router has in a worker's memory.
 * Return: @otherwise if another one has just taken the place: the client's next packet comes here
 * again.
 */
LB_INLINE uint8_t lb_nat_hop(struct lb_nat_area *area, uint64_t mac, uint8_t otherwise)
{
	uint32_t first = (uint32_t)(mac * LB_HASH_MUL1 >> 56), at = first;

	for (uint32_t i = 0; i < LB_NAT_HOP_TRIES; i++) {
		if (area->hop[at] == mac)
			return (uint8_t)at;
		if (!area->hop[at])
			break;
		at = (at + 1) % LB_NAT_HOPS;
	}
	if (!area->hop[at])
		return lb_cas64(&area->hop[at], 0, mac) ? (uint8_t)at : otherwise;
	/* Its connections get their own back with the client's next packet. */
	area->hop[first] = mac;
	return (uint8_t)first;
}

/* How far a record is from its flow's first choice. */
LB_INLINE uint32_t lb_nat_distance(const struct lb_nat_share *share, const struct lb_nat_flow *flow,
				   uint32_t at)
{
	uint32_t first = lb_hash_range(flow->hash, share->n);

	return at >= first ? at - first : at + share->n - first;
}

enum lb_nat_was {
	LB_NAT_WAS_FREE,
	LB_NAT_WAS_EXPIRED, /* or at rest */
	LB_NAT_WAS_HALF_OPEN,
	LB_NAT_WAS_LIVE, /* begun, and answered, by others since it was chosen */
};

LB_INLINE enum lb_nat_was lb_nat_was(const struct lb_nat_record *record, uint16_t now,
				     const struct lb_nat_timeouts *timeouts)
{
	if (record->state == LB_NAT_FREE)
		return LB_NAT_WAS_FREE;
	if (lb_nat_is_free(record, now, timeouts) || record->state >= LB_NAT_FIN_BOTH)
		return LB_NAT_WAS_EXPIRED;
	return record->state <= LB_NAT_ANSWERED ? LB_NAT_WAS_HALF_OPEN : LB_NAT_WAS_LIVE;
}

/** No record of a worker's may be further from its flow's first choice than its reach. */
LB_INLINE void lb_nat_reach_set(struct lb_nat_area *area, uint32_t distance)
{
	for (uint32_t i = 0; i < LB_NAT_TRIES; i++) {
		uint32_t reach = lb_load_acquire(&area->reach);

		if (reach > distance || lb_cas32(&area->reach, reach, distance + 1))
			return;
	}
}

/*
 * Make a record that was chosen the connection's. Its time goes first, so that another one that
 * sees the new state does not take it for expired.
 */
LB_INLINE bool lb_nat_record_take(struct lb_nat_record *record, const struct lb_nat_flow *flow,
				  uint32_t address, uint32_t was, uint16_t now)
{
	struct lb_nat_record next = { .word = was };

	LB_OPAQUE(flow);
	next.instance = flow->instance & 0x7fff;
	next.is_proxy_due = 0;
	next.state = LB_NAT_OPENING;
	next.address = address % LB_NAT_ADDRESSES_MAX;
	lb_store_release(&record->seen, now);
	if (!lb_cas32(&record->word, was, next.word))
		return false;
	lb_store64(record->client, flow->client.word[0]);
	lb_store64(record->client + 8, flow->client.word[1]);
	record->client_port = flow->client_port;
	record->service = flow->service;
	return true;
}

/**
 * Give a connection a record of a share of this worker's.
 * @was: what was in its place.
 * Return: its index, or LB_NAT_PORT_NONE; all but the connection's ends, its time and its state is
 * to be set.
 */
LB_INLINE uint32_t lb_nat_claim_in(const struct lb_nat *nat, const struct lb_nat_share *share,
				   const struct lb_nat_flow *flow, uint32_t address, uint16_t now,
				   enum lb_nat_was *was)
{
	uint32_t at = lb_nat_choose(share, flow, now, &nat->params->timeouts), word;
	struct lb_nat_area *area = lb_nat_area(nat, nat->worker);
	struct lb_nat_record *record;

	record = at == LB_NAT_PORT_NONE ? NULL : lb_nat_share_at(share, at);
	if (!record || !area)
		return LB_NAT_PORT_NONE;
	word = lb_load_acquire(&record->word);
	*was = lb_nat_was(record, now, &nat->params->timeouts);
	if (*was == LB_NAT_WAS_LIVE || !lb_nat_record_take(record, flow, address, word, now))
		return LB_NAT_PORT_NONE;
	lb_nat_reach_set(area, lb_nat_distance(share, flow, at));
	return at;
}

/**
 * Give a connection a port, of this worker and of one address.
 * @nth: of lb_nat_addresses(). Return: its record, as lb_nat_claim_in(); or none: the address takes
 * no connections, or no port is free.
 */
LB_INLINE struct lb_nat_ref lb_nat_claim(const struct lb_nat *nat, const struct lb_nat_flow *flow,
					 struct lb_addr instance, uint32_t nth, uint16_t now,
					 enum lb_nat_was *was)
{
	const uint32_t family = lb_addr_is_4(instance) ? 0 : 1;
	const uint32_t address = lb_nat_address_of(nat->index, family, flow, nth);
	const struct lb_addr from = lb_addr_load(nat->params->address[address]);
	const struct lb_nat_share share =
		lb_nat_share(nat, nat->worker, lb_nat_space(nat, from, instance));
	uint32_t at = LB_NAT_PORT_NONE;

	if (nat->params->flags[address] & LB_NAT_ADDRESS_ACCEPTS)
		at = lb_nat_claim_in(nat, &share, flow, address, now, was);
	if (at == LB_NAT_PORT_NONE)
		return (struct lb_nat_ref){ NULL, 0, 0 };
	return (struct lb_nat_ref){ lb_nat_share_at(&share, at), nat->worker, at };
}

/* Longer than any time-out, and not about to wrap. */
#define LB_NAT_IDLE_OVER (0xffffu - 127u)

/** End a connection whose record may be another worker's: the sweep of that one frees it. */
LB_INLINE void lb_nat_retire(struct lb_nat_record *record, uint16_t now)
{
	record->seen = (uint16_t)(now - LB_NAT_IDLE_OVER);
	lb_nat_state_set(record, lb_load_acquire(&record->word), LB_NAT_CLOSED);
}

/** Free a record if it has expired. Return: whether it has. */
LB_INLINE bool lb_nat_expire(struct lb_nat_record *record, uint16_t now,
			     const struct lb_nat_timeouts *timeouts)
{
	uint32_t word = lb_load_acquire(&record->word);

	return record->state != LB_NAT_FREE && lb_nat_is_free(record, now, timeouts) &&
	       lb_nat_state_set(record, word, LB_NAT_FREE);
}

#endif
