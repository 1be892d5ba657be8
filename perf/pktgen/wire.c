/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TTL 64
#define VECTOR 16u
#define VARIES_IPV4_SRC 12
#define VARIES_IPV4_CSUM 10

/*
 * Compiled for vector instructions, see the Makefile: sixteen packets at a time where the CPU can.
 */
LB_INLINE void compute(struct wire_batch *b, uint32_t n)
{
	n = (n + VECTOR - 1) / VECTOR * VECTOR;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t sig = (b->src[i] + 0x9e3779b9u) * 0x85ebca6bu;
		uint32_t sum, ip = b->ip_base[i] + (b->src[i] & 0xffff) + (b->src[i] >> 16);

		sig = ((sig ^ sig >> 15) + b->seq[i]) * 0xc2b2ae35u;
		sig = ((sig ^ sig >> 13) + b->stamp[i]) * 0x27d4eb2fu;
		sig = ((sig ^ sig >> 16) + (b->sport[i] << 16 | b->flags[i])) * 0x165667b1u;
		sig ^= sig >> 15;
		sum = b->tcp_base[i] + (b->src[i] & 0xffff) + (b->src[i] >> 16) + b->sport[i] +
		      (b->seq[i] & 0xffff) + (b->seq[i] >> 16) + (b->stamp[i] & 0xffff) +
		      (b->stamp[i] >> 16) + b->flags[i] + (sig & 0xffff) + (sig >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		ip = (ip & 0xffff) + (ip >> 16);
		ip = (ip & 0xffff) + (ip >> 16);
		b->sig[i] = sig;
		b->tcp_csum[i] = ~sum & 0xffff;
		b->ip_csum[i] = ~ip & 0xffff;
	}
}

static void compute_portable(struct wire_batch *b, uint32_t n)
{
	compute(b, n);
}

__attribute__((target("avx2"))) static void compute_avx2(struct wire_batch *b, uint32_t n)
{
	compute(b, n);
}

__attribute__((target("avx512f"))) static void compute_avx512(struct wire_batch *b, uint32_t n)
{
	compute(b, n);
}

static void (*compute_chosen)(struct wire_batch *b, uint32_t n) = compute_portable;

static void compute_choose(void)
{
	if (__builtin_cpu_supports("avx512f"))
		compute_chosen = compute_avx512;
	else if (__builtin_cpu_supports("avx2"))
		compute_chosen = compute_avx2;
}

void wire_compute(struct wire_batch *b, uint32_t n)
{
	compute_chosen(b, n);
}

static uint32_t sum_of(const uint8_t *p, uint32_t bytes)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum += lb_load16(p + i);
	if (bytes & 1)
		sum += p[bytes - 1];
	return lb_csum_fold(sum);
}

static uint32_t ip_header_bytes(uint8_t family)
{
	return family == 4 ? sizeof(struct lb_ipv4) : sizeof(struct lb_ipv6);
}

static void ip_write(const struct wire *wire, const struct wire_target *target,
		     struct wire_kind *kind, bool is_flood)
{
	struct lb_ipv4 *ip4 = (struct lb_ipv4 *)(kind->head + sizeof(struct lb_eth));
	struct lb_ipv6 *ip6 = (struct lb_ipv6 *)ip4;

	if (kind->family == 4) {
		*ip4 = (struct lb_ipv4){
			.version_ihl = 0x45,
			.total_len = lb_cpu_to_be16(kind->ip_bytes),
			.frag = LB_BE16(LB_IPV4_DF),
			.ttl = TTL,
			.proto = LB_IPPROTO_TCP,
			.dst = lb_load32(target->addr),
		};
		return;
	}
	*ip6 = (struct lb_ipv6){
		.ver_tc_flow = lb_cpu_to_be32(0x60000000),
		.payload_len = lb_cpu_to_be16((uint16_t)(kind->ip_bytes - sizeof(*ip6))),
		.next = LB_IPPROTO_TCP,
		.hop_limit = TTL,
	};
	memcpy(ip6->src, is_flood ? wire->flood6 : wire->client6, 12);
	memcpy(ip6->dst, target->addr, 16);
}

/* Record the headers of @kind without the varying fields, and which of their bits are constant. */
static void constants_note(struct wire_kind *kind)
{
	uint32_t header = ip_header_bytes(kind->family);
	uint8_t *mask = (uint8_t *)kind->ip_mask;
	struct lb_tcp *tcp = (struct lb_tcp *)(mask + header);

	memcpy(kind->ip, kind->head + sizeof(struct lb_eth), header + sizeof(*tcp));
	memset(mask, 0, sizeof(kind->ip_mask));
	memset(mask, 0xff, header);
	tcp->dport = 0xffff;
	if (kind->family == 4) {
		memset(mask + VARIES_IPV4_SRC, 0, 4);
		memset(mask + VARIES_IPV4_CSUM, 0, 2);
	} else {
		memset(mask + LB_OFFSETOF(struct lb_ipv6, src) + 12, 0, 4);
	}
}

static void sums_note(const struct wire *wire, struct wire_kind *kind)
{
	const uint8_t *ip = kind->head + sizeof(struct lb_eth);
	uint32_t header = ip_header_bytes(kind->family);
	uint32_t tcp_bytes = kind->ip_bytes - header;
	uint64_t sum = lb_cpu_to_be16((uint16_t)tcp_bytes);

	kind->ip_base = kind->family == 4 ? sum_of(ip, header) : 0;
	sum += LB_BE16(LB_IPPROTO_TCP);
	if (kind->family == 4)
		sum += sum_of(ip + 12, 8);
	else
		sum += sum_of(ip + 8, 32);
	sum += sum_of(ip + header, sizeof(struct lb_tcp));
	sum += sum_of(wire->pattern + kind->payload_at, kind->payload_bytes);
	kind->tcp_base = lb_csum_fold(sum);
}

static void kind_make(struct wire *wire, const struct wire_target *target, struct wire_kind *kind,
		      bool is_flood)
{
	struct lb_eth *eth = (struct lb_eth *)kind->head;
	uint32_t header = ip_header_bytes(kind->family);
	struct lb_tcp *tcp = (struct lb_tcp *)(kind->head + sizeof(*eth) + header);

	kind->payload_at = (uint16_t)(sizeof(*eth) + header + sizeof(*tcp));
	kind->payload_bytes = (uint16_t)(kind->ip_bytes - header - sizeof(*tcp));
	kind->frame_bytes = (uint16_t)(sizeof(*eth) + kind->ip_bytes);
	if (kind->frame_bytes < LB_ETH_MIN_FRAME)
		kind->frame_bytes = LB_ETH_MIN_FRAME;
	/* Where IPv6 headers may have been before, the pattern must be rewritten. */
	kind->needs_second_line =
		kind->family == 6 || (wire->has_ipv6 && kind->frame_bytes > WIRE_LINE);
	if (kind->payload_bytes)
		memcpy(kind->head, wire->pattern, WIRE_HEAD_BYTES);
	memcpy(eth->dst, wire->dst_mac, LB_ETH_ALEN);
	memcpy(eth->src, wire->src_mac, LB_ETH_ALEN);
	eth->type = kind->family == 4 ? LB_BE16(LB_ETHERTYPE_IPV4) : LB_BE16(LB_ETHERTYPE_IPV6);
	ip_write(wire, target, kind, is_flood);
	*tcp = (struct lb_tcp){ .dport = lb_cpu_to_be16(target->port) };
	constants_note(kind);
	sums_note(wire, kind);
}

/* A data packet has at least six bytes of payload, so that its length differs from a bare one's. */
static uint16_t data_ip_bytes(uint8_t family, uint16_t size)
{
	uint32_t bare = ip_header_bytes(family) + sizeof(struct lb_tcp);
	uint32_t bytes = (uint32_t)size - WIRE_FCS_BYTES - sizeof(struct lb_eth);

	return (uint16_t)(bytes < bare + 6 ? bare + 6 : bytes);
}

static int kinds_make(struct wire *wire, const struct wire_setup *setup)
{
	for (uint32_t t = 0; t < setup->n_targets; t++) {
		const struct wire_target *target = &setup->targets[t];
		uint8_t *size_of = wire->size_of + (target->family == 6 ? WIRE_FRAME_MAX : 0);

		for (uint32_t s = 0; s < setup->n_sizes + WIRE_EXTRAS; s++) {
			struct wire_kind *kind = &wire->kinds[wire_kind_of(wire, t, s)];
			bool is_flood = s == setup->n_sizes + WIRE_FLOOD;

			kind->family = target->family;
			kind->ip_bytes = s < setup->n_sizes
						 ? data_ip_bytes(target->family, setup->sizes[s])
						 : (uint16_t)(ip_header_bytes(target->family) +
							      sizeof(struct lb_tcp));
			kind_make(wire, target, kind, is_flood);
			/* Of sizes that coincide, the first one counts. */
			if (!is_flood && size_of[kind->ip_bytes] == 0xff)
				size_of[kind->ip_bytes] = (uint8_t)s;
		}
	}
	return 0;
}

static void pattern_make(struct wire *wire)
{
	uint32_t x = 0x5eed;

	for (uint32_t i = 0; i < sizeof(wire->pattern); i++) {
		x = x * 1664525u + 1013904223u;
		wire->pattern[i] = (uint8_t)(x >> 24);
	}
}

int wire_init(struct wire *wire, const struct wire_setup *setup)
{
	uint32_t n = setup->n_targets * (setup->n_sizes + WIRE_EXTRAS);

	compute_choose();
	memset(wire, 0, sizeof(*wire));
	for (uint32_t s = 0; s < setup->n_sizes; s++)
		if (setup->sizes[s] < 64 || setup->sizes[s] > WIRE_FRAME_MAX)
			return -EINVAL;
	wire->n_targets = setup->n_targets;
	wire->n_sizes = setup->n_sizes;
	wire->client4 = setup->client4;
	memcpy(wire->client6, setup->client6, 12);
	memcpy(wire->flood6, setup->client6, 12);
	wire->flood6[11] ^= 0xff;
	memcpy(wire->src_mac, setup->src_mac, LB_ETH_ALEN);
	memcpy(wire->dst_mac, setup->dst_mac, LB_ETH_ALEN);
	for (uint32_t i = 0; i < 256; i++)
		wire->target_of[i] = (uint8_t)((i >> WIRE_PORTS_LOG2) % setup->n_targets);
	for (uint32_t t = 0; t < setup->n_targets; t++)
		wire->has_ipv6 |= setup->targets[t].family == 6;
	pattern_make(wire);
	wire->kinds = aligned_alloc(64, n * sizeof(*wire->kinds));
	wire->size_of = malloc(2 * WIRE_FRAME_MAX);
	if (!wire->kinds || !wire->size_of) {
		wire_fini(wire);
		return -ENOMEM;
	}
	memset(wire->kinds, 0, n * sizeof(*wire->kinds));
	memset(wire->size_of, 0xff, 2 * WIRE_FRAME_MAX);
	return kinds_make(wire, setup);
}

void wire_fini(struct wire *wire)
{
	free(wire->kinds);
	free(wire->size_of);
	wire->kinds = NULL;
	wire->size_of = NULL;
}

static bool is_to(const struct wire_kind *kind, const uint8_t *ip, uint32_t room)
{
	const uint8_t *want = kind->head + sizeof(struct lb_eth);
	uint32_t header = ip_header_bytes(kind->family);
	uint32_t addr = kind->family == 4 ? LB_OFFSETOF(struct lb_ipv4, dst)
					  : LB_OFFSETOF(struct lb_ipv6, dst);
	uint32_t proto = kind->family == 4 ? LB_OFFSETOF(struct lb_ipv4, proto)
					   : LB_OFFSETOF(struct lb_ipv6, next);

	return room >= header + sizeof(struct lb_tcp) && *ip >> 4 == kind->family &&
	       ip[proto] == LB_IPPROTO_TCP && memcmp(ip + addr, want + addr, header - addr) == 0 &&
	       lb_load16(ip + header + 2) == lb_load16(want + header + 2);
}

bool wire_is_to_target(const struct wire *wire, const uint8_t *ip, uint32_t room)
{
	for (uint32_t t = 0; t < wire->n_targets; t++)
		if (is_to(&wire->kinds[wire_kind_of(wire, t, 0)], ip, room))
			return true;
	return false;
}

void wire_fill(const struct wire *wire, uint8_t *frame, uint32_t room)
{
	memcpy(frame, wire->pattern, room < WIRE_FRAME_MAX ? room : WIRE_FRAME_MAX);
}
