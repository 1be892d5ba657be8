/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of all workers' flow tables: a sealed memfd, which outlives the process
 * (abi/lb_kept.h). In hugepages, or in ordinary ones where no hugepages are free.
 *
 * Other processes hold the descriptor, and could write. Nothing in it is used as an address: keys
 * are compared, indices of instances are checked.
 *
 * Context: the main lcore, but for flow_memory_fill().
 */
#ifndef ENGINE_FLOW_MEMORY_H
#define ENGINE_FLOW_MEMORY_H

#include "dataplane/abi/lb_kept.h"

struct flow_memory {
	uint8_t *map;
	uint64_t bytes;
	uint32_t n_workers;
	uint32_t n_buckets; /* of each worker */
	uint32_t n_records; /* the same; 0: nothing is translated */
	int fd;		    /* valid if @map is */
	bool is_huge;	    /* in pages of 2 MB that the kernel has set aside */
};

enum flow_memory_fault {
	FLOW_MEMORY_FITS,
	FLOW_MEMORY_FOREIGN, /* not sealed, of another ABI, or damaged */
	FLOW_MEMORY_SIZE,    /* for another number of workers, flows or records */
	FLOW_MEMORY_PAIR,    /* belongs to another segment */
};

/**
 * Make zeroed memory. Its pages are reserved, not yet there.
 * Return: 0 or -errno. Context: before the other hugepages are taken.
 */
int flow_memory_create(struct flow_memory *memory, uint32_t n_workers, uint32_t n_buckets,
		       uint32_t n_records);

/** It is complete: say to which segment it belongs. */
void flow_memory_seal(struct flow_memory *memory, uint64_t boot_id);

/**
 * Use a predecessor's memory, if it is what flow_memory_create() and flow_memory_seal() would make.
 * @fd: consumed if it fits, else left open.
 */
enum flow_memory_fault flow_memory_adopt(struct flow_memory *memory, int fd, uint32_t n_workers,
					 uint32_t n_buckets, uint32_t n_records, uint64_t boot_id);

/** What of a predecessor's memory does not fit, after FLOW_MEMORY_SIZE. */
struct lb_kept flow_memory_sizes(int fd);

/** A worker's buckets. */
struct lb_bucket *flow_memory_table(const struct flow_memory *memory, uint32_t worker);

/** A worker's records of translated connections, or none. */
struct lb_nat_memory flow_memory_nat(const struct flow_memory *memory, uint32_t worker);

/**
 * Have a worker's pages there, near its CPU if that is possible: a packet must not fault.
 * @node: of NUMA; -1: any.
 * Return: 0 or -errno. Context: any thread, one for each worker.
 */
int flow_memory_fill(const struct flow_memory *memory, uint32_t worker, int node);

/** Zero all tables. */
void flow_memory_clear(struct flow_memory *memory);

/** Unmap and close. A zeroed struct is allowed. */
void flow_memory_destroy(struct flow_memory *memory);

#endif
