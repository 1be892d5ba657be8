/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keyed hashes of flows. Two of them, with different guarantees:
 *
 * - the key (8 bytes) identifies a flow in the table, and its bucket follows
 *   from the key alone, so that a stored flow can be moved to its other bucket;
 * - the slot hash chooses the instance. It is the same on every node and in
 *   both dataplanes: it depends on the secret, the client and the service's
 *   salt (with affinity on the client's address alone), never on an id that a
 *   node assigned.
 *
 * The mixing is NH (Black et al., UMAC, CRYPTO 1999) and a multiply-xorshift finalizer: without the
 * secret, flows cannot be aimed at one bucket or slot.
 */
#ifndef LB_HASH_H
#define LB_HASH_H

#include "dataplane/core/lb_parse.h"

/* Expanded from node.secret by the control plane; see lb_secret_expand(). */
struct lb_secret {
	uint64_t word[6];
};

#define LB_HASH_MUL1 0xd6e8feb86659fd93ULL
#define LB_HASH_MUL2 0x9e3779b97f4a7c15ULL

/** Bijective finalizer of 64 bits. */
LB_INLINE uint64_t lb_hash_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= LB_HASH_MUL1;
	x ^= x >> 32;
	x *= LB_HASH_MUL2;
	x ^= x >> 32;
	return x;
}

/** One NH step: the product of two keyed 32-bit halves. */
LB_INLINE uint64_t lb_hash_nh(uint64_t value, uint64_t key)
{
	uint32_t low = (uint32_t)value + (uint32_t)key;
	uint32_t high = (uint32_t)(value >> 32) + (uint32_t)(key >> 32);

	return (uint64_t)low * high;
}

/**
 * Expand the 128-bit secret.
 * @key: 16 bytes of node.secret.
 */
LB_INLINE void lb_secret_expand(const uint8_t *key, struct lb_secret *secret)
{
	uint64_t a = lb_load64(key);
	uint64_t b = lb_load64(key + 8);

	for (uint32_t i = 0; i < 6; i++) {
		a = lb_hash_mix(a + LB_HASH_MUL2);
		b = lb_hash_mix(b ^ a);
		secret->word[i] = a ^ (b << 1 | b >> 63);
	}
}

/**
 * Key of an IPv4 flow: exact, and never 0 since service ids start at 1.
 */
LB_INLINE uint64_t lb_flow_key4(lb_be32 client, lb_be16 port, uint16_t service_id)
{
	return (uint64_t)client | (uint64_t)port << 32 | (uint64_t)service_id << 48;
}

/**
 * Slot hash of an IPv4 flow.
 * @salt: of the service, the same on every node.
 */
LB_INLINE uint64_t lb_flow_hash4(const struct lb_secret *secret, lb_be32 client, lb_be16 port,
				 uint32_t salt)
{
	uint64_t value = (uint64_t)client | (uint64_t)(salt ^ port) << 32;

	return lb_hash_mix(lb_hash_nh(value, secret->word[0]) ^ (value + secret->word[1]));
}

/**
 * Fingerprint of an IPv6 flow: its key in the flow table, never 0, and its slot hash. Two live
 * flows of one bucket collide with a probability of about 2^-64.
 */
LB_INLINE uint64_t lb_flow_hash6(const struct lb_secret *secret, const uint8_t *client,
				 lb_be16 port, uint32_t salt)
{
	uint64_t a = lb_load64(client);
	uint64_t b = lb_load64(client + 8);
	uint64_t c = (uint64_t)port << 32 | salt;
	uint64_t sum = lb_hash_nh(a, secret->word[0]) + lb_hash_nh(b, secret->word[1]) +
		       lb_hash_nh(c, secret->word[2]);
	uint64_t sum2 = lb_hash_nh(a, secret->word[3]) + lb_hash_nh(b, secret->word[4]) +
			lb_hash_nh(c, secret->word[5]);
	uint64_t hash = lb_hash_mix(sum ^ (lb_hash_mix(sum2) << 17 | lb_hash_mix(sum2) >> 47));

	return hash ? hash : 1;
}

/** Slot hash of a client, by its address alone: the same for all its flows, to whatever service. */
LB_INLINE uint64_t lb_client_hash(const struct lb_secret *secret, const struct lb_meta *meta)
{
	return meta->family == 4 ? lb_flow_hash4(secret, meta->client4, 0, 0)
				 : lb_flow_hash6(secret, meta->client6, 0, 0);
}

/** Both buckets of a key follow from this. */
LB_INLINE uint64_t lb_flow_spread(const struct lb_secret *secret, uint64_t key)
{
	uint64_t x = (key ^ secret->word[4]) * (secret->word[5] | 1);

	x ^= x >> 32;
	x *= LB_HASH_MUL1;
	return x ^ x >> 32;
}

/** Map a 32-bit hash to [0, n) without a division (Lemire, 2016). */
LB_INLINE uint32_t lb_hash_range(uint32_t hash, uint32_t n)
{
	return (uint32_t)(((uint64_t)hash * n) >> 32);
}

/** Index of a flow's slot in a table of @n_slots. */
LB_INLINE uint32_t lb_flow_slot(uint64_t hash, uint32_t n_slots)
{
	return lb_hash_range((uint32_t)(hash >> 32), n_slots);
}

#endif
