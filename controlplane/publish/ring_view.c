/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/publish/ring_view.h"

#include <errno.h>
#include <stdio.h>

static void pools_fill(const struct publish_directory *directory,
		       const struct model_running *running, struct flows_view *view)
{
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++) {
		uint32_t n_previous;
		const uint16_t *previous = publish_directory_previous(directory, i, &n_previous);

		view->pool[i] = (struct lb_pool_view){
			.current = running->slots[i],
			.previous = previous,
			.n_current = running->slot_count[i],
			.n_previous = n_previous,
		};
	}
}

/* Each worker's table, and behind it its records of translated connections (abi/lb_kept.h). */
static void regions_fill(const struct lb_segment *segment, const uint8_t *map,
			 const struct lb_kept *kept, struct flows_view *view)
{
	const uint64_t stride = lb_kept_stride(kept->n_buckets, kept->n_records);
	const uint32_t room = kept->n_workers ? segment->nat_ports / kept->n_workers : 0;

	view->n_regions = kept->n_workers;
	for (uint32_t i = 0; i < kept->n_workers; i++) {
		const struct lb_bucket *bucket = (const void *)(map + i * stride);

		view->region[i] = (struct flows_region){
			.bucket = bucket,
			.n_buckets = kept->n_buckets,
			.cpu = segment->cpu[i],
		};
		if (kept->n_records)
			view->nat_memory[i] =
				lb_nat_memory_at((void *)(uintptr_t)(bucket + kept->n_buckets));
	}
	/* The ports of all spaces are in the memory of each worker. */
	if (room && segment->nat_spaces && (uint64_t)segment->nat_spaces * room <= kept->n_records)
		flows_view_nat(view, segment->nat_spaces, room);
}

int publish_ring_view(const struct publish_directory *directory, struct publish_keep *keep,
		      struct flows_view *view)
{
	const struct lb_segment *segment = directory->link->segment;
	struct model_running running;
	struct lb_kept kept;
	const uint8_t *map;

	if (!publish_directory_read(directory, &running) || !running.params || !running.services)
		return -ENODATA;
	*view = (struct flows_view){
		.generation = directory->link->node_stats->generation,
		.services = running.services,
		.instances = { running.instances, running.instance_count },
	};
	flows_view_params(view, running.params);
	pools_fill(directory, &running, view);
	map = publish_keep_flows(keep, segment->boot_id, &kept);
	if (map)
		regions_fill(segment, map, &kept, view);
	else
		snprintf(view->why_no_flows, sizeof(view->why_no_flows),
			 "sluiced does not hold the flow tables of sluice-dataplane");
	return 0;
}
