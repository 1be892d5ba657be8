/* SPDX-License-Identifier: BSD-3-Clause */
/* What translation looks up: NAT addresses by address, services by id, ports of instances. */
#ifndef LB_NAT_INDEX_H
#define LB_NAT_INDEX_H

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
		i = (i - 1) % LB_NAT_ADDRESSES_MAX;
		if (lb_addr_equal(lb_addr_load(params->address[i]), addr))
			return i;
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

#endif
