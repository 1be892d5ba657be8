/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/template.h"

#include <errno.h>
#include <string.h>

#define TEMPLATE_TTL 64

static void template_write4(uint8_t *at, const struct config_address *from,
			    const struct config_address *to)
{
	struct lb_ipv4 ip = {
		.version_ihl = 0x45,
		.frag = LB_BE16(LB_IPV4_DF),
		.ttl = TEMPLATE_TTL,
		.proto = LB_IPPROTO_IPIP,
	};

	memcpy(&ip.src, from->bytes, sizeof(ip.src));
	memcpy(&ip.dst, to->bytes, sizeof(ip.dst));
	ip.csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(&ip));
	memcpy(at, &ip, sizeof(ip));
}

static void template_write6(uint8_t *at, const struct config_address *from,
			    const struct config_address *to)
{
	struct lb_ipv6 ip = {
		.ver_tc_flow = lb_cpu_to_be32(6u << 28),
		.next = LB_IPPROTO_IPIP,
		.hop_limit = TEMPLATE_TTL,
	};

	memcpy(ip.src, from->bytes, sizeof(ip.src));
	memcpy(ip.dst, to->bytes, sizeof(ip.dst));
	memcpy(at, &ip, sizeof(ip));
}

/* The first one in the network of the next hop, so that answers come back by it. */
static const struct config_address *source_address(const struct template_source *source,
						   uint8_t family)
{
	const struct config_address *address = NULL;

	if (source->network)
		address = config_network_address(source->network, family);
	if (!address)
		address = family == 4 ? &source->addr4 : &source->addr6;
	return address;
}

static void vlan_write(struct lb_instance *instance, const struct config_network *network)
{
	instance->flags &= (uint8_t)~LB_INSTANCE_TAGGED;
	instance->vlan = network ? LB_VLAN_NONE : LB_VLAN_KEEP;
	if (!network || !network->vlan)
		return;
	instance->flags |= LB_INSTANCE_TAGGED;
	instance->vlan = lb_cpu_to_be16(network->vlan);
}

uint16_t template_vlan(const struct lb_instance *instance)
{
	return instance->flags & LB_INSTANCE_TAGGED ? lb_be16_to_cpu(instance->vlan) : 0;
}

void template_write(struct lb_instance *instance, const struct template_source *source,
		    const struct config_address *to, const uint8_t *mac)
{
	bool is4 = to->family == 4;
	struct lb_eth eth = {
		.type = is4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6),
	};

	memcpy(eth.dst, mac, sizeof(eth.dst));
	memcpy(eth.src, source->mac, sizeof(eth.src));
	memset(instance->header, 0, sizeof(instance->header));
	memcpy(instance->header, &eth, sizeof(eth));
	instance->source_mask = 0;
	if (is4 && source->tunnel4.address.family) {
		template_write4(instance->header + sizeof(eth), &source->tunnel4.address, to);
		instance->source_mask = lb_cpu_to_be32(UINT32_MAX >> source->tunnel4.length);
	} else if (is4)
		template_write4(instance->header + sizeof(eth), source_address(source, 4), to);
	else
		template_write6(instance->header + sizeof(eth), source_address(source, 6), to);
	instance->flags &= (uint8_t)~LB_INSTANCE_OUTER6;
	if (!is4)
		instance->flags |= LB_INSTANCE_OUTER6;
	vlan_write(instance, source->network);
}

int template_read(const struct lb_instance *instance, struct config_address *to, uint8_t *mac)
{
	const uint8_t *ip = instance->header + sizeof(struct lb_eth);

	*to = (struct config_address){ .family = 0 };
	if (!((const struct lb_eth *)instance->header)->type)
		return -EINVAL;
	to->family = lb_outer_family(instance);
	if (to->family == 4)
		memcpy(to->bytes, ip + LB_OFFSETOF(struct lb_ipv4, dst), 4);
	else
		memcpy(to->bytes, ip + LB_OFFSETOF(struct lb_ipv6, dst), 16);
	memcpy(mac, instance->header, LB_ETH_ALEN);
	return 0;
}
