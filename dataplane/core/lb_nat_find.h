/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the records of translated connections are (core/lb_nat.h): by NAT address, instance and
 * port for a packet from an instance; by its flow for one from a client.
 */
#ifndef LB_NAT_FIND_H
#define LB_NAT_FIND_H

#include "dataplane/core/lb_nat.h"
#include "dataplane/core/lb_service.h"

/* An address of either family, IPv4 mapped. */
struct lb_addr {
	uint64_t word[2];
};

LB_INLINE struct lb_addr lb_addr_load(const uint8_t *addr)
{
	return (struct lb_addr){ { lb_load64(addr), lb_load64(addr + 8) } };
}

LB_INLINE struct lb_addr lb_addr_map(lb_be32 addr)
{
	return (struct lb_addr){ { 0, 0xffff0000u | (uint64_t)addr << 32 } };
}

LB_INLINE bool lb_addr_equal(struct lb_addr a, struct lb_addr b)
{
	return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}

LB_INLINE bool lb_addr_is_4(struct lb_addr a)
{
	return a.word[0] == 0 && (uint32_t)a.word[1] == 0xffff0000u;
}

LB_INLINE struct lb_addr lb_addr_client(const struct lb_meta *meta)
{
	return meta->family == 4 ? lb_addr_map(meta->client4) : lb_addr_load(meta->client6);
}

LB_INLINE struct lb_addr lb_addr_vip(const struct lb_meta *meta)
{
	return meta->family == 4 ? lb_addr_map(meta->vip4) : lb_addr_load(meta->vip6);
}

/** An instance's: the outer destination of its template. */
LB_INLINE struct lb_addr lb_addr_instance(const struct lb_instance *instance)
{
	const uint8_t *ip = instance->header + sizeof(struct lb_eth);

	if (lb_outer_family(instance) == 4)
		return lb_addr_map(lb_load32(ip + LB_OFFSETOF(struct lb_ipv4, dst)));
	return lb_addr_load(ip + LB_OFFSETOF(struct lb_ipv6, dst));
}

/** @to: 16 bytes, as lb_ends has them. */
LB_INLINE void lb_addr_store(uint8_t *to, struct lb_addr addr)
{
	if (lb_addr_is_4(addr)) {
		lb_store32(to, (uint32_t)(addr.word[1] >> 32));
		return;
	}
	lb_store64(to, addr.word[0]);
	lb_store64(to + 8, addr.word[1]);
}

/* ---- NAT addresses ---- */

#define LB_NAT_INDEX_SLOTS 128 /* a power of two: at most a quarter full */

/* Made of the addresses of lb_nat_params. */
struct lb_nat_index {
	uint8_t slot[LB_NAT_INDEX_SLOTS];      /* an address's index + 1; 0: free */
	uint8_t list[2][LB_NAT_ADDRESSES_MAX]; /* indices of those of IPv4, of IPv6 */
	uint8_t n[2];
};

LB_INLINE uint64_t lb_addr_hash(struct lb_addr addr)
{
	uint64_t x = (addr.word[0] * LB_HASH_MUL2 ^ addr.word[1]) * LB_HASH_MUL1;

	return (x ^ x >> 32) * LB_HASH_MUL2;
}

LB_INLINE uint32_t lb_nat_index_slot(struct lb_addr addr)
{
	return (uint32_t)(lb_addr_hash(addr) >> 57);
}

LB_STATIC_ASSERT(LB_NAT_INDEX_SLOTS == 1 << (64 - 57), "lb_nat_index_slot()");

LB_INLINE void lb_nat_index_make(struct lb_nat_index *index, const struct lb_nat_params *params)
{
	*index = (struct lb_nat_index){ .n = { 0, 0 } };
	for (uint32_t i = 0; i < LB_NAT_ADDRESSES_MAX; i++) {
		struct lb_addr addr = lb_addr_load(params->address[i]);
		uint32_t slot = lb_nat_index_slot(addr), family = lb_addr_is_4(addr) ? 0 : 1;

		if (!(params->flags[i] & LB_NAT_ADDRESS_USED))
			continue;
		while (index->slot[slot])
			slot = (slot + 1) % LB_NAT_INDEX_SLOTS;
		index->slot[slot] = (uint8_t)(i + 1);
		index->list[family][index->n[family]++] = (uint8_t)i;
	}
}

#define LB_NAT_ADDRESS_NONE 0xffu

/** Index of a NAT address, or LB_NAT_ADDRESS_NONE. */
LB_INLINE uint32_t lb_nat_address(const struct lb_nat_index *index,
				  const struct lb_nat_params *params, struct lb_addr addr)
{
	uint32_t slot = lb_nat_index_slot(addr);

	for (uint32_t n = 0; n < LB_NAT_ADDRESSES_MAX; n++) {
		uint32_t i = index->slot[slot];

		if (!i)
			break;
		if (lb_addr_equal(lb_addr_load(params->address[i - 1]), addr))
			return i - 1;
		slot = (slot + 1) % LB_NAT_INDEX_SLOTS;
	}
	return LB_NAT_ADDRESS_NONE;
}

/* ---- Services by their id ---- */

LB_INLINE uint32_t lb_service_id_hash(uint16_t id)
{
	return (uint32_t)(id * (uint64_t)LB_HASH_MUL2 >> 40);
}

/** Fill @by_id, as many entries as the table has slots: index of a slot + 1, or 0. */
LB_INLINE void lb_service_ids_make(const struct lb_service_table *table, uint16_t *by_id)
{
	for (uint32_t i = 0; i <= table->mask; i++)
		by_id[i] = 0;
	for (uint32_t i = 0; i <= table->mask; i++) {
		uint32_t at = lb_service_id_hash(table->slot[i].id);

		if (!table->slot[i].id)
			continue;
		while (by_id[at & table->mask])
			at++;
		by_id[at & table->mask] = (uint16_t)(i + 1);
	}
}

LB_INLINE const struct lb_service *lb_service_by_id(const struct lb_service_table *table,
						    const uint16_t *by_id, uint16_t id)
{
	uint32_t at = lb_service_id_hash(id);

	for (uint32_t n = 0; n <= table->mask; n++, at++) {
		uint32_t slot = by_id[at & table->mask];

		if (!slot)
			break;
		if (table->slot[slot - 1].id == id)
			return &table->slot[slot - 1];
	}
	return NULL;
}

/* ---- Ports of instances ---- */

#define LB_NAT_PORT_BITS 1024

/*
 * Ports that packets from instances to clients come from, those of `source: client`: a bit for all
 * ports of one hash.
 */
struct lb_nat_ports {
	uint64_t word[LB_NAT_PORT_BITS / 64];
};

LB_INLINE uint32_t lb_nat_port_bit(lb_be16 port)
{
	return (port ^ (uint32_t)port >> 10) % LB_NAT_PORT_BITS;
}

LB_INLINE bool lb_nat_has_port(const struct lb_nat_ports *ports, lb_be16 port)
{
	uint32_t bit = lb_nat_port_bit(port);

	return ports->word[bit / 64] >> bit % 64 & 1;
}

LB_INLINE void lb_nat_ports_make(const struct lb_service_table *table, struct lb_nat_ports *ports)
{
	*ports = (struct lb_nat_ports){ .word = { 0 } };
	for (uint32_t i = 0; i <= table->mask; i++) {
		const struct lb_service *service = &table->slot[i];
		uint32_t bit = lb_nat_port_bit(service->instance_port);

		if (service->forward == LB_FORWARD_NAT && service->source == LB_NAT_SOURCE_CLIENT)
			ports->word[bit / 64] |= (uint64_t)1 << bit % 64;
	}
}

/* ---- Records ---- */

#define LB_NAT_HOPS 256 /* lb_nat_record.hop */
#define LB_NAT_HOP_TRIES 16

/* Of one worker's ports, in memory that outlives the process. */
struct lb_nat_memory {
	uint64_t hop
		[LB_NAT_HOPS]; /* routers, lb_nat_router(): MAC address, above it the VLAN; 0: free */
	uint32_t reach; /* no record is further from its flow's first choice than this, less one */
	uint32_t reserved[15];
	struct lb_nat_record record[]; /* by space, then by port */
} LB_ALIGNED(64);

/** Bytes of a worker's memory. */
LB_INLINE uint64_t lb_nat_bytes(uint64_t n_records)
{
	uint64_t bytes = sizeof(struct lb_nat_memory) + n_records * sizeof(struct lb_nat_record);

	return n_records ? (bytes + 63) & ~(uint64_t)63 : 0;
}

/* What a worker's packets are translated by. */
struct lb_nat {
	/* of a generation of tables */
	const struct lb_nat_params *params; /* NULL: no translation */
	const struct lb_nat_index *index;
	const struct lb_service_table *services;
	const uint16_t *by_id;		  /* lb_service_ids_make() */
	const struct lb_nat_ports *ports; /* lb_nat_ports_make() */
	const struct lb_secret *secret;
	/* of the worker */
	struct lb_nat_memory *const *memory; /* of all workers */
	uint32_t n_workers;
	uint32_t worker; /* this one */
	uint32_t n_spaces;
	uint32_t room; /* records of a space in each worker's memory */
	/* of both */
	uint32_t share;	  /* ports of each worker */
	uint64_t inverse; /* of that: 2^32 / share, rounded up: exact for 16 bits */
};

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

LB_INLINE uint32_t lb_nat_space(const struct lb_nat *nat, struct lb_addr address,
				struct lb_addr instance)
{
	uint64_t x = lb_hash_mix(lb_addr_hash(address) + lb_addr_hash(instance) * LB_HASH_MUL1);

	return lb_hash_range((uint32_t)x, nat->n_spaces);
}

/** A worker's ports of a space. */
LB_INLINE struct lb_nat_share lb_nat_share(const struct lb_nat *nat, uint32_t worker,
					   uint32_t space)
{
	return (struct lb_nat_share){ &nat->memory[worker]->record[(uint64_t)space * nat->room],
				      nat->share };
}

/** The port of a record. @at: its index in a worker's share. */
LB_INLINE lb_be16 lb_nat_port(const struct lb_nat *nat, uint32_t worker, uint32_t at)
{
	return lb_cpu_to_be16((uint16_t)(nat->params->port_first + worker * nat->share + at));
}

/* A record, and whose it is. */
struct lb_nat_ref {
	struct lb_nat_record *record; /* NULL: there is none */
	uint32_t worker;
	uint32_t at; /* in the worker's share */
};

/** The record that a NAT port leads to; of any connection. */
LB_INLINE struct lb_nat_ref lb_nat_at(const struct lb_nat *nat, uint32_t space, lb_be16 port)
{
	uint32_t at = (uint32_t)lb_be16_to_cpu(port) - nat->params->port_first;
	uint32_t worker = (uint32_t)(at * nat->inverse >> 32);

	if (at > 0xffff || worker >= nat->n_workers)
		return (struct lb_nat_ref){ NULL, 0, 0 };
	at -= worker * nat->share;
	return (struct lb_nat_ref){ lb_nat_share(nat, worker, space).record + at, worker, at };
}

/* A connection as its client's packets have it. */
struct lb_nat_flow {
	struct lb_addr client;
	lb_be16 client_port;
	uint16_t service;
	uint16_t instance;
	uint32_t hash;	/* keyed: lb_nat_flow_hash() */
	uint8_t source; /* enum lb_nat_source */
};

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
		if (lb_likely(lb_nat_is_of(&share->record[at], flow, address)))
			return at;
		at = at + 1 < share->n ? at + 1 : 0;
	}
	return LB_NAT_PORT_NONE;
}

/** The addresses that an instance can be reached from, in a flow's order. @n: below their number. */
LB_INLINE uint32_t lb_nat_address_of(const struct lb_nat_index *index, uint32_t family,
				     const struct lb_nat_flow *flow, uint32_t n)
{
	uint32_t at = lb_hash_range(flow->hash * 0x9e3779b1u, index->n[family]) + n;

	return index->list[family][at < index->n[family] ? at : at - index->n[family]];
}

/** Find a client's connection in a worker's ports. @instance: its address. */
LB_INLINE struct lb_nat_ref lb_nat_find(const struct lb_nat *nat, uint32_t worker,
					const struct lb_nat_flow *flow, struct lb_addr instance)
{
	const uint32_t family = lb_addr_is_4(instance) ? 0 : 1, n = nat->index->n[family];
	const uint32_t reach = nat->memory[worker]->reach;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t address = lb_nat_address_of(nat->index, family, flow, i);
		struct lb_addr from = lb_addr_load(nat->params->address[address]);
		struct lb_nat_share share =
			lb_nat_share(nat, worker, lb_nat_space(nat, from, instance));
		uint32_t at = lb_nat_search(&share, reach, flow, address);

		if (lb_likely(at != LB_NAT_PORT_NONE))
			return (struct lb_nat_ref){ share.record + at, worker, at };
	}
	return (struct lb_nat_ref){ NULL, 0, 0 };
}

/** The router's index that a MAC address has in a worker's memory, which may be another's. */
LB_INLINE uint8_t lb_nat_hop(struct lb_nat_memory *memory, uint64_t mac, bool is_own,
			     uint8_t otherwise)
{
	uint32_t first = (uint32_t)(mac * LB_HASH_MUL1 >> 56), at = first;

	for (uint32_t i = 0; i < LB_NAT_HOP_TRIES; i++) {
		if (memory->hop[at] == mac)
			return (uint8_t)at;
		if (!memory->hop[at])
			break;
		at = (at + 1) % LB_NAT_HOPS;
	}
	if (!is_own)
		return otherwise;
	if (memory->hop[at])
		at = first; /* its connections get their own back with the client's next packet */
	memory->hop[at] = mac;
	return (uint8_t)at;
}

/* How far a record is from its flow's first choice. */
LB_INLINE uint32_t lb_nat_distance(const struct lb_nat_share *share, const struct lb_nat_flow *flow,
				   uint32_t at)
{
	uint32_t first = lb_hash_range(flow->hash, share->n);

	return at >= first ? at - first : at + share->n - first;
}

enum lb_nat_was { LB_NAT_WAS_FREE, LB_NAT_WAS_EXPIRED, LB_NAT_WAS_HALF_OPEN };

LB_INLINE enum lb_nat_was lb_nat_was(const struct lb_nat_record *record, uint16_t now,
				     const struct lb_nat_timeouts *timeouts)
{
	if (record->state == LB_NAT_FREE)
		return LB_NAT_WAS_FREE;
	return lb_nat_is_free(record, now, timeouts) ? LB_NAT_WAS_EXPIRED : LB_NAT_WAS_HALF_OPEN;
}

/* A record that was chosen becomes a connection's, in a worker's memory. */
LB_INLINE void lb_nat_fill(struct lb_nat_memory *memory, const struct lb_nat_share *share,
			   const struct lb_nat_flow *flow, uint32_t address, uint32_t at)
{
	struct lb_nat_record *record = &share->record[at];
	uint32_t distance = lb_nat_distance(share, flow, at);

	record->state = LB_NAT_FREE;
	LB_WRITTEN();
	lb_store64(record->client, flow->client.word[0]);
	lb_store64(record->client + 8, flow->client.word[1]);
	record->client_port = flow->client_port;
	record->service = flow->service;
	record->instance = flow->instance;
	record->address = address & (LB_NAT_ADDRESSES_MAX - 1);
	if (memory->reach <= distance)
		memory->reach = distance + 1;
}

/**
 * Give a connection a port, of this worker.
 * Return: its record, in which all but the connection's ends is to be set, the state last; or none:
 * there is no address, or no port is free. @was: what was in its place.
 */
LB_INLINE struct lb_nat_ref lb_nat_claim(const struct lb_nat *nat, const struct lb_nat_flow *flow,
					 struct lb_addr instance, uint16_t now,
					 enum lb_nat_was *was)
{
	const uint32_t family = lb_addr_is_4(instance) ? 0 : 1, n = nat->index->n[family];
	struct lb_nat_memory *memory = nat->memory[nat->worker];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t address = lb_nat_address_of(nat->index, family, flow, i), at;
		struct lb_addr from = lb_addr_load(nat->params->address[address]);
		struct lb_nat_share share =
			lb_nat_share(nat, nat->worker, lb_nat_space(nat, from, instance));

		if (!(nat->params->flags[address] & LB_NAT_ADDRESS_ACCEPTS))
			continue;
		at = lb_nat_choose(&share, flow->hash, now, &nat->params->timeouts);
		if (at == LB_NAT_PORT_NONE)
			continue;
		*was = lb_nat_was(&share.record[at], now, &nat->params->timeouts);
		lb_nat_fill(memory, &share, flow, address, at);
		return (struct lb_nat_ref){ share.record + at, nat->worker, at };
	}
	return (struct lb_nat_ref){ NULL, 0, 0 };
}

/* Longer than any time-out, and not about to wrap. */
#define LB_NAT_IDLE_OVER (UINT16_MAX - 127u)

/** End a connection whose record may be another worker's: the sweep of that one frees it. */
LB_INLINE void lb_nat_retire(struct lb_nat_record *record, uint16_t now)
{
	record->state = LB_NAT_CLOSED;
	record->seen = (uint16_t)(now - LB_NAT_IDLE_OVER);
}

#endif
