/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The instances that the generator acts for: ranges of addresses, numbered consecutively. Instance
 * i has the MAC address MAC_BASE + i.
 */
#ifndef PKTGEN_INSTANCES_H
#define PKTGEN_INSTANCES_H

#include "dataplane/core/lb_wire.h"

#define INSTANCES_RANGES_MAX 8
#define INSTANCES_MAX 4096u
#define INSTANCES_NONE UINT32_MAX

struct instances_range {
	uint8_t family;
	uint8_t addr[16]; /* of the first */
	uint32_t last32;  /* its last 32 bits, host order */
	uint32_t first;	  /* its number */
	uint32_t count;
};

struct instances {
	struct instances_range range[INSTANCES_RANGES_MAX];
	uint32_t n_ranges;
	uint32_t count;
	uint8_t mac_base[LB_ETH_ALEN]; /* the last two bytes are 0 */
	bool may_leave[INSTANCES_MAX]; /* flows may leave it: it is removed, or comes back */
};

/** Add "ADDR", "ADDR-ADDR". Return: 0, or -EINVAL. */
int instances_add(struct instances *instances, const char *text);

/** @text: numbers, "3,5-7". Return: 0, or -EINVAL. */
int instances_may_leave(struct instances *instances, const char *text);

/** The text of an instance's address. @size: INET6_ADDRSTRLEN. */
const char *instances_text(const struct instances *instances, uint32_t i, char *text, size_t size);

/** The instance with this IPv4 address, or INSTANCES_NONE. */
LB_INLINE uint32_t instances_find4(const struct instances *instances, lb_be32 addr)
{
	for (uint32_t r = 0; r < instances->n_ranges; r++) {
		const struct instances_range *range = &instances->range[r];
		uint32_t i = lb_be32_to_cpu(addr) - range->last32;

		if (range->family == 4 && i < range->count)
			return range->first + i;
	}
	return INSTANCES_NONE;
}

LB_INLINE uint32_t instances_find6(const struct instances *instances, const uint8_t *addr)
{
	for (uint32_t r = 0; r < instances->n_ranges; r++) {
		const struct instances_range *range = &instances->range[r];
		uint32_t i = lb_be32_to_cpu(lb_load32(addr + 12)) - range->last32;

		if (range->family == 6 && i < range->count &&
		    lb_load64(addr) == lb_load64(range->addr) &&
		    lb_load32(addr + 8) == lb_load32(range->addr + 8))
			return range->first + i;
	}
	return INSTANCES_NONE;
}

LB_INLINE uint32_t instances_find_mac(const struct instances *instances, const uint8_t *mac)
{
	uint32_t i = lb_be16_to_cpu(lb_load16(mac + 4));

	if (lb_load32(mac) != lb_load32(instances->mac_base) || i >= instances->count)
		return INSTANCES_NONE;
	return i;
}

LB_INLINE void instances_mac(const struct instances *instances, uint32_t i, uint8_t *mac)
{
	lb_store32(mac, lb_load32(instances->mac_base));
	lb_store16(mac + 4, lb_cpu_to_be16((uint16_t)i));
}

#endif
