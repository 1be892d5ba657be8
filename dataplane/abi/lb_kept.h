/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What outlives sluice-dataplane, on a port that it has for itself: the segment (abi/lb_abi.h) and
 * the flow tables of the workers, each in a sealed memfd. sluiced holds both descriptors, which it
 * gets with the hello, and systemd does, in the service's descriptor store. The next
 * sluice-dataplane takes them from either.
 *
 * sluiced listens on LB_KEPT_SOCKET. A connection carries one message, struct lb_hello, with the
 * descriptors of segment and flow tables by SCM_RIGHTS; boot_id 0 and no descriptors: it has none.
 */
#ifndef LB_KEPT_H
#define LB_KEPT_H

#include "dataplane/abi/lb_abi.h"
#include "dataplane/core/lb_nat_find.h"

#define LB_KEPT_SOCKET "kept.sock" /* in the run directory */
#define LB_KEPT_FDS 2

/* Names in systemd's descriptor store. */
#define LB_KEPT_NAME_SEGMENT "sluice-segment"
#define LB_KEPT_NAME_FLOWS "sluice-flows"

#define LB_KEPT_MAGIC 0x53574f4c46424c00ULL
#define LB_KEPT_PAGE ((uint64_t)2 << 20) /* the file is a multiple of it */

/* The last bytes of the flow tables' file. Written once, when segment and tables are there. */
struct lb_kept {
	uint64_t magic;
	uint64_t boot_id; /* of the segment that they belong to */
	uint32_t abi_hash;
	uint32_t n_workers;
	uint32_t n_buckets; /* of each worker */
	uint32_t n_records; /* of translated connections, of each worker */
	uint32_t reserved[8];
} LB_ALIGNED(64);

LB_STATIC_ASSERT(sizeof(struct lb_kept) == sizeof(struct lb_bucket), "in place of a bucket");

/**
 * Bytes between the memory of two workers, each a table and behind it records of translated
 * connections: large ones have pages of their own.
 */
LB_INLINE uint64_t lb_kept_stride(uint32_t n_buckets, uint32_t n_records)
{
	uint64_t bytes = (uint64_t)n_buckets * sizeof(struct lb_bucket) + lb_nat_bytes(n_records);

	return bytes < LB_KEPT_PAGE ? bytes : (bytes + LB_KEPT_PAGE - 1) & ~(LB_KEPT_PAGE - 1);
}

/** Length of the file. */
LB_INLINE uint64_t lb_kept_bytes(uint32_t n_workers, uint32_t n_buckets, uint32_t n_records)
{
	uint64_t end = (n_workers - 1) * lb_kept_stride(n_buckets, n_records) +
		       (uint64_t)n_buckets * sizeof(struct lb_bucket) + lb_nat_bytes(n_records) +
		       sizeof(struct lb_kept);

	return (end + LB_KEPT_PAGE - 1) & ~(LB_KEPT_PAGE - 1);
}

#endif
