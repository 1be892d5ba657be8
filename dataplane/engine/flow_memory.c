/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/flow_memory.h"
#include "dataplane/abi/lb_abi_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define NODES_MAX 64 /* in one word */

static struct lb_kept *tail(const struct flow_memory *memory)
{
	return (struct lb_kept *)(void *)(memory->map + memory->bytes - sizeof(struct lb_kept));
}

/*
 * On a boundary of 2 MB also if the file has small pages, which the kernel can then join. Mapping a
 * file of hugepages reserves them.
 */
static int map_file(struct flow_memory *memory)
{
	uint64_t room = memory->bytes + LB_KEPT_PAGE, before, after;
	uint8_t *area =
		mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *map;
	int err;

	if (area == MAP_FAILED)
		return -errno;
	before = -(uintptr_t)area & (LB_KEPT_PAGE - 1);
	after = LB_KEPT_PAGE - before;
	if (before)
		munmap(area, before);
	if (after)
		munmap(area + before + memory->bytes, after);
	map = mmap(area + before, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   memory->fd, 0);
	if (map != MAP_FAILED) {
		memory->map = map;
		return 0;
	}
	err = -errno;
	munmap(area + before, memory->bytes);
	return err;
}

static int make(struct flow_memory *memory, bool is_huge)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int err = 0;

	flags |= is_huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0;
	memory->is_huge = is_huge;
	memory->fd = memfd_create(LB_KEPT_NAME_FLOWS, flags);
	if (memory->fd < 0)
		return -errno;
	if (ftruncate(memory->fd, (off_t)memory->bytes) ||
	    fcntl(memory->fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL))
		err = -errno;
	if (!err)
		err = map_file(memory);
	if (err)
		close(memory->fd);
	else if (!is_huge)
		(void)madvise(memory->map, memory->bytes, MADV_HUGEPAGE);
	return err;
}

int flow_memory_create(struct flow_memory *memory, uint32_t n_workers, uint32_t n_buckets,
		       uint32_t n_records)
{
	int err;

	*memory = (struct flow_memory){
		.n_workers = n_workers,
		.n_buckets = n_buckets,
		.n_records = n_records,
	};
	memory->bytes = lb_kept_bytes(n_workers, n_buckets, n_records);
	err = make(memory, true);
	if (err)
		err = make(memory, false);
	if (err)
		*memory = (struct flow_memory){ .map = NULL };
	return err;
}

void flow_memory_seal(struct flow_memory *memory, uint64_t boot_id)
{
	struct lb_kept *kept = tail(memory);

	*kept = (struct lb_kept){
		.boot_id = boot_id,
		.abi_hash = lb_abi_hash(),
		.n_workers = memory->n_workers,
		.n_buckets = memory->n_buckets,
		.n_records = memory->n_records,
	};
	lb_store_release(&kept->magic, LB_KEPT_MAGIC);
}

/* ---- A predecessor's ---- */

/* A file that could shrink under the mapping would kill this process. */
static int open_file(struct flow_memory *memory, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st))
		return -EPROTO;
	if (st.st_size <= 0 || (uint64_t)st.st_size % LB_KEPT_PAGE)
		return -EPROTO;
	*memory = (struct flow_memory){ .fd = fd, .bytes = (uint64_t)st.st_size };
	memory->is_huge = (uint64_t)st.st_blksize == LB_KEPT_PAGE;
	return map_file(memory);
}

static void unmap(struct flow_memory *memory)
{
	munmap(memory->map, memory->bytes);
	*memory = (struct flow_memory){ .map = NULL };
}

/* @memory: with the sizes that are wanted. */
static enum flow_memory_fault tail_check(const struct flow_memory *memory, uint64_t boot_id)
{
	const struct lb_kept *kept = tail(memory);

	if (lb_load_acquire(&kept->magic) != LB_KEPT_MAGIC || kept->abi_hash != lb_abi_hash())
		return FLOW_MEMORY_FOREIGN;
	if (kept->n_workers != memory->n_workers || kept->n_buckets != memory->n_buckets ||
	    kept->n_records != memory->n_records)
		return FLOW_MEMORY_SIZE;
	if (memory->bytes != lb_kept_bytes(memory->n_workers, memory->n_buckets, memory->n_records))
		return FLOW_MEMORY_FOREIGN;
	return kept->boot_id == boot_id ? FLOW_MEMORY_FITS : FLOW_MEMORY_PAIR;
}

enum flow_memory_fault flow_memory_adopt(struct flow_memory *memory, int fd, uint32_t n_workers,
					 uint32_t n_buckets, uint32_t n_records, uint64_t boot_id)
{
	enum flow_memory_fault fault;

	*memory = (struct flow_memory){ .map = NULL };
	if (open_file(memory, fd))
		return FLOW_MEMORY_FOREIGN;
	memory->n_workers = n_workers;
	memory->n_buckets = n_buckets;
	memory->n_records = n_records;
	fault = tail_check(memory, boot_id);
	if (fault)
		unmap(memory);
	return fault;
}

struct lb_kept flow_memory_sizes(int fd)
{
	struct lb_kept kept = { .magic = 0 };
	struct flow_memory memory;

	if (open_file(&memory, fd))
		return kept;
	kept = *tail(&memory);
	unmap(&memory);
	return kept;
}

/* ---- Workers ---- */

struct lb_bucket *flow_memory_table(const struct flow_memory *memory, uint32_t worker)
{
	return (struct lb_bucket *)(void *)(memory->map +
					    worker * lb_kept_stride(memory->n_buckets,
								    memory->n_records));
}

struct lb_nat_memory flow_memory_nat(const struct flow_memory *memory, uint32_t worker)
{
	if (!memory->n_records)
		return (struct lb_nat_memory){ NULL, NULL };
	return lb_nat_memory_at(flow_memory_table(memory, worker) + memory->n_buckets);
}

/* Small tables share their pages. */
static void place(void *start, uint64_t bytes, int node)
{
	unsigned long nodes = 1UL << node;

	(void)syscall(SYS_mbind, start, bytes, MPOL_PREFERRED, &nodes, NODES_MAX + 1UL, 0);
}

static int fill(uint8_t *start, uint64_t bytes)
{
	if (madvise(start, bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL) /* Linux before 5.14 */
		return -errno;
	for (uint64_t at = 0; at < bytes; at += 4096)
		(void)__atomic_fetch_or(start + at, 0, __ATOMIC_RELAXED);
	return 0;
}

int flow_memory_fill(const struct flow_memory *memory, uint32_t worker, int node)
{
	uint64_t stride = lb_kept_stride(memory->n_buckets, memory->n_records),
		 from = worker * stride;
	uint64_t to = worker + 1 == memory->n_workers ? memory->bytes : from + stride;
	int err;

	if (stride < LB_KEPT_PAGE) { /* whole pages, together with the neighbours */
		from &= ~(LB_KEPT_PAGE - 1);
		to = (to + LB_KEPT_PAGE - 1) & ~(LB_KEPT_PAGE - 1);
	} else if (node >= 0 && node < NODES_MAX) {
		place(memory->map + from, to - from, node);
	}
	err = fill(memory->map + from, to - from);
	/* Ordinary pages could be swapped out. */
	if (!err && !memory->is_huge)
		(void)mlock(memory->map + from, to - from);
	return err;
}

void flow_memory_clear(struct flow_memory *memory)
{
	memset(memory->map, 0, memory->bytes);
}

void flow_memory_destroy(struct flow_memory *memory)
{
	int fd = memory->fd;

	if (!memory->map)
		return;
	unmap(memory);
	close(fd);
}
