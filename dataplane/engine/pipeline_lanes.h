/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plain TCP (core/lb_parse_plain.h) over IPv4 and IPv6, several packets at once: each is a lane of a
 * vector. Written once for both widths; pipeline_parse_avx2.c and pipeline_parse_avx512.c include it
 * behind the vector that they use. Here is what is known of headers, services and flows;
 * pipeline_lanes_burst.h has the passes over a burst.
 */
#ifndef ENGINE_PIPELINE_LANES_H
#define ENGINE_PIPELINE_LANES_H

#include "dataplane/engine/pipeline_internal.h"
#ifndef LANES
#include "dataplane/engine/lanes_avx2.h"
#endif

/* Headers are read as two overlapping pieces: the first bytes, and the last ones over IPv4. */
#define PIECE 32
#define SECOND_PIECE (sizeof(struct lb_tcp4) - PIECE)

LB_STATIC_ASSERT(SECOND_PIECE == 22 && SECOND_PIECE + 8 == offsetof(struct lb_tcp4, ip.dst) &&
			 SECOND_PIECE + 24 == offsetof(struct lb_tcp4, tcp.doff) &&
			 SECOND_PIECE == offsetof(struct lb_tcp6, ip.src) &&
			 SECOND_PIECE + 16 == offsetof(struct lb_tcp6, ip.dst),
		 "struct headers");

/* A service's entry is read as a whole. */
LB_STATIC_ASSERT(sizeof(struct lb_service) == PIECE && offsetof(struct lb_service, id) == 20 &&
			 offsetof(struct lb_service, forward) == 28,
		 "struct services");

LB_STATIC_ASSERT(offsetof(struct lb_tcp, doff) == 12 && offsetof(struct lb_tcp, flags) == 13,
		 "six_read_tcp()");

/* Bytes of the first and the second lane that are a length in network byte order. */
#define LENGTH_AT(byte)                                                                            \
	_mm_setr_epi8((byte) + 1, byte, -1, -1, -1, -1, -1, -1, (byte) + 9, (byte) + 8, -1, -1,    \
		      -1, -1, -1, -1)

/*
 * Words of the headers, named by their first byte. The leftmost byte is the lowest of a word. In
 * brackets: what they are over IPv6.
 */
struct headers {
	lanes at0;     /* destination's MAC address */
	lanes at8;     /* from the fifth byte: ethertype, version */
	lanes at16;    /* length, identification, fragment, TTL, protocol (from the third: payload
			* length, next header, hop limit) */
	lanes at22;    /* TTL, protocol, checksum, source (source) */
	lanes at30;    /* destination, both ports (source) */
	lanes at38;    /* sequence numbers (destination) */
	lanes at46;    /* data offset, flags (destination) */
	lanes lengths; /* b->lengths */
};

/* Packets over IPv6, after the first pass. */
struct six {
	lanes src[2];
	lanes dst[2];
	lanes ip_len; /* in host order */
	lanes ports;  /* of the source; of the destination */
};

/* The fields of services' entries that are read. */
struct services {
	lanes key;    /* lb_service_key4(); over IPv6 with the address's first four bytes */
	lanes middle; /* the next eight bytes of the address */
	lanes id;     /* the last four bytes of the address, id (2), pool (2) */
	lanes last;   /* salt (4), forward (1) */
};

LANES_INLINE lanes low32(lanes x)
{
	return x & UINT32_MAX;
}

LANES_INLINE lanes high32(lanes x)
{
	return x >> 32;
}

LANES_INLINE void headers_load(const struct burst *b, uint32_t first, struct headers *h)
{
	struct lanes_rows start = lanes_load_rows(&b->data[first], 0);
	struct lanes_rows end = lanes_load_rows(&b->data[first], SECOND_PIECE);

	h->at0 = lanes_column_low(start.even);
	h->at8 = lanes_column_low(start.odd);
	h->at16 = lanes_column_high(start.even);
	h->at22 = lanes_column_low(end.even);
	h->at30 = lanes_column_low(end.odd);
	h->at38 = lanes_column_high(end.even);
	h->at46 = lanes_column_high(end.odd);
}

/* Whether the headers of a packet over IPv4 are present in all lanes. */
LANES_INLINE bool have_headers(lanes lengths)
{
	const lanes wanted = lanes_splat((uint64_t)sizeof(struct lb_tcp4) << 32);
	lanes_mask k = lanes_le(lanes_every(), wanted, lengths & 0x0000ffff00000000);

	return lanes_bits(k) == LANES_ALL;
}

/* ---- TCP ---- */

/* Valid flags: not lb_tcp_flags_are_bad(). @flags: bits above them are ignored. */
LANES_INLINE lanes_mask flags_are_right(lanes_mask k, lanes flags)
{
	return lanes_any(
		k, lanes_shift_right(lanes_splat(LB_TCP_FLAGS_GOOD), flags & LB_TCP_FLAGS_JUDGED),
		1);
}

/*
 * lb_flow_steps() of lb_flow_event(), by the flags FIN, SYN and RST: the lowest three. With RST all
 * steps of others are shifted out.
 */
LANES_INLINE lanes steps_of(lanes flags)
{
	const uint64_t rst = LB_FLOW_STEPS_RST;
	const lanes others =
		lanes_splat((LB_FLOW_STEPS_DATA ^ rst) | (LB_FLOW_STEPS_FIN ^ rst) << 16 |
			    (LB_FLOW_STEPS_SYN ^ rst) << 32 | (LB_FLOW_STEPS_FIN ^ rst) << 48);

	return lanes_shift_right(others, (flags & 7) << 4) ^ rst;
}

/* Lengths of packet and headers. @doff: in bytes. @ip_header: bytes. */
LANES_INLINE lanes_mask lengths_are_right(lanes_mask k, lanes lengths, lanes ip_len, lanes doff,
					  uint64_t ip_header)
{
	k = lanes_le(k, ip_len + sizeof(struct lb_eth), low32(lengths));
	k = lanes_le(k, lanes_splat(sizeof(struct lb_tcp)), doff);
	return lanes_le(k, doff + ip_header, ip_len);
}

/* ---- IPv4 ---- */

/* lb_tcp4_is_plain(), and that the packet is for this port. */
LANES_INLINE lanes_mask four_are_plain(const struct headers *h, uint64_t mac)
{
	/* ethertype and version; fragment and protocol */
	lanes type = lanes_differ(h->at8, 0x0045000800000000, 0x00ffffff00000000);
	lanes frag = lanes_differ(h->at16, (uint64_t)LB_IPPROTO_TCP << 56, 0xff00ff3f00000000);
	lanes wrong = lanes_or3(lanes_differ(h->at0, mac, LB_MAC_MASK), type, frag);

	return lanes_none(lanes_every(), wrong, UINT64_MAX);
}

/*
 * lb_tcp4_csum_sum() and lb_csum_sum_is_right(): for so small a sum the product is below 2^48 if it
 * is a multiple of 0xffff, and only then.
 */
LANES_INLINE lanes_mask four_csums_are_right(lanes_mask k, const struct headers *h)
{
	lanes sum = (h->at8 >> 48) + low32(h->at16) + (high32(h->at16) & 0xffff) + low32(h->at22) +
		    high32(h->at22) + low32(h->at30);

	return lanes_none(k, sum * LB_CSUM_INVERSE, 0xffffULL << 48);
}

/* The source is not lb_source4_is_bad(), and differs from the destination; TTL. */
LANES_INLINE lanes_mask four_sources_are_right(lanes_mask k, const struct headers *h)
{
	lanes src = high32(h->at22), first = src & 0xff;

	k = lanes_ne(k, src, low32(h->at30));
	k = lanes_any(k, first, UINT64_MAX);
	k = lanes_ne(k, first, lanes_splat(127));
	k = lanes_le(k, first, lanes_splat(223));
	return lanes_any(k, h->at22, 0xff);
}

LANES_INLINE lanes four_ip_len(const struct headers *h)
{
	return lanes_shuffle(h->at16, LENGTH_AT(0));
}

/*
 * The rest of lb_parse_tcp4(). Several short chains of masks, since each link waits for the one
 * before it.
 */
LANES_INLINE lanes_mask four_are_right(lanes_mask k, const struct headers *h)
{
	lanes doff = h->at46 >> 2 & 0x3c;
	lanes_mask lengths = lengths_are_right(lanes_every(), h->lengths, four_ip_len(h), doff,
					       sizeof(struct lb_ipv4));
	lanes_mask tcp = flags_are_right(lanes_every(), h->at46 >> 8);

	tcp = lanes_any(tcp, h->at30, 0x0000ffff00000000);
	tcp = lanes_any(tcp, h->at30, 0xffff000000000000);
	k = lanes_and(four_csums_are_right(k, h), four_sources_are_right(lanes_every(), h));
	return lanes_and(k, lanes_and(lengths, tcp));
}

/* lb_service_key4(). */
LANES_INLINE lanes four_service_key(const struct headers *h)
{
	const __m128i port_addr =
		_mm_setr_epi8(6, 7, -1, -1, 0, 1, 2, 3, 14, 15, -1, -1, 8, 9, 10, 11);

	return lanes_shuffle(h->at30, port_addr) | (4u << 24 | LB_IPPROTO_TCP << 16);
}

/* lb_service_hash4(). */
LANES_INLINE lanes four_service_hash(const struct lb_service_table *table, lanes key)
{
	return ((key >> 32 | key << 32) ^ table->seed) * LB_HASH_MUL1 >> 48;
}

/* lb_flow_key4() without the service. */
LANES_INLINE lanes four_clients(const struct headers *h)
{
	return lanes_add_bits(h->at30, 0x0000ffff00000000, high32(h->at22));
}

/* ---- IPv6 ---- */

/* Packets for this port with a valid IPv6 header, followed by a TCP header that is present. */
LANES_INLINE lanes_mask six_are_plain(const struct headers *h, uint64_t mac)
{
	/* ethertype and version; next header */
	lanes type = lanes_differ(h->at8, 0x0060dd8600000000, 0x00f0ffff00000000);
	lanes next = lanes_differ(h->at16, (uint64_t)LB_IPPROTO_TCP << 32, 0xffULL << 32);
	lanes wrong = lanes_or3(lanes_differ(h->at0, mac, LB_MAC_MASK), type, next);
	lanes_mask k = lanes_none(lanes_every(), wrong, UINT64_MAX);

	k = lanes_any(k, h->at16, 0xffULL << 40); /* hop limit */
	return lanes_le(k, lanes_splat((uint64_t)sizeof(struct lb_tcp6) << 32),
			h->lengths & 0x0000ffff00000000);
}

LANES_INLINE struct six six_of(const struct headers *h)
{
	return (struct six){
		.src = { h->at22, h->at30 },
		.dst = { h->at38, h->at46 },
		.ip_len = lanes_shuffle(h->at16, LENGTH_AT(2)) + sizeof(struct lb_ipv6),
	};
}

/*
 * The words of the TCP header that are needed: both ports; from the fifth byte, data offset and
 * flags. Only headers that are known to be present are read.
 */
LANES_INLINE void six_read_tcp(const struct burst *b, uint32_t first, lanes_mask k, lanes word[2])
{
	static const uint8_t nothing[sizeof(struct lb_tcp)];
	const uint8_t *rows[LANES] LB_ALIGNED(8 * LANES);

	lanes_store(rows, lanes_choose(k, lanes_load(&b->data[first]) + LB_TCP6_L4_OFFSET,
				       lanes_splat((uintptr_t)nothing)));
	lanes_load_pairs(rows, word);
}

/*
 * The source is not lb_source6_is_bad(), and differs from the destination. Of a source that starts
 * with 64 zeros lb_parse() decides.
 */
LANES_INLINE lanes_mask six_sources_are_right(lanes_mask k, const struct six *six)
{
	lanes other = (six->src[0] ^ six->dst[0]) | (six->src[1] ^ six->dst[1]);

	k = lanes_any(k, other, UINT64_MAX);
	k = lanes_any(k, six->src[0], UINT64_MAX);
	return lanes_ne(k, six->src[0] & 0xff, lanes_splat(0xff));
}

/* The rest of lb_parse_tcp6(). @flags: from the fifth byte, data offset and flags. */
LANES_INLINE lanes_mask six_are_right(lanes_mask k, const struct six *six, lanes lengths,
				      lanes flags)
{
	lanes doff = flags >> 34 & 0x3c;

	k = lanes_any(k, six->ports, 0x0000ffff);
	k = lanes_any(k, six->ports, 0xffff0000);
	k = lengths_are_right(k, lengths, six->ip_len, doff, sizeof(struct lb_ipv6));
	return lanes_and(six_sources_are_right(k, six),
			 flags_are_right(lanes_every(), flags >> 40));
}

/* lb_service_hash6(). */
LANES_INLINE lanes six_service_hash(const struct lb_service_table *table, const struct six *six)
{
	lanes x = six->dst[0] * LB_HASH_MUL2 ^ six->dst[1] ^ (six->ports & 0xffff0000);

	x ^= (uint64_t)table->seed << 32 | LB_IPPROTO_TCP;
	x ^= high32(x);
	return high32(x * LB_HASH_MUL1);
}

/* Those of @k that are sent to the service whose entry was read. */
LANES_INLINE lanes_mask six_match(lanes_mask k, const struct six *six, const struct services *s)
{
	lanes key =
		six->dst[0] << 32 | (six->ports >> 16 & 0xffff) | (6u << 24 | LB_IPPROTO_TCP << 16);
	lanes middle = high32(six->dst[0]) | six->dst[1] << 32;

	k = lanes_eq(k, key, s->key);
	k = lanes_eq(k, middle, s->middle);
	return lanes_none(k, s->id ^ high32(six->dst[1]), UINT32_MAX);
}

/* lb_hash_nh(). */
LANES_INLINE lanes hash_nh(lanes value, uint64_t key)
{
	lanes sum = (lanes)((lanes_of_32)value + (lanes_of_32)lanes_splat(key));

	return lanes_mul32(sum, high32(sum));
}

/* lb_hash_mix(). */
LANES_INLINE lanes hash_mix(lanes x)
{
	x = (x ^ high32(x)) * LB_HASH_MUL1;
	x = (x ^ high32(x)) * LB_HASH_MUL2;
	return x ^ high32(x);
}

/* lb_flow_hash6(). */
LANES_INLINE lanes six_hash(const struct lb_secret *secret, const struct six *six, lanes salt)
{
	const uint64_t *word = secret->word;
	lanes c = six->ports << 48 >> 16 | low32(salt);
	lanes sum =
		hash_nh(six->src[0], word[0]) + hash_nh(six->src[1], word[1]) + hash_nh(c, word[2]);
	lanes sum2 = hash_mix(hash_nh(six->src[0], word[3]) + hash_nh(six->src[1], word[4]) +
			      hash_nh(c, word[5]));

	return lanes_not_0(hash_mix(sum ^ (sum2 << 17 | sum2 >> 47)));
}

/* ---- Services and flows ---- */

/* Addresses of the entries at which the search for a service begins. */
LANES_INLINE lanes services_at(const struct lb_service_table *table, lanes hash)
{
	return ((hash & table->mask) << 5) + (uintptr_t)table->slot;
}

LANES_INLINE struct services services_load(const struct lb_service *const *service)
{
	struct lanes_rows s = lanes_load_rows((const uint8_t *const *)service, 0);

	return (struct services){
		.key = lanes_column_low(s.even),
		.middle = lanes_column_low(s.odd),
		.id = lanes_column_high(s.even),
		.last = lanes_column_high(s.odd),
	};
}

/* Those of @k whose mode has one of these bits. */
LANES_INLINE lanes_mask services_forward(lanes_mask k, const struct services *s, uint8_t bits)
{
	return lanes_any(k, s->last, (uint64_t)bits << 32);
}

/* lb_flow_spread(). */
LANES_INLINE lanes flows_spread(const struct lb_secret *secret, lanes key)
{
	lanes x = (key ^ secret->word[4]) * (secret->word[5] | 1);

	x = (x ^ high32(x)) * LB_HASH_MUL1;
	return x ^ high32(x);
}

/* Addresses of lb_table_primary(). */
LANES_INLINE lanes flows_bucket(const struct lb_table *flows, lanes spread)
{
	lanes index = high32(lanes_mul32(high32(spread), lanes_splat(flows->n_buckets)));

	return (index << 6) + (uintptr_t)flows->bucket;
}

#endif
