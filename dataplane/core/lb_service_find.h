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

/** Whether a parsed packet's destination is a VIP, whatever its ports. */
LB_INLINE bool lb_service_is_vip(const struct lb_service_table *table, const struct lb_meta *meta)
{
	if (meta->family == 4)
		return lb_service_find4(table, meta->vip4, 0, 0) != NULL;
	return meta->family == 6 && lb_service_find6(table, meta->vip6, 0, 0) != NULL;
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
