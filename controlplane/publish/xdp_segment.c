/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/publish/xdp_segment.h"
#include "dataplane/abi/lb_abi_hash.h"
#include "dataplane/abi/lb_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "config/base/clock.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since 5.14 */
#endif

int publish_xdp_segment_room(void *part, uint64_t bytes)
{
	uintptr_t first = (uintptr_t)part & ~(uintptr_t)(LB_SEGMENT_ALIGN - 1);

	return madvise((void *)first, (uintptr_t)part + bytes - first, MADV_POPULATE_WRITE) &&
			       errno != EINVAL
		       ? -ENOSPC
		       : 0;
}

static int file_map(struct publish_link *link, const char *path, const struct lb_segment *layout,
		    bool anew)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	uint64_t bytes = layout->bytes, head = layout->services[0];
	void *map = MAP_FAILED;
	int err = 0;

	if (fd < 0)
		return -errno;
	if ((anew && ftruncate(fd, 0)) || ftruncate(fd, (off_t)bytes))
		err = -errno;
	if (!err)
		map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!err && (map == MAP_FAILED || !map))
		err = map ? -errno : -ENOMEM;
	close(fd);
	if (err)
		return err;
	err = publish_xdp_segment_room(map, head);
	if (err) {
		munmap(map, bytes);
		return err;
	}
	link->segment = map;
	link->bytes = bytes;
	return 0;
}

static bool segment_is_of(const struct lb_segment *seg, const struct lb_segment *layout,
			  uint64_t boot_id)
{
	return seg->magic == LB_ABI_MAGIC && seg->abi_hash == layout->abi_hash &&
	       seg->bytes == layout->bytes && seg->directory == layout->directory &&
	       seg->n_workers == layout->n_workers && seg->boot_id == boot_id;
}

static uint32_t cpu_named(const struct xdp_object *o, uint32_t i)
{
	if (o->has_handover)
		return i < o->n_workers ? o->cpu_of[i] : LB_SEGMENT_CPU_NONE;
	return o->cpus[i].region == LB_XDP_REGION_NONE ? LB_SEGMENT_CPU_NONE : i;
}

static void segment_fill(struct publish_link *link, const struct lb_segment *layout,
			 const struct xdp_object *o)
{
	uint64_t started_ns = link->segment->started_ns;

	*link->segment = *layout;
	link->segment->boot_id = o->control->boot_id;
	link->segment->nat_spaces = o->nat_spaces;
	link->segment->nat_ports = (uint16_t)(o->nat_room * o->regions);
	link->segment->started_ns = o->adopted && started_ns ? started_ns : clock_now_ns();
	/* Relative to the segment, as all offsets here; the sum wraps around. */
	link->segment->instance_stats =
		(uint64_t)(uintptr_t)o->counts - (uint64_t)(uintptr_t)link->segment;
	for (uint32_t i = 0; i < o->n_cpus; i++)
		link->segment->cpu[i] = cpu_named(o, i);
	for (uint32_t i = o->n_cpus; i < o->n_counts; i++)
		link->segment->cpu[i] = LB_SEGMENT_CPU_NONE; /* the other side of a queue */
	link->directory = lb_segment_at(link->segment, layout->directory);
	link->node_stats = lb_segment_at(link->segment, layout->node_stats);
}

int publish_xdp_segment_open(struct publish_link *link, const char *run_dir, struct xdp_object *o)
{
	struct lb_segment layout = { .magic = LB_ABI_MAGIC,
				     .abi_version = LB_ABI_VERSION,
				     .abi_hash = lb_abi_hash(),
				     .n_workers = o->n_counts };
	uint64_t before; /* boot_id of the directory to keep; 0: none */
	char path[256];
	int err;

	if (o->n_counts > LB_SEGMENT_WORKERS_MAX)
		return -E2BIG;
	/* The counters of the instances are in the program's maps. */
	lb_segment_layout(&layout, o->n_counts, 0);
	if (snprintf(path, sizeof(path), "%s/xdp.segment", run_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	before = o->adopted ? o->control->boot_id : o->predecessor;
	/* Also absent if a predecessor was killed between creating the maps and the file. */
	if ((!o->adopted || !before) &&
	    getrandom(&o->control->boot_id, sizeof(o->control->boot_id), 0) < 0)
		return -errno;
	err = file_map(link, path, &layout, !before);
	if (err)
		return err;
	if (before && !segment_is_of(link->segment, &layout, before)) {
		publish_xdp_segment_close(link);
		if (o->adopted)
			return -ESTALE;
		err = file_map(link, path, &layout, true);
		if (err || !link->segment)
			return err;
	}
	segment_fill(link, &layout, o);
	publish_xdp_segment_refresh(link, o);
	return 0;
}

void publish_xdp_segment_close(struct publish_link *link)
{
	if (link->segment)
		munmap(link->segment, link->bytes);
	link->segment = NULL;
	link->directory = NULL;
	link->node_stats = NULL;
}

/*
 * A worker that was killed, or does not beat for as long as it is stopped, has left a burst
 * unfinished. The counters are its own; what is missing there is added only in this copy, until its
 * successor does so.
 */
static void worker_read(const struct xdp_object *o, uint32_t i, struct lb_worker_stats *out)
{
	*out = o->workers[i];
	if (i < o->n_workers &&
	    !lb_handover_is_beating(&o->queues[i], o->queues[i].process, clock_coarse_ns()))
		lb_stats_close(out);
}

void publish_xdp_segment_refresh(struct publish_link *link, const struct xdp_object *o)
{
	struct lb_node_stats *node = lb_segment_at(link->segment, link->segment->node_stats);

	for (uint32_t i = 0; i < o->n_cpus; i++)
		*lb_segment_worker_stats(link->segment, i) = o->cpus[i].stats;
	/* The process's workers follow, then its main thread. */
	for (uint32_t i = 0; o->has_handover && i <= o->n_workers; i++)
		worker_read(o, i, lb_segment_worker_stats(link->segment, o->n_cpus + i));
	node->heartbeat_ns = clock_now_ns();
	node->generation = o->control->generation[o->control->active & 1].generation;
	node->flows_capacity = (uint64_t)o->regions * o->n_buckets * LB_BUCKET_SLOTS;
	node->tables_bytes = (uint64_t)o->regions * o->n_buckets * sizeof(struct lb_bucket);
}
