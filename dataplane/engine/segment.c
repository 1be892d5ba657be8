/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/segment.h"
#include "config/base/clock.h"
#include "dataplane/abi/lb_abi_hash.h"
#include "dataplane/abi/lb_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#define RING_FLAGS (RING_F_SP_ENQ | RING_F_SC_DEQ)

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static const struct segment no_segment = {
	.memfd = -1, .cmd_fd = -1, .event_fd = -1, .flows_fd = -1
};

LB_STATIC_ASSERT(sizeof(struct lb_cmd) == sizeof(struct lb_event), "one size of ring entries");

/* Set the addresses from a layout that no other process can have changed. */
static void segment_bind(struct segment *segment, const struct lb_segment *layout)
{
	const struct lb_segment *seg = segment->shared;

	for (uint32_t i = 0; i < 2; i++) {
		segment->params[i] = lb_segment_at(seg, layout->params[i]);
		segment->services[i] = lb_segment_at(seg, layout->services[i]);
		segment->instances[i] = lb_segment_at(seg, layout->instances[i]);
	}
	segment->pools = lb_segment_at(seg, layout->pools);
	segment->cmd_ring = lb_segment_at(seg, layout->cmd_ring);
	segment->event_ring = lb_segment_at(seg, layout->event_ring);
	segment->directory = lb_segment_at(seg, layout->directory);
	segment->node_stats = lb_segment_at(seg, layout->node_stats);
	segment->worker_stats = lb_segment_at(seg, layout->worker_stats);
	segment->instance_stats = lb_segment_at(seg, layout->instance_stats);
	segment->capture_select = lb_segment_at(seg, layout->capture_select);
	segment->capture = lb_segment_at(seg, layout->capture);
}

static int memfd_map(struct segment *segment, uint64_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, segment->memfd, 0);

	if (map == MAP_FAILED)
		return -errno;
	segment->shared = map;
	segment->bytes = bytes;
	return 0;
}

/* A memfd that can't be resized under its mappings. */
static int memfd_make(struct segment *segment, uint64_t bytes)
{
	const int seals = SEALS | F_SEAL_SEAL;

	segment->memfd = memfd_create("sluice", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (segment->memfd < 0)
		return -errno;
	if (ftruncate(segment->memfd, (off_t)bytes) || fcntl(segment->memfd, F_ADD_SEALS, seals))
		return -errno;
	return memfd_map(segment, bytes);
}

static int rings_make(struct segment *segment)
{
	int err;

	err = rte_ring_init(segment->cmd_ring, "commands", LB_RING_ENTRIES, RING_FLAGS);
	if (!err)
		err = rte_ring_init(segment->event_ring, "events", LB_RING_ENTRIES, RING_FLAGS);
	if (err)
		return err;
	segment->cmd_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (segment->cmd_fd < 0)
		return -errno;
	segment->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return segment->event_fd < 0 ? -errno : 0;
}

static struct lb_segment segment_layout(uint32_t n_workers)
{
	struct lb_segment seg = {
		.magic = LB_ABI_MAGIC,
		.abi_version = LB_ABI_VERSION,
		.abi_hash = lb_abi_hash(),
		.started_ns = clock_now_ns(),
		.n_workers = n_workers,
		.pid = (uint32_t)getpid(),
	};

	lb_segment_layout(&seg, n_workers,
			  (uint64_t)rte_ring_get_memsize_elem(sizeof(struct lb_cmd),
							      LB_RING_ENTRIES));
	return seg;
}

/* Use what is mapped. The layout is @seg's. */
static int segment_open(struct segment *segment, const struct lb_segment *seg)
{
	segment->n_workers = seg->n_workers;
	segment->boot_id = seg->boot_id;
	segment_bind(segment, seg);
	return rings_make(segment);
}

int segment_create(struct segment *segment, uint32_t n_workers)
{
	struct lb_segment seg;
	int err;

	*segment = no_segment;
	if (n_workers == 0 || n_workers > LB_WORKERS_MAX)
		return -EINVAL;
	seg = segment_layout(n_workers);
	if (getrandom(&seg.boot_id, sizeof(seg.boot_id), 0) != sizeof(seg.boot_id))
		return -errno;
	err = memfd_make(segment, seg.bytes);
	if (!segment->shared)
		goto fail;
	*segment->shared = seg;
	err = segment_open(segment, &seg);
	if (err)
		goto fail;
	/* A worker's first count for an instance must not cause a page fault. */
	memset(segment->worker_stats, 0, (n_workers + 1) * sizeof(*segment->worker_stats));
	memset(segment->instance_stats, 0,
	       (size_t)n_workers * LB_INSTANCES_MAX * sizeof(*segment->instance_stats));
	return 0;

fail:
	segment_destroy(segment);
	return err;
}

/* Its layout follows from the number of workers; the offsets in it are not used. */
static bool memfd_fits(int memfd, uint64_t bytes)
{
	int seals = fcntl(memfd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(memfd, &st) == 0 &&
	       (uint64_t)st.st_size == bytes;
}

static bool segment_is_ours(const struct lb_segment *shared, const struct lb_segment *seg)
{
	return shared->magic == seg->magic && shared->abi_version == seg->abi_version &&
	       shared->abi_hash == seg->abi_hash && shared->bytes == seg->bytes &&
	       shared->n_workers == seg->n_workers && shared->boot_id != 0;
}

int segment_map(struct segment *segment, int memfd, uint32_t n_workers)
{
	struct lb_segment seg = segment_layout(n_workers);
	int err;

	*segment = no_segment;
	if (!memfd_fits(memfd, seg.bytes))
		return -EPROTO;
	segment->memfd = memfd;
	err = memfd_map(segment, seg.bytes);
	if (!err && !segment_is_ours(segment->shared, &seg)) {
		munmap(segment->shared, segment->bytes);
		err = -EPROTO;
	}
	if (err) {
		*segment = no_segment;
		return err;
	}
	segment->n_workers = n_workers;
	segment->boot_id = segment->shared->boot_id;
	segment_bind(segment, &seg);
	return 0;
}

int segment_adopt(struct segment *segment)
{
	struct lb_segment seg = segment_layout(segment->n_workers);

	seg.boot_id = segment->boot_id;
	*segment->shared = seg;
	return rings_make(segment);
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void segment_destroy(struct segment *segment)
{
	if (!segment->bytes && segment->memfd <= 0)
		return;
	if (segment->shared)
		munmap(segment->shared, segment->bytes);
	fd_close(segment->memfd);
	fd_close(segment->cmd_fd);
	fd_close(segment->event_fd);
	*segment = no_segment;
}

const void *segment_block(const struct segment *segment, const struct lb_cmd *cmd)
{
	uint32_t buffer = cmd->buffer & 1;

	switch (cmd->block) {
	case LB_BLOCK_PARAMS:
		return segment->params[buffer];
	case LB_BLOCK_SERVICES:
		return segment->services[buffer];
	case LB_BLOCK_INSTANCES:
		return segment->instances[buffer];
	default:
		return segment->pools +
		       (2 * (uint64_t)cmd->index + buffer) * LB_SEGMENT_POOL_STRIDE;
	}
}

bool segment_ring_check(struct rte_ring *ring)
{
	uint32_t filled = ring->prod.tail - ring->cons.head;

	if (ring->size == LB_RING_ENTRIES && ring->mask == LB_RING_ENTRIES - 1 &&
	    ring->capacity == LB_RING_ENTRIES - 1 && filled <= LB_RING_ENTRIES - 1)
		return true;
	rte_ring_init(ring, "repaired", LB_RING_ENTRIES, RING_FLAGS);
	return false;
}

void segment_rings_recover(struct segment *segment)
{
	segment_ring_check(segment->cmd_ring);
	segment_ring_check(segment->event_ring);
	/* Killed between reserving entries and publishing them; the successor starts over. */
	segment->cmd_ring->prod.head = segment->cmd_ring->prod.tail;
	segment->event_ring->cons.head = segment->event_ring->cons.tail;
}
