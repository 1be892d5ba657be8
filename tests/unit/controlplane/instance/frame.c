/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/unit/controlplane/instance/frame.h"

static const uint8_t macs[2 * ETH_ALEN] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

uint16_t frame_sum(const void *header, uint32_t bytes)
{
	const uint8_t *b = header;
	uint32_t sum = 0;

	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum += b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

void frame_address(void *to, const char *text)
{
	int done = inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, to);

	assert(done == 1);
	(void)done;
}

static void put_type(struct frame *f, uint32_t at, uint16_t type)
{
	f->bytes[at] = type >> 8;
	f->bytes[at + 1] = type & 0xff;
}

static void build_ethernet(struct frame *f, bool vlan, uint8_t version)
{
	uint16_t type = version == 4 ? ETH_P_IP : ETH_P_IPV6;

	memcpy(f->bytes, macs, sizeof(macs));
	if (vlan) {
		put_type(f, 12, ETH_P_8021Q);
		put_type(f, 14, 0x2064);
	}
	f->l3 = vlan ? 18 : 14;
	put_type(f, f->l3 - 2, type);
}

static uint8_t inner_proto(const struct frame_shape *s)
{
	return s->inner == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

static uint8_t outer_proto(const struct frame_shape *s)
{
	return s->tunnel == FRAME_IPIP ? inner_proto(s) : IPPROTO_UDP;
}

static uint32_t shim_bytes(const struct frame_shape *s)
{
	if (s->tunnel == FRAME_IPIP)
		return 0;
	return s->tunnel == FRAME_GUE ? 12 + 4u * s->gue_words : 8;
}

/* Behind the outer header, where the inner one has been so far. */
static void build_shim(struct frame *f, const struct frame_shape *s, uint32_t inner_bytes)
{
	uint8_t *udp = f->bytes + f->inner;

	if (s->tunnel == FRAME_IPIP)
		return;
	f->udp = f->inner;
	f->inner += shim_bytes(s);
	put_type(f, f->udp, 0xc001);
	put_type(f, f->udp + 2, FRAME_GUE_PORT);
	put_type(f, f->udp + 4, (uint16_t)(shim_bytes(s) + inner_bytes));
	if (s->tunnel == FRAME_GUE_DIRECT)
		return;
	udp[8] = s->gue_words;
	udp[9] = inner_proto(s);
	memset(udp + 12, 0xab, 4u * s->gue_words);
}

static void build_outer4(struct frame *f, const struct frame_shape *s, uint32_t inner_bytes)
{
	struct iphdr *ip = frame_outer4(f);
	uint32_t header = 20 + 4u * s->outer_option_words;

	memset(f->bytes + f->l3, 1, header); /* options: no-operation */
	*ip = (struct iphdr){ .version = 4, .ihl = header / 4, .ttl = 64 };
	ip->tot_len = htons(header + inner_bytes);
	ip->id = htons(4711);
	ip->frag_off = htons(0x4000);
	ip->protocol = outer_proto(s);
	frame_address(&ip->saddr, FRAME_BALANCER4);
	frame_address(&ip->daddr, FRAME_HOST4);
	f->inner = f->l3 + header;
	frame_sum_outer(f);
}

static void build_outer6(struct frame *f, const struct frame_shape *s, uint32_t inner_bytes)
{
	/* RFC 2473 section 4.1.1: tunnel encapsulation limit, then PadN. */
	uint8_t limit[8] = { 0, 0, 4, 1, 4, 1, 1, 0 };
	uint8_t proto = outer_proto(s);
	struct ipv6hdr *ip = frame_outer6(f);

	*ip = (struct ipv6hdr){ .version = 6, .hop_limit = 64, .nexthdr = proto };
	ip->payload_len = htons(4u * s->outer_option_words + inner_bytes);
	frame_address(&ip->saddr, FRAME_BALANCER6);
	frame_address(&ip->daddr, FRAME_HOST6);
	f->inner = f->l3 + 40;
	if (!s->outer_option_words)
		return;
	ip->nexthdr = IPPROTO_DSTOPTS;
	limit[0] = proto;
	memcpy(f->bytes + f->inner, limit, sizeof(limit));
	f->inner += 4u * s->outer_option_words;
}

static void build_inner(struct frame *f, const struct frame_shape *s)
{
	struct iphdr *ip4 = frame_inner4(f);
	struct ipv6hdr *ip6 = frame_inner6(f);
	uint32_t header = s->inner == 4 ? 20 : 40;

	if (s->inner == 4) {
		*ip4 = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 61, .protocol = IPPROTO_TCP };
		ip4->tot_len = htons(header + s->payload);
		frame_address(&ip4->saddr, FRAME_CLIENT4);
		frame_address(&ip4->daddr, FRAME_VIP4);
		ip4->check = frame_sum(ip4, sizeof(*ip4));
	} else {
		*ip6 = (struct ipv6hdr){ .version = 6, .hop_limit = 61, .nexthdr = IPPROTO_TCP };
		ip6->payload_len = htons(s->payload);
		frame_address(&ip6->saddr, FRAME_CLIENT6);
		frame_address(&ip6->daddr, FRAME_VIP6);
	}
	for (uint32_t i = 0; i < s->payload; i++)
		f->bytes[f->inner + header + i] = 'a' + i % 26;
	f->len = f->inner + header + s->payload;
}

void frame_build(struct frame *f, const struct frame_shape *shape)
{
	uint32_t inner_bytes = (shape->inner == 4 ? 20 : 40) + shape->payload;

	memset(f, 0, sizeof(*f));
	f->outer_version = shape->outer;
	f->inner_version = shape->inner;
	build_ethernet(f, shape->vlan, shape->outer);
	if (shape->outer == 4)
		build_outer4(f, shape, shim_bytes(shape) + inner_bytes);
	else
		build_outer6(f, shape, shim_bytes(shape) + inner_bytes);
	build_shim(f, shape, inner_bytes);
	build_inner(f, shape);
}

void frame_pad(struct frame *f, uint32_t bytes)
{
	assert(f->len + bytes <= FRAME_BYTES_MAX);
	memset(f->bytes + f->len, 0xee, bytes);
	f->len += bytes;
}

void frame_sum_outer(struct frame *f)
{
	struct iphdr *ip = frame_outer4(f);

	if (f->outer_version != 4)
		return;
	ip->check = 0;
	ip->check = frame_sum(ip, ip->ihl * 4);
}

struct iphdr *frame_outer4(struct frame *f)
{
	return (struct iphdr *)(f->bytes + f->l3);
}

struct ipv6hdr *frame_outer6(struct frame *f)
{
	return (struct ipv6hdr *)(f->bytes + f->l3);
}

struct iphdr *frame_inner4(struct frame *f)
{
	return (struct iphdr *)(f->bytes + f->inner);
}

struct ipv6hdr *frame_inner6(struct frame *f)
{
	return (struct ipv6hdr *)(f->bytes + f->inner);
}

void frame_unwrapped(const struct frame *f, struct frame *want)
{
	const uint8_t *inner = f->bytes + f->inner;
	uint32_t bytes = inner[2] << 8 | inner[3];

	if (f->inner_version == 6)
		bytes = 40 + (inner[4] << 8 | inner[5]);
	memset(want, 0, sizeof(*want));
	memcpy(want->bytes, f->bytes, f->l3);
	want->l3 = f->l3;
	put_type(want, f->l3 - 2, f->inner_version == 4 ? ETH_P_IP : ETH_P_IPV6);
	memcpy(want->bytes + f->l3, inner, bytes);
	want->len = f->l3 + bytes;
}
