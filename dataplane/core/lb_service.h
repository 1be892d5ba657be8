/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The service table: (destination, port, protocol) to a service. Written by the control plane, read
 * by both dataplanes (core/lb_service_find.h): open addressing in a power of two of slots, with a seed for which no chain is
 * longer than LB_SERVICE_PROBES.
 *
 * A VIP has one more entry with port and protocol 0, so that a packet whose ports are unknown (a
 * fragment, a truncated header) is still recognised as sent to a VIP.
 *
 * On a trunk, frames of a network are those with its tag. Elsewhere tags are not looked at.
 */
#ifndef LB_SERVICE_H
#define LB_SERVICE_H

#include "dataplane/core/lb_forward.h"

#define LB_SERVICE_PROBES 8
#define LB_NETWORKS_MAX 8

struct lb_service {
	lb_be16 port;
	uint8_t proto;
	uint8_t family;	  /* 4 or 6; 0: free slot */
	uint8_t addr[16]; /* IPv4: the first four bytes, the rest 0 */
	uint16_t id;	  /* from 1; part of IPv4 flow keys, so never reused for another listener */
	uint8_t pool;
	uint8_t networks;     /* on a trunk: those that it takes packets from, one bit each */
	uint32_t salt;	      /* part of slot hashes: lb_service_salt() */
	uint8_t forward;      /* enum lb_forward */
	uint8_t source : 4;   /* enum lb_nat_source */
	uint8_t affinity : 1; /* the client's address alone chooses the instance */
	uint8_t access : 1;   /* only some clients may begin flows: core/lb_access.h */
	uint8_t reserved : 2;
	lb_be16 instance_port; /* at the instance: the tunnel's, or of nat the connection's; else 0 */
};

LB_STATIC_ASSERT(sizeof(struct lb_service) == 32, "two services a cache line");

/* Header of the services block; the slots follow it, and then the words of core/lb_access.h. */
struct lb_service_table {
	uint32_t mask; /* slots - 1 */
	uint32_t seed;
	uint32_t count;
	uint32_t first;	     /* index of slot 0, for a dataplane whose slots are elsewhere */
	uint32_t n_networks; /* of a trunk; 0: the port is none */
	lb_be16 vlan[LB_NETWORKS_MAX]; /* of each network; 0: untagged */
	uint32_t access_words;	       /* a multiple of LB_ACCESS_UNIT */
	uint32_t reserved[6];
	struct lb_service slot[];
};

LB_STATIC_ASSERT(sizeof(struct lb_service_table) == 64, "slots start on a cache line");

#define LB_ACCESS_PREFIXES_MAX 10000 /* of a service, both lists together */
#define LB_ACCESS_WORDS_IPV6 3	     /* of a range */
#define LB_ACCESS_UNIT 4 /* words as long as a slot: a block is its header, and a number of slots */

LB_STATIC_ASSERT(LB_ACCESS_UNIT * sizeof(uint64_t) == sizeof(struct lb_service), "a slot");

/* The first eight bytes of an IPv4 service's entry: its whole search key. */
LB_INLINE uint64_t lb_service_key4(lb_be32 addr, lb_be16 port, uint8_t proto)
{
	return (uint64_t)addr << 32 | 4u << 24 | (uint32_t)proto << 16 | port;
}

LB_STATIC_ASSERT(LB_OFFSETOF(struct lb_service, addr) == 4, "lb_service_key4()");

/*
 * The address goes into the low half, since high bits of a factor affect only high bits of the
 * product. 16 bits of hash: more than there are slots.
 */
LB_INLINE uint32_t lb_service_hash4(lb_be32 addr, lb_be16 port, uint8_t proto, uint32_t seed)
{
	uint64_t key = lb_service_key4(addr, port, proto);

	return (uint32_t)(((key >> 32 | key << 32) ^ seed) * LB_HASH_MUL1 >> 48);
}

LB_INLINE uint32_t lb_service_hash6(const uint8_t *addr, lb_be16 port, uint8_t proto, uint32_t seed)
{
	uint64_t x = lb_load64(addr) * LB_HASH_MUL2 ^ lb_load64(addr + 8);

	x ^= (uint64_t)seed << 32 | (uint32_t)port << 16 | proto;
	x ^= x >> 32;
	x *= LB_HASH_MUL1;
	return (uint32_t)(x >> 32);
}

/** The salt of a service: the same on every node with the same secret. */
LB_INLINE uint32_t lb_service_salt(const struct lb_secret *secret, const uint8_t *addr,
				   lb_be16 port, uint8_t proto)
{
	uint64_t x = lb_hash_mix(lb_load64(addr) ^ secret->word[2]);

	x = lb_hash_mix(x ^ lb_load64(addr + 8) ^ secret->word[3]);
	return (uint32_t)lb_hash_mix(x ^ ((uint64_t)port << 8 | proto));
}

#endif
