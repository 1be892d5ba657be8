/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/packet_gen.h"

#include <string.h>

#include "dataplane/core/lb_csum.h"
#include "tests/support/harness.h"

#define FRAME_MIN 14
#define CORE_HEADERS 96 /* mutations aim at these bytes */

/* A frame under construction, extended at its end. */
struct writer {
	struct packet_gen *gen;
	uint8_t *at;
};

uint64_t packet_gen_draw(struct packet_gen *gen)
{
	return gen->random = lb_hash_mix(gen->random + LB_HASH_MUL2);
}

static uint32_t below(struct packet_gen *gen, uint32_t n)
{
	return (uint32_t)(packet_gen_draw(gen) % n);
}

static bool chance(struct packet_gen *gen, uint32_t percent)
{
	return below(gen, 100) < percent;
}

/* A few flows send most of the packets. */
static uint32_t draw_flow(struct packet_gen *gen)
{
	return below(gen, chance(gen, 92) ? gen->flows / 6 : gen->flows);
}

static uint32_t draw_vip(struct packet_gen *gen)
{
	return below(gen, chance(gen, 85) ? 3 : PACKET_GEN_VIPS);
}

static void *take(struct writer *w, uint32_t bytes)
{
	void *at = w->at;

	memset(at, 0, bytes);
	w->at += bytes;
	return at;
}

static uint8_t *put_eth(struct writer *w, lb_be16 type)
{
	struct lb_eth *eth = take(w, sizeof(*eth));
	uint32_t tags = chance(w->gen, 10) ? 1 + chance(w->gen, 20) : 0;

	memcpy(eth->dst, harness_port_mac, LB_ETH_ALEN);
	memcpy(eth->src, "\x02\xc1\x1e\x00\x00\x01", LB_ETH_ALEN);
	if (chance(w->gen, 2))
		eth->dst[0] |= 1;
	if (chance(w->gen, 2))
		eth->dst[5] ^= 1;
	eth->type = tags ? LB_BE16(LB_ETHERTYPE_VLAN) : type;
	for (; tags; tags--) {
		struct lb_vlan *vlan = take(w, sizeof(*vlan));

		vlan->tci = (lb_be16)packet_gen_draw(w->gen);
		vlan->type = tags > 1 ? LB_BE16(LB_ETHERTYPE_VLAN) : type;
	}
	return w->at;
}

static uint8_t tcp_flags(struct packet_gen *gen)
{
	static const uint8_t usual[] = { LB_TCP_SYN,
					 LB_TCP_SYN,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK,
					 LB_TCP_ACK | LB_TCP_PSH,
					 LB_TCP_ACK | LB_TCP_FIN,
					 LB_TCP_RST };

	return chance(gen, 4) ? (uint8_t)packet_gen_draw(gen) : usual[below(gen, sizeof(usual))];
}

static uint32_t payload_len(struct packet_gen *gen)
{
	if (chance(gen, 80))
		return below(gen, 40);
	return chance(gen, 50) ? below(gen, 1400) : 1400 + below(gen, 61);
}

static void put_l4(struct writer *w, uint8_t proto, uint32_t flow)
{
	struct lb_tcp *tcp = take(w, proto == LB_IPPROTO_TCP ? sizeof(*tcp) : 8);

	tcp->sport = lb_cpu_to_be16((uint16_t)(1024 + flow % 40));
	tcp->dport = lb_cpu_to_be16(chance(w->gen, 95) ? PACKET_GEN_PORT : 80);
	if (proto == LB_IPPROTO_TCP) {
		tcp->doff = chance(w->gen, 97) ? 0x50 : (uint8_t)packet_gen_draw(w->gen);
		tcp->flags = tcp_flags(w->gen);
		tcp->seq = lb_cpu_to_be32(below(w->gen, 3));
	}
	take(w, payload_len(w->gen));
}

static lb_be32 client4(uint32_t flow)
{
	return lb_cpu_to_be32(0xc6336400 + flow / 40);
}

static lb_be32 vip4(struct packet_gen *gen)
{
	return lb_cpu_to_be32(chance(gen, 95) ? 0xcb007100 + draw_vip(gen) : 0x0a000005);
}

static void addr6(uint8_t *addr, uint8_t net, uint8_t host)
{
	static const uint8_t prefix[] = { 0x20, 0x01, 0x0d, 0xb8, 0 };

	memcpy(addr, prefix, sizeof(prefix));
	addr[5] = net;
	addr[15] = host;
}

/* The packet that an ICMP error is about, as the instance sent it to the client. */
static void put_quote4(struct writer *w, lb_be32 vip, uint32_t flow)
{
	struct lb_icmp *icmp = take(w, sizeof(*icmp));
	struct lb_ipv4 *ip = take(w, sizeof(*ip));
	struct lb_tcp *tcp = take(w, 8);
	static const uint8_t types[] = { 3, 3, 3, 11, 12, 8, 5, 4, 0 };

	icmp->type = types[below(w->gen, sizeof(types))];
	ip->version_ihl = 0x45;
	ip->proto = chance(w->gen, 90) ? LB_IPPROTO_TCP : LB_IPPROTO_UDP;
	ip->src = vip;
	ip->dst = client4(flow);
	tcp->sport = LB_BE16(PACKET_GEN_PORT);
	tcp->dport = lb_cpu_to_be16((uint16_t)(1024 + flow % 40));
	take(w, below(w->gen, 30));
}

static void put_quote6(struct writer *w, const uint8_t *vip, uint32_t flow)
{
	struct lb_icmp *icmp = take(w, sizeof(*icmp));
	struct lb_ipv6 *ip = take(w, sizeof(*ip));
	struct lb_tcp *tcp = take(w, 8);
	static const uint8_t types[] = { 1, 2, 2, 3, 4, 128, 135 };

	icmp->type = types[below(w->gen, sizeof(types))];
	ip->ver_tc_flow = lb_cpu_to_be32(0x60000000);
	ip->next = LB_IPPROTO_TCP;
	memcpy(ip->src, vip, 16);
	addr6(ip->dst, 0xc, (uint8_t)(flow / 40));
	tcp->sport = LB_BE16(PACKET_GEN_PORT);
	tcp->dport = lb_cpu_to_be16((uint16_t)(1024 + flow % 40));
	take(w, below(w->gen, 30));
}

static uint8_t protocol(struct packet_gen *gen)
{
	if (chance(gen, 85))
		return LB_IPPROTO_TCP;
	return chance(gen, 70) ? LB_IPPROTO_ICMP : LB_IPPROTO_UDP;
}

static void put_ipv4(struct writer *w)
{
	struct lb_ipv4 *ip = (void *)put_eth(w, LB_BE16(LB_ETHERTYPE_IPV4));
	uint32_t options = chance(w->gen, 5) ? 4 * below(w->gen, 11) : 0;
	uint32_t flow = draw_flow(w->gen);

	take(w, sizeof(*ip) + options);
	ip->version_ihl = (uint8_t)(0x45 + options / 4);
	ip->tos = (uint8_t)packet_gen_draw(w->gen);
	ip->frag = chance(w->gen, 70) ? LB_BE16(LB_IPV4_DF) : 0;
	if (chance(w->gen, 2))
		ip->frag = (lb_be16)packet_gen_draw(w->gen);
	ip->ttl = chance(w->gen, 98) ? 64 : 0;
	ip->proto = protocol(w->gen);
	ip->src = chance(w->gen, 98) ? client4(flow) : (lb_be32)packet_gen_draw(w->gen);
	if (chance(w->gen, 1))
		ip->src = vip4(w->gen);
	ip->dst = vip4(w->gen);
	if (ip->proto == LB_IPPROTO_ICMP)
		put_quote4(w, ip->dst, flow);
	else
		put_l4(w, ip->proto, flow);
	ip->total_len = lb_cpu_to_be16((uint16_t)(w->at - (uint8_t *)ip));
}

static uint8_t put_extensions(struct writer *w, uint8_t proto, uint8_t *next)
{
	static const uint8_t kinds[] = { 0, 43, 60, 44 };

	for (uint32_t n = below(w->gen, 6); n; n--) {
		uint8_t *ext;

		*next = kinds[below(w->gen, chance(w->gen, 80) ? 3 : 4)];
		ext = take(w, 8);
		ext[1] = chance(w->gen, 90) ? 0 : (uint8_t)below(w->gen, 40);
		take(w, 8u * ext[1]);
		next = ext;
	}
	*next = proto;
	return proto;
}

static void put_ipv6(struct writer *w)
{
	struct lb_ipv6 *ip = (void *)put_eth(w, LB_BE16(LB_ETHERTYPE_IPV6));
	uint32_t flow = draw_flow(w->gen);
	uint8_t proto = protocol(w->gen);

	take(w, sizeof(*ip));
	ip->ver_tc_flow = lb_cpu_to_be32(0x60000000 | below(w->gen, 1 << 28));
	ip->hop_limit = chance(w->gen, 98) ? 64 : 0;
	addr6(ip->src, chance(w->gen, 99) ? 0xc : 0xf, (uint8_t)(flow / 40));
	addr6(ip->dst, chance(w->gen, 95) ? 0xf : 0, (uint8_t)draw_vip(w->gen));
	if (proto == LB_IPPROTO_ICMP)
		proto = LB_IPPROTO_ICMPV6;
	ip->next = proto;
	if (chance(w->gen, 8))
		put_extensions(w, proto, &ip->next);
	if (proto == LB_IPPROTO_ICMPV6)
		put_quote6(w, ip->dst, flow);
	else
		put_l4(w, proto, flow);
	ip->payload_len = lb_cpu_to_be16((uint16_t)(w->at - (uint8_t *)(ip + 1)));
}

static void checksum(struct packet_gen *gen)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)(gen->frame + sizeof(struct lb_eth));
	uint32_t header_len;
	uint64_t sum = 0;

	if (((struct lb_eth *)gen->frame)->type == LB_BE16(LB_ETHERTYPE_VLAN))
		ip = (struct lb_ipv4 *)((uint8_t *)ip + sizeof(struct lb_vlan));
	header_len = (ip->version_ihl & 0xfu) * 4;
	ip->csum = 0;
	for (uint32_t i = 0; i < header_len; i += 2)
		sum += lb_load16((uint8_t *)ip + i);
	ip->csum = (uint16_t)~lb_csum_fold(sum);
}

static void mutate(struct packet_gen *gen)
{
	uint32_t span = gen->len < CORE_HEADERS ? gen->len : CORE_HEADERS;

	for (uint32_t n = 1 + below(gen, 4); n; n--)
		gen->frame[below(gen, span)] = (uint8_t)packet_gen_draw(gen);
}

static void resize(struct packet_gen *gen)
{
	if (chance(gen, 50)) {
		uint32_t padding = below(gen, 50);

		padding = padding < PACKET_GEN_MAX - gen->len ? padding : PACKET_GEN_MAX - gen->len;
		memset(gen->frame + gen->len, 0xaa, padding);
		gen->len += padding;
	} else {
		gen->len = FRAME_MIN + below(gen, gen->len - FRAME_MIN);
	}
}

void packet_gen_next(struct packet_gen *gen)
{
	/*
	 * Upper bound of a frame: with options, extension headers and payload it stays below this.
	 */
	static uint8_t room[4 * PACKET_GEN_MAX];
	struct writer w = { .gen = gen, .at = room };
	bool ipv4 = chance(gen, 55);
	uint32_t len;

	if (ipv4)
		put_ipv4(&w);
	else if (chance(gen, 98))
		put_ipv6(&w);
	else
		take(&w, 28 + (uint32_t)(put_eth(&w, LB_BE16(0x0806)) - room));
	len = (uint32_t)(w.at - room);
	gen->len = len < PACKET_GEN_MAX ? len : PACKET_GEN_MAX;
	memset(gen->frame, 0, sizeof(gen->frame));
	memcpy(gen->frame, room, gen->len);
	if (chance(gen, 15))
		mutate(gen);
	if (ipv4 && chance(gen, 97))
		checksum(gen);
	if (chance(gen, 12))
		resize(gen);
	gen->linear = chance(gen, 90) ? gen->len : FRAME_MIN + below(gen, gen->len - FRAME_MIN + 1);
}
