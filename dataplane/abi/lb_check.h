/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of a block before packets are processed with it, the same for both dataplanes. Neither
 * trusts the process that wrote it.
 *
 * All functions are pure and return 0 or an enum lb_refusal.
 */
#ifndef LB_CHECK_H
#define LB_CHECK_H

#include "dataplane/abi/lb_abi.h"
#include "dataplane/core/lb_access.h"
#include "dataplane/core/lb_instance.h"
#include "dataplane/core/lb_service_find.h"
#include "dataplane/core/lb_wire.h"

#define LB_CHECK_MTU_MAX 65535
#define LB_CHECK_SWEEP_TICKS 32 /* of a round over a flow table, at most */

/*
 * A flow's expiry may be noticed one round of the sweep late; its idle time must not have wrapped
 * by then.
 */
#define LB_CHECK_TICKS_MAX (UINT16_MAX - 4 * LB_CHECK_SWEEP_TICKS)

#define LB_CHECK_FLAGS                                                                             \
	(LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK |   \
	 LB_INSTANCE_OUTER6 | LB_INSTANCE_TAGGED)

LB_INLINE bool lb_check_bounds_services(const struct lb_cmd *cmd)
{
	return cmd->count > 0 &&
	       cmd->count <= LB_SERVICE_SLOTS_MAX + LB_ACCESS_WORDS_MAX / LB_ACCESS_UNIT &&
	       cmd->bytes ==
		       sizeof(struct lb_service_table) + cmd->count * sizeof(struct lb_service);
}

LB_INLINE bool lb_check_bounds_kind(const struct lb_cmd *cmd)
{
	switch (cmd->block) {
	case LB_BLOCK_PARAMS:
		return cmd->count == 1 && cmd->bytes == sizeof(struct lb_params);
	case LB_BLOCK_SERVICES:
		return lb_check_bounds_services(cmd);
	case LB_BLOCK_INSTANCES:
		return cmd->count <= LB_INSTANCES_MAX &&
		       cmd->bytes == cmd->count * sizeof(struct lb_instance);
	default:
		return cmd->count <= LB_POOL_SLOTS_MAX &&
		       cmd->bytes == cmd->count * sizeof(uint16_t);
	}
}

/** Whether kind, index, buffer, count and length of a block's command are consistent. */
LB_INLINE int lb_check_bounds(const struct lb_cmd *cmd)
{
	uint32_t index_end = cmd->block == LB_BLOCK_POOL ? LB_POOLS_MAX : 1;

	if (cmd->block >= LB_BLOCK_KINDS)
		return LB_REFUSED_TYPE;
	if (cmd->index >= index_end || cmd->buffer > 1 || !lb_check_bounds_kind(cmd))
		return LB_REFUSED_BOUNDS;
	return 0;
}

LB_INLINE bool lb_check_nat(const struct lb_nat_params *nat)
{
	if (!nat->port_first)
		return !nat->port_last;
	if (nat->port_last < nat->port_first)
		return false;
	for (uint32_t state = LB_NAT_OPENING; state <= LB_NAT_CLOSED; state++) {
		uint16_t ticks = nat->timeouts.ticks[state];

		if (ticks == 0 || ticks > LB_CHECK_TICKS_MAX)
			return false;
	}
	return true;
}

LB_INLINE int lb_check_params(const struct lb_params *params)
{
	if (params->mtu < LB_IPV4_MTU_MIN || params->mtu > LB_CHECK_MTU_MAX)
		return LB_REFUSED_CONTENT;
	for (uint32_t state = LB_FLOW_UNCONFIRMED; state < LB_FLOW_STATES; state++) {
		uint16_t ticks = params->timeouts.ticks[state];

		if (ticks == 0 || ticks > LB_CHECK_TICKS_MAX)
			return LB_REFUSED_CONTENT;
	}
	return lb_check_nat(&params->nat) ? 0 : LB_REFUSED_CONTENT;
}

/* Translation is of TCP alone. */
LB_INLINE bool lb_check_service_nat(const struct lb_service *s)
{
	if (s->forward != LB_FORWARD_NAT)
		return s->source == 0;
	return s->proto == LB_IPPROTO_TCP && s->source <= LB_NAT_SOURCE_PROXY;
}

/* A VIP's own entry has neither port nor protocol, and forwards nothing. */
LB_INLINE bool lb_check_service(const struct lb_service *s)
{
	if (s->family != 4 && s->family != 6)
		return false;
	if (s->port == 0 && s->proto == 0)
		return true;
	return !s->reserved && s->port != 0 &&
	       (s->proto == LB_IPPROTO_TCP || s->proto == LB_IPPROTO_UDP) && s->id != 0 &&
	       s->pool < LB_POOLS_MAX && lb_forward_is_known(s->forward) &&
	       lb_forward_has_instance_port((enum lb_forward)s->forward) ==
		       (s->instance_port != 0) &&
	       lb_check_service_nat(s);
}

LB_INLINE bool lb_check_service_found(const struct lb_service_table *table,
				      const struct lb_service *s)
{
	if (s->family == 4)
		return lb_service_find4(table, lb_load32(s->addr), s->port, s->proto) == s;
	return lb_service_find6(table, s->addr, s->port, s->proto) == s;
}

/* Each VLAN once. */
LB_INLINE bool lb_check_networks(const struct lb_service_table *table)
{
	if (table->n_networks > LB_NETWORKS_MAX)
		return false;
	for (uint32_t i = 0; i < table->n_networks; i++) {
		if (lb_be16_to_cpu(table->vlan[i]) > LB_VLAN_ID_MAX)
			return false;
		for (uint32_t j = 0; j < i; j++)
			if (table->vlan[j] == table->vlan[i])
				return false;
	}
	return true;
}

/* Slots are a power of two, and the rest are the words of lists. @count: as of its command. */
LB_INLINE bool lb_check_service_slots(const struct lb_service_table *table, uint32_t count)
{
	uint64_t slots = (uint64_t)table->mask + 1;

	return !(slots & table->mask) && slots <= LB_SERVICE_SLOTS_MAX && slots <= count &&
	       table->access_words == (count - slots) * LB_ACCESS_UNIT;
}

/* A family's ranges are within the words. Their order is not checked: a search ends in any. */
LB_INLINE bool lb_check_list(uint64_t list, uint32_t range_words, uint32_t words)
{
	uint64_t first = list >> LB_ACCESS_HALF_SHIFT, n = (uint32_t)list;

	return n > 0 && n <= 2 * LB_ACCESS_PREFIXES_MAX + 1 && first + n * range_words <= words;
}

/* Readers check each index: here it is whether lists are whole. */
LB_INLINE bool lb_check_access(const struct lb_service_table *table)
{
	const uint64_t *word = (const uint64_t *)(const void *)&table->slot[table->mask + 1ULL];
	const uint64_t words = table->access_words;

	if (!words)
		return true;
	if (word[0] >= words || word[0] > LB_SERVICES_MAX)
		return false;
	for (uint64_t i = 1; i <= word[0]; i++) {
		uint64_t at = word[i] & ((1ULL << LB_ACCESS_ID_SHIFT) - 1);

		if (at + 2 > words || !lb_check_list(word[at], 1, (uint32_t)words) ||
		    !lb_check_list(word[at + 1], LB_ACCESS_WORDS_IPV6, (uint32_t)words))
			return false;
		if (i > 1 && word[i] >> LB_ACCESS_ID_SHIFT <= word[i - 1] >> LB_ACCESS_ID_SHIFT)
			return false;
	}
	return true;
}

/**
 * Also that a lookup finds each entry, so no chain is too long and no entry is a duplicate.
 * @count: as of its command.
 */
LB_INLINE int lb_check_services(const struct lb_service_table *table, uint32_t count)
{
	uint32_t slots = table->mask + 1;

	if (!lb_check_service_slots(table, count) || !lb_check_networks(table) ||
	    !lb_check_access(table))
		return LB_REFUSED_CONTENT;
	for (uint32_t i = 0; i < slots; i++) {
		const struct lb_service *s = &table->slot[i];

		if (s->family != 0 && (!lb_check_service(s) || s->networks >> table->n_networks ||
				       !lb_check_service_found(table, s)))
			return LB_REFUSED_CONTENT;
	}
	return 0;
}

LB_INLINE bool lb_check_vlan(const struct lb_instance *instance)
{
	uint16_t vlan = lb_be16_to_cpu(instance->vlan);

	if (instance->flags & LB_INSTANCE_TAGGED)
		return vlan >= 1 && vlan <= LB_VLAN_ID_MAX;
	return instance->vlan == LB_VLAN_KEEP || instance->vlan == LB_VLAN_NONE;
}

/*
 * The packet path writes as many bytes as the header has, trusts its kind, and adds the length to
 * it. An unused index has neither header nor flags.
 */
LB_INLINE bool lb_check_instance(const struct lb_instance *instance)
{
	const struct lb_eth *eth = (const struct lb_eth *)instance->header;
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)(eth + 1);
	const struct lb_ipv6 *ip6 = (const struct lb_ipv6 *)(eth + 1);

	if (instance->flags & ~LB_CHECK_FLAGS || instance->pool >= LB_POOLS_MAX)
		return false;
	if (eth->type == 0)
		return instance->flags == 0;
	if (instance->mtu < LB_IPV4_MTU_MIN || !lb_check_vlan(instance))
		return false;
	if (lb_outer_family(instance) == 4)
		return eth->type == LB_BE16(LB_ETHERTYPE_IPV4) && ip->version_ihl == 0x45 &&
		       ip->tos == 0 && ip->total_len == 0 && ip->proto == LB_IPPROTO_IPIP &&
		       !(ip->src & instance->source_mask);
	return !instance->source_mask && eth->type == LB_BE16(LB_ETHERTYPE_IPV6) &&
	       ip6->ver_tc_flow == lb_cpu_to_be32(6u << 28) && ip6->payload_len == 0 &&
	       ip6->next == LB_IPPROTO_IPIP;
}

LB_INLINE int lb_check_instances(const struct lb_instance *instance, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!lb_check_instance(&instance[i]))
			return LB_REFUSED_CONTENT;
	return 0;
}

/** @max: the highest instance index; 0 if there are no slots. */
LB_INLINE int lb_check_slots(const uint16_t *slot, uint32_t count, uint16_t *max)
{
	uint16_t highest = 0;

	for (uint32_t i = 0; i < count; i++)
		highest = slot[i] > highest ? slot[i] : highest;
	*max = highest;
	return highest < LB_INSTANCES_MAX ? 0 : LB_REFUSED_CONTENT;
}

/**
 * Check the contents of a block whose bounds have been checked.
 * @max: of a pool: the highest instance index.
 */
LB_INLINE int lb_check_content(const struct lb_cmd *cmd, const void *data, uint16_t *max)
{
	switch (cmd->block) {
	case LB_BLOCK_PARAMS:
		return lb_check_params((const struct lb_params *)data);
	case LB_BLOCK_SERVICES:
		return lb_check_services((const struct lb_service_table *)data, cmd->count);
	case LB_BLOCK_INSTANCES:
		return lb_check_instances((const struct lb_instance *)data, cmd->count);
	default:
		return lb_check_slots((const uint16_t *)data, cmd->count, max);
	}
}

#endif
