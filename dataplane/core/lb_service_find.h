/* SPDX-License-Identifier: BSD-3-Clause */
/* From a packet's destination to its service. */
#ifndef LB_SERVICE_FIND_H
#define LB_SERVICE_FIND_H

#include "dataplane/core/lb_memory.h"

/**
 * Find a service.
 * @addr: 4 or 16 bytes, by @family.
 * Return: its entry, or NULL.
 * Context: worker, control plane; pure.
 */
LB_INLINE const struct lb_service *lb_service_find4(const struct lb_service_table *table,
						    lb_be32 addr, lb_be16 port, uint8_t proto)
{
	uint32_t i = lb_service_hash4(addr, port, proto, table->seed);
	const uint64_t key = lb_service_key4(addr, port, proto);

	for (uint32_t probe = 0; probe < LB_SERVICE_PROBES; probe++, i++) {
		const struct lb_service *s = lb_service_at(table, i & table->mask);

		if (!s)
			return NULL;
		if (lb_likely(lb_load64(s) == key))
			return s;
		if (s->family == 0)
			return NULL;
	}
	return NULL;
}

LB_INLINE const struct lb_service *lb_service_find6(const struct lb_service_table *table,
						    const uint8_t *addr, lb_be16 port,
						    uint8_t proto)
{
	uint32_t i = lb_service_hash6(addr, port, proto, table->seed);

	for (uint32_t probe = 0; probe < LB_SERVICE_PROBES; probe++, i++) {
		const struct lb_service *s = lb_service_at(table, i & table->mask);

		if (!s)
			return NULL;
		if (lb_likely(lb_addr6_equal(s->addr, addr) && s->port == port &&
			      s->proto == proto && s->family == 6))
			return s;
		if (s->family == 0)
			return NULL;
	}
	return NULL;
}

/** The service that a parsed packet is sent to, or NULL. */
LB_INLINE const struct lb_service *lb_service_find(const struct lb_service_table *table,
						   const struct lb_meta *meta)
{
	if (lb_likely(meta->family == 4))
		return lb_service_find4(table, meta->vip4, meta->vip_port, meta->proto);
	return lb_service_find6(table, meta->vip6, meta->vip_port, meta->proto);
}

/** The entry of the VIP that a parsed packet is sent to, whatever its ports, or NULL. */
LB_INLINE const struct lb_service *lb_service_vip(const struct lb_service_table *table,
						  const struct lb_meta *meta)
{
	if (meta->family == 4)
		return lb_service_find4(table, meta->vip4, 0, 0);
	return meta->family == 6 ? lb_service_find6(table, meta->vip6, 0, 0) : NULL;
}

/* The bit of a frame's network; 0: it is of none. */
LB_INLINE uint32_t lb_network_bit(const struct lb_service_table *table, const struct lb_meta *meta)
{
	const lb_be16 vlan = meta->tci & LB_VLAN_ID;

	for (uint32_t i = 0; i < LB_NETWORKS_MAX; i++)
		if (i < table->n_networks && table->vlan[i] == vlan)
			return 1u << i;
	return 0;
}

/**
 * Whether a frame comes from a network that packets are not taken from.
 * @networks: that they are taken from; 0 if any of the trunk's will do.
 * Return: an enum lb_drop; LB_DROP_COUNT: packets are taken from it.
 */
LB_INLINE enum lb_drop lb_network_refuses(const struct lb_service_table *table,
					  const struct lb_meta *meta, uint32_t networks)
{
	uint32_t bit;

	if (lb_likely(!table->n_networks))
		return LB_DROP_COUNT;
	bit = lb_network_bit(table, meta);
	if (!bit)
		return LB_DROP_L2_VLAN_UNKNOWN;
	return !networks || networks & bit ? LB_DROP_COUNT : LB_DROP_L2_VLAN_SERVICE;
}

/** Whether its source is a VIP: a VIP never sends. */
LB_INLINE bool lb_service_is_vip_source(const struct lb_service_table *table,
					const struct lb_meta *meta)
{
	if (meta->family == 4)
		return lb_service_find4(table, meta->client4, 0, 0) != NULL;
	return lb_service_find6(table, meta->client6, 0, 0) != NULL;
}

#endif
