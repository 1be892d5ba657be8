/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pipeline_parse.c for four packets at once: plain TCP over IPv4 (core/lb_parse_plain.h) in lanes
 * of 64 bits, one packet each; with the compiler's vector types, whose comparisons set all bits of
 * a lane. Other packets are left to the code for one packet.
 */
#include "dataplane/engine/pipeline_pieces.h"

#define LANES 4
#define ALL_LANES 0xfu
#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 __attribute__((always_inline)) static inline

typedef uint64_t lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t signed_lanes __attribute__((vector_size(8 * LANES)));

/* Words of the headers, named by their first byte. The leftmost byte is the lowest of a word. */
struct headers {
	lanes at0;  /* destination's MAC address */
	lanes at8;  /* from the fifth byte: ethertype, version */
	lanes at16; /* length, identification, fragment, TTL, protocol */
	lanes at22; /* TTL, protocol, checksum, source */
	lanes at30; /* destination, both ports */
	lanes at46; /* data offset, flags */
	lanes src;
	lanes dst;
	lanes ip_len;  /* in host order */
	lanes lengths; /* b->lengths */
};

/* Rows of four words to columns: words 0 and 2 of a packet are in even[], 1 and 3 in odd[]. */
struct pieces {
	__m256i even[2];
	__m256i odd[2];
};

AVX2_INLINE struct pieces pieces_load(const uint8_t *const *row, size_t at)
{
	__m256i r[LANES];

	for (uint32_t i = 0; i < LANES; i++)
		r[i] = _mm256_loadu_si256((const void *)(row[i] + at));
	return (struct pieces){
		.even = { _mm256_unpacklo_epi64(r[0], r[1]), _mm256_unpacklo_epi64(r[2], r[3]) },
		.odd = { _mm256_unpackhi_epi64(r[0], r[1]), _mm256_unpackhi_epi64(r[2], r[3]) },
	};
}

AVX2_INLINE lanes column_low(const __m256i half[2])
{
	return (lanes)_mm256_permute2x128_si256(half[0], half[1], 0x20);
}

AVX2_INLINE lanes column_high(const __m256i half[2])
{
	return (lanes)_mm256_permute2x128_si256(half[0], half[1], 0x31);
}

AVX2_INLINE void headers_load(const struct burst *b, uint32_t first, struct headers *h)
{
	struct pieces start = pieces_load(&b->data[first], 0);
	struct pieces end = pieces_load(&b->data[first], SECOND_PIECE);

	h->at0 = column_low(start.even);
	h->at8 = column_low(start.odd);
	h->at16 = column_high(start.even);
	h->at22 = column_low(end.even);
	h->at30 = column_low(end.odd);
	h->at46 = column_high(end.odd);
	h->src = h->at22 >> 32;
	h->dst = h->at30 & UINT32_MAX;
	h->ip_len = (h->at16 << 8 & 0xff00) | (h->at16 >> 8 & 0xff);
}

/* For lanes whose uppermost bit is clear: unsigned comparisons of four lanes are slow. */
AVX2_INLINE lanes is_below(lanes a, lanes b)
{
	return (lanes)((signed_lanes)a < (signed_lanes)b);
}

/* Bits in which a frame differs from a plain one to the port's MAC address; 0: none. */
AVX2_INLINE lanes what_is_odd(const struct headers *h, uint64_t mac)
{
	/* ethertype and version; fragment and protocol */
	lanes type = (h->at8 ^ 0x0045000800000000) & 0x00ffffff00000000;
	lanes frag = (h->at16 ^ (uint64_t)LB_IPPROTO_TCP << 56) & 0xff00ff3f00000000;

	return ((h->at0 ^ mac) & LB_MAC_MASK) | type | frag;
}

/* lb_csum_ipv4_sum(), folded. */
AVX2_INLINE lanes csums_fold(const struct headers *h)
{
	lanes sum = (h->at8 >> 48) + (h->at16 & UINT32_MAX) + (h->at16 >> 32 & 0xffff) +
		    (h->at22 & UINT32_MAX) + h->src + h->dst;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* lb_parse_tcp4(). Return: all bits set in the lanes where it is true. */
AVX2_INLINE lanes are_plain(const struct headers *h, uint64_t mac)
{
	const lanes zero = { 0 }, good = zero + LB_TCP_FLAGS_GOOD;
	lanes doff = h->at46 >> 2 & 0x3c; /* bytes */
	lanes first = h->src & 0xff;
	lanes wrong = what_is_odd(h, mac) | (csums_fold(h) ^ 0xffff);
	lanes is_right = wrong == zero;

	is_right &= good >> (h->at46 >> 8 & LB_TCP_FLAGS_JUDGED) << 63 != zero;
	/* bad source; TTL and ports of 0 */
	wrong = (lanes)(h->src == h->dst) | (lanes)(first == zero) | (lanes)(first == 127) |
		is_below(zero + 223, first) | (lanes)((h->at22 & 0xff) == zero) |
		(lanes)((h->at30 & 0x0000ffff00000000) == zero) | (lanes)(h->at30 >> 48 == zero);
	/* lengths */
	wrong |= is_below(h->lengths & UINT32_MAX, h->ip_len + sizeof(struct lb_eth)) |
		 is_below(doff, zero + sizeof(struct lb_tcp)) |
		 is_below(h->ip_len, doff + sizeof(struct lb_ipv4));
	return is_right & ~wrong;
}

/* lb_service_key4(). */
AVX2_INLINE lanes services_key(const struct headers *h)
{
	return h->dst << 32 | h->at30 >> 48 | (4u << 24 | LB_IPPROTO_TCP << 16);
}

/* The entries at which the search for a service begins: see lb_service_hash4(). */
AVX2_INLINE lanes services_at(const struct lb_service_table *table, lanes key)
{
	lanes hash = ((key >> 32 | key << 32) ^ table->seed) * LB_HASH_MUL1 >> 48;

	return ((hash & table->mask) << 5) + (uintptr_t)table->slot;
}

/* lb_flow_steps() of lb_flow_event(): those of RST, or else by FIN and SYN, the lowest flags. */
AVX2_INLINE lanes steps_of(lanes flags)
{
	const lanes zero = { 0 };
	const lanes others = zero + (LB_FLOW_STEPS_DATA | LB_FLOW_STEPS_FIN << 16 |
				     LB_FLOW_STEPS_SYN << 32 | LB_FLOW_STEPS_FIN << 48);
	lanes rst = (lanes)((flags & LB_TCP_RST) != zero);

	return (rst & LB_FLOW_STEPS_RST) | (~rst & others >> (flags & 3) * 16);
}

AVX2_INLINE __m128i narrow16(lanes x)
{
	const __m256i low = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, 1, 8, 9, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
	__m256i pairs = _mm256_shuffle_epi8((__m256i)x, low);

	return _mm_unpacklo_epi32(_mm256_castsi256_si128(pairs),
				  _mm256_extracti128_si256(pairs, 1));
}

AVX2_INLINE __m128i narrow32(lanes x)
{
	const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 0, 0, 0, 0);

	return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32((__m256i)x, even));
}

AVX2_INLINE void lanes_store(void *to, lanes x)
{
	_mm256_store_si256(to, (__m256i)x);
}

AVX2_INLINE lanes lanes_load(const void *from)
{
	return (lanes)_mm256_load_si256(from);
}

AVX2_INLINE uint32_t bits_of(lanes all_or_none)
{
	return (uint32_t)_mm256_movemask_pd((__m256d)all_or_none);
}

/*
 * The part of flow_note() that needs only the packets, for all lanes; and the input of
 * flows_find().
 */
AVX2_INLINE void packets_note(struct burst *b, uint32_t first, const struct headers *h)
{
	lanes service = services_key(h);

	lanes_store(&b->service[first], services_at(b->tables->services, service));
	lanes_store(&b->spread[first], service);
	lanes_store(&b->key[first], h->src | (h->at30 & 0x0000ffff00000000));
	_mm_store_si128((void *)&b->l3_len[first], narrow32(h->ip_len));
	_mm_storel_epi64((void *)&b->steps[first], narrow16(steps_of(h->at46 >> 8)));
	_mm_storel_epi64((void *)&b->result[first], _mm_set1_epi16(LB_VERDICT_FORWARD));
}

/* lb_flow_spread(). */
AVX2_INLINE lanes flows_spread(const struct lb_secret *secret, lanes key)
{
	lanes x = (key ^ secret->word[4]) * (secret->word[5] | 1);

	x = (x ^ x >> 32) * LB_HASH_MUL1;
	return x ^ x >> 32;
}

/* The rest of flow_note(). Return: lanes whose service was found at the first probe. */
AVX2_INLINE uint32_t flows_find(struct burst *b, uint32_t first, uint32_t plain)
{
	const struct lb_table *flows = &b->pl->flows->table;
	struct pieces s = pieces_load((const uint8_t *const *)&b->service[first], 0);
	lanes found = (lanes)(lanes_load(&b->spread[first]) == column_low(s.even));
	lanes in_place = (lanes)((column_high(s.odd) >> 32 & LB_FORWARD_IN_PLACE) != 0);
	lanes key = lanes_load(&b->key[first]) | column_high(s.even) << 16;
	lanes spread = flows_spread(&b->tables->secret, key);
	lanes bucket = (lanes)_mm256_mul_epu32((__m256i)(spread >> 32),
					       _mm256_set1_epi64x(flows->n_buckets));

	lanes_store(&b->key[first], key);
	lanes_store(&b->spread[first], spread);
	lanes_store(&b->bucket[first], ((bucket >> 32 & found) << 6) + (uintptr_t)flows->bucket);
	plain &= bits_of(found);
	b->in_place |= (uint64_t)(plain & bits_of(in_place)) << first;
	for (uint32_t i = 0; i < LANES; i++)
		__builtin_prefetch(b->bucket[first + i]);
	return plain;
}

/* Whether the headers of all four packets are present. */
AVX2_INLINE bool have_headers(lanes lengths)
{
	const lanes zero = { 0 };

	return !bits_of(is_below(lengths >> 32 & 0xffff, zero + sizeof(struct lb_tcp4)));
}

/* The first pass, over four packets. Return: the plain ones. */
AVX2_INLINE uint32_t packets_parse(struct burst *b, uint32_t first)
{
	struct headers h = { .lengths = lanes_load(&b->lengths[first]) };
	uint32_t plain;

	if (lb_unlikely(!have_headers(h.lengths)))
		return 0;
	headers_load(b, first, &h);
	plain = bits_of(are_plain(&h, b->pl->port_mac));
	if (plain)
		packets_note(b, first, &h);
	return plain;
}

/* The second pass. Return: number of flows added to @flow. */
AVX2_INLINE uint32_t packets_classify(struct burst *b, uint32_t first, uint32_t plain,
				      uint8_t *flow)
{
	uint32_t known = plain ? flows_find(b, first, plain) : 0, n = 0;

	b->plain4 |= (uint64_t)known << first;
	for (uint32_t i = 0; i < LANES; i++) {
		flow[n] = (uint8_t)(first + i);
		n += (known >> i & 1) || pipeline_classify(b, first + i);
	}
	return n;
}

/*
 * In two passes, so that the next four packets need not wait for these packets' lookups. If most
 * packets are of another kind, four at once cost more than they save.
 */
AVX2 void pipeline_parse_avx2(struct burst *b)
{
	const uint32_t n = b->n & ~(LANES - 1u);
	uint8_t plain[PIPELINE_BURST / LANES];
	uint32_t n_flow = 0, last = ALL_LANES, end;

	for (end = 0; end < n && __builtin_popcount(last) >= LANES / 2; end += LANES) {
		last = packets_parse(b, end);
		plain[end / LANES] = (uint8_t)last;
	}
	for (uint32_t i = 0; i < end; i += LANES)
		n_flow += packets_classify(b, i, plain[i / LANES], &b->flow[n_flow]);
	b->n_flow = (uint16_t)n_flow;
	pipeline_parse_rest(b, end);
}
