/* SPDX-License-Identifier: BSD-3-Clause */
/* The instances' side of address resolution: ARP (RFC 826), neighbour solicitations (RFC 4861). */
#include <string.h>

#include <rte_ethdev.h>

#include "perf/pktgen/generator.h"

#define ETHERTYPE_ARP 0x0806
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_SOLICITED_OVERRIDE 0x60000000u
#define ND_TARGET_LINK_LAYER 2

struct arp {
	lb_be16 hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;
	lb_be16 operation;
	uint8_t sender_mac[LB_ETH_ALEN];
	lb_be32 sender;
	uint8_t target_mac[LB_ETH_ALEN];
	lb_be32 target;
} LB_PACKED;

struct nd {
	struct lb_icmp icmp;
	uint8_t target[16];
	uint8_t option, option_len;
	uint8_t mac[LB_ETH_ALEN];
} LB_PACKED;

static void eth_reply(struct lb_eth *eth, const uint8_t *mac)
{
	memcpy(eth->dst, eth->src, LB_ETH_ALEN);
	memcpy(eth->src, mac, LB_ETH_ALEN);
}

static bool arp_answer(const struct generator *g, struct rte_mbuf *m)
{
	struct lb_eth *eth = rte_pktmbuf_mtod(m, struct lb_eth *);
	struct arp *arp = (struct arp *)(eth + 1);
	uint8_t mac[LB_ETH_ALEN];
	lb_be32 target;
	uint32_t i;

	if (m->data_len < sizeof(*eth) + sizeof(*arp) || arp->operation != LB_BE16(ARP_REQUEST))
		return false;
	target = arp->target;
	i = instances_find4(&g->options->instances, target);
	if (i == INSTANCES_NONE)
		return false;
	instances_mac(&g->options->instances, i, mac);
	eth_reply(eth, mac);
	arp->operation = LB_BE16(ARP_REPLY);
	memcpy(arp->target_mac, arp->sender_mac, LB_ETH_ALEN);
	arp->target = arp->sender;
	memcpy(arp->sender_mac, mac, LB_ETH_ALEN);
	arp->sender = target;
	return true;
}

static void nd_checksum(struct lb_ipv6 *ip, struct nd *nd)
{
	uint64_t sum = lb_csum_addr6_sum(ip->src) + lb_csum_addr6_sum(ip->dst) +
		       lb_cpu_to_be32(sizeof(*nd)) + lb_cpu_to_be32(LB_IPPROTO_ICMPV6);

	nd->icmp.csum = 0;
	for (uint32_t i = 0; i < sizeof(*nd); i += 4)
		sum += lb_load32((const uint8_t *)nd + i);
	nd->icmp.csum = (uint16_t)~lb_csum_fold(sum);
}

static bool nd_answer(const struct generator *g, struct rte_mbuf *m)
{
	struct lb_eth *eth = rte_pktmbuf_mtod(m, struct lb_eth *);
	struct lb_ipv6 *ip = (struct lb_ipv6 *)(eth + 1);
	struct nd *nd = (struct nd *)(ip + 1);
	uint32_t i;

	if (m->data_len < sizeof(*eth) + sizeof(*ip) + sizeof(*nd) - 8 ||
	    ip->next != LB_IPPROTO_ICMPV6 || nd->icmp.type != ND_SOLICITATION)
		return false;
	i = instances_find6(&g->options->instances, nd->target);
	if (i == INSTANCES_NONE)
		return false;
	memcpy(ip->dst, ip->src, 16);
	memcpy(ip->src, nd->target, 16);
	ip->payload_len = LB_BE16(sizeof(*nd));
	nd->icmp = (struct lb_icmp){ .type = ND_ADVERTISEMENT,
				     .rest = lb_cpu_to_be32(ND_SOLICITED_OVERRIDE) };
	nd->option = ND_TARGET_LINK_LAYER;
	nd->option_len = 1;
	instances_mac(&g->options->instances, i, nd->mac);
	eth_reply(eth, nd->mac);
	nd_checksum(ip, nd);
	m->data_len = (uint16_t)(sizeof(*eth) + sizeof(*ip) + sizeof(*nd));
	m->pkt_len = m->data_len;
	return true;
}

static bool answer(const struct generator *g, struct rte_mbuf *m)
{
	const struct lb_eth *eth = rte_pktmbuf_mtod(m, const struct lb_eth *);

	if (m->nb_segs != 1 || m->data_len < sizeof(*eth))
		return false;
	if (eth->type == LB_BE16(ETHERTYPE_ARP))
		return arp_answer(g, m);
	return eth->type == LB_BE16(LB_ETHERTYPE_IPV6) && nd_answer(g, m);
}

uint32_t answer_burst(const struct generator *g, struct rte_mbuf **pkts, uint32_t n)
{
	uint32_t answers = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (answer(g, pkts[i]) && rte_eth_tx_burst(g->dev, 0, &pkts[i], 1) == 1)
			answers++;
		else
			rte_pktmbuf_free(pkts[i]);
	}
	return answers;
}
