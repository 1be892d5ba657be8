/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "perf/cycles/cycles.h"

#define FRAME_BYTES (LB_ETH_MIN_FRAME) /* 64 on the wire */

const uint8_t traffic_vip4[16] = { 203, 0, 113, 10 };
const uint8_t traffic_vip6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 };

/* xorshift64 */
uint64_t traffic_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Sixteen ports per address. */
static lb_be32 client4(uint32_t n)
{
	return lb_cpu_to_be32(0x0b000000u + (n >> 4));
}

static lb_be16 client_port(uint32_t n)
{
	return lb_cpu_to_be16((uint16_t)(1024 + (n & 15)));
}

uint64_t traffic_key4(uint32_t n, uint16_t id)
{
	return lb_flow_key4(client4(n), client_port(n), id);
}

static uint32_t flow_random(struct traffic *t)
{
	return (uint32_t)((traffic_random(&t->random) >> 32) * t->flows >> 32);
}

/* Far from all recorded flows. */
static uint32_t flow_spoofed(struct traffic *t)
{
	return 0x10000000u | (uint32_t)(traffic_random(&t->random) >> 36);
}

/* One packet of each kind in every five, in an order that a CPU cannot learn. */
static void life_order(struct traffic *t)
{
	for (uint8_t i = 0; i < TRAFFIC_LIFE_PACKETS; i++) {
		uint32_t j = (uint32_t)((traffic_random(&t->random) >> 32) * (i + 1u) >> 32);

		t->order[i] = t->order[j];
		t->order[j] = i;
	}
}

/* A connection's packets are TRAFFIC_LIFE_APART connections apart. */
static uint32_t flow_of_life(struct traffic *t, uint8_t *flags)
{
	static const uint8_t steps[TRAFFIC_LIFE_PACKETS] = { LB_TCP_SYN, LB_TCP_ACK,
							     LB_TCP_PSH | LB_TCP_ACK,
							     LB_TCP_FIN | LB_TCP_ACK, LB_TCP_ACK };
	uint64_t newest = t->next / TRAFFIC_LIFE_PACKETS;
	uint32_t step;

	if (t->next % TRAFFIC_LIFE_PACKETS == 0)
		life_order(t);
	step = t->order[t->next++ % TRAFFIC_LIFE_PACKETS];
	*flags = steps[step];
	return (uint32_t)(newest + (uint64_t)(TRAFFIC_LIFE_PACKETS - step) * TRAFFIC_LIFE_APART) &
	       0x0fffffff;
}

static uint32_t flow_next(struct traffic *t, uint8_t *flags)
{
	*flags = t->tcp_flags;
	if (t->kind == CYCLES_LIFE)
		return flow_of_life(t, flags);
	if (t->kind == CYCLES_OPEN)
		return (uint32_t)t->next++;
	if (t->kind == CYCLES_BESIDE && traffic_random(&t->random) >> 63) {
		*flags = LB_TCP_ACK;
		return flow_random(t);
	}
	return t->kind == CYCLES_FLOOD || t->kind == CYCLES_BESIDE ? flow_spoofed(t)
								   : flow_random(t);
}

static void tcp_write(struct lb_tcp *tcp, uint32_t n, uint8_t flags)
{
	*tcp = (struct lb_tcp){
		.sport = client_port(n),
		.dport = LB_BE16(TRAFFIC_PORT),
		.doff = 0x50,
		.flags = flags,
	};
}

static void ip4_write(struct lb_ipv4 *ip, uint32_t bytes, uint8_t proto)
{
	*ip = (struct lb_ipv4){
		.version_ihl = 0x45,
		.total_len = lb_cpu_to_be16((uint16_t)bytes),
		.frag = LB_BE16(LB_IPV4_DF),
		.ttl = 64,
		.proto = proto,
	};
}

static void ip4_finish(struct lb_ipv4 *ip, lb_be32 src, lb_be32 dst)
{
	ip->src = src;
	ip->dst = dst;
	ip->csum = (uint16_t)~lb_csum_fold(lb_csum_ipv4_sum(ip));
}

static uint32_t packet4_write(uint8_t *at, uint32_t n, uint8_t flags)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)at;

	ip4_write(ip, FRAME_BYTES - sizeof(struct lb_eth), LB_IPPROTO_TCP);
	ip4_finish(ip, client4(n), lb_load32(traffic_vip4));
	tcp_write((struct lb_tcp *)(ip + 1), n, flags);
	return FRAME_BYTES - sizeof(struct lb_eth);
}

/* An instance answers. */
static uint32_t reply4_write(uint8_t *at, const struct traffic_ends *ends, uint8_t flags)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)at;
	struct lb_tcp *tcp = (struct lb_tcp *)(ip + 1);

	ip4_write(ip, FRAME_BYTES - sizeof(struct lb_eth), LB_IPPROTO_TCP);
	ip4_finish(ip, ends->dst, ends->src);
	tcp_write(tcp, 0, flags);
	tcp->sport = ends->dport;
	tcp->dport = ends->sport;
	return FRAME_BYTES - sizeof(struct lb_eth);
}

static uint32_t packet6_write(uint8_t *at, uint32_t n, uint8_t flags)
{
	struct lb_ipv6 *ip = (struct lb_ipv6 *)at;
	const lb_be32 host = lb_cpu_to_be32(n >> 4);

	*ip = (struct lb_ipv6){
		.ver_tc_flow = lb_cpu_to_be32(0x60000000),
		.payload_len = LB_BE16(sizeof(struct lb_tcp)),
		.next = LB_IPPROTO_TCP,
		.hop_limit = 64,
		.src = { 0x20, 0x01, 0x0d, 0xb8, 0x0c },
	};
	memcpy(ip->src + 12, &host, sizeof(host));
	memcpy(ip->dst, traffic_vip6, sizeof(ip->dst));
	tcp_write((struct lb_tcp *)(ip + 1), n, flags);
	return sizeof(*ip) + sizeof(struct lb_tcp);
}

/* From a router next to the client: it quotes what the VIP sent. */
static uint32_t error4_write(uint8_t *at, uint32_t n)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)at;
	struct lb_icmp *icmp = (struct lb_icmp *)(ip + 1);
	struct lb_ipv4 *quote = (struct lb_ipv4 *)(icmp + 1);
	struct lb_ports *ports = (struct lb_ports *)(quote + 1);
	const uint32_t bytes = sizeof(*ip) + sizeof(*icmp) + sizeof(*quote) + 8;

	ip4_write(ip, bytes, LB_IPPROTO_ICMP);
	ip4_finish(ip, lb_cpu_to_be32(0x0c000001), lb_load32(traffic_vip4));
	*icmp = (struct lb_icmp){
		.type = LB_ICMP4_UNREACH,
		.code = LB_ICMP4_UNREACH_FRAG_NEEDED,
		.rest = lb_cpu_to_be32(1400),
	};
	ip4_write(quote, 1500, LB_IPPROTO_TCP);
	ip4_finish(quote, lb_load32(traffic_vip4), client4(n));
	*ports = (struct lb_ports){ .sport = LB_BE16(TRAFFIC_PORT), .dport = client_port(n) };
	return bytes;
}

void traffic_write(struct traffic *t, struct rte_mbuf *m)
{
	struct lb_eth *eth = rte_pktmbuf_mtod(m, struct lb_eth *);
	uint8_t *at = (uint8_t *)(eth + 1);
	uint8_t flags;
	uint32_t n = flow_next(t, &flags);
	uint8_t family = t->family ? t->family : n & 1 ? 6 : 4;
	uint32_t bytes;

	memcpy(eth->dst, harness_port_mac, LB_ETH_ALEN);
	memcpy(eth->src, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	eth->type = family == 4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6);
	if (t->kind == CYCLES_ERRORS)
		bytes = error4_write(at, n);
	else if (t->kind == CYCLES_REPLY)
		bytes = reply4_write(at, &t->ends[n], flags);
	else if (family == 4)
		bytes = packet4_write(at, n, flags);
	else
		bytes = packet6_write(at, n, flags);
	m->data_len = (uint16_t)(sizeof(*eth) + bytes);
	m->pkt_len = m->data_len;
}
