/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the parts of a segment are (abi/lb_abi.h). */
#ifndef LB_SEGMENT_H
#define LB_SEGMENT_H

#include "dataplane/abi/lb_abi.h"

#define LB_SEGMENT_ALIGN 4096 /* parts of different writers are on different pages */
#define LB_SEGMENT_POOL_STRIDE ((LB_POOL_SLOTS_MAX * sizeof(uint16_t) + 63) & ~(uint64_t)63)

/* Reserve room for a part. Return: its offset. */
LB_INLINE uint64_t lb_segment_part(uint64_t *end, uint64_t bytes)
{
	uint64_t offset = *end;

	*end = (offset + bytes + LB_SEGMENT_ALIGN - 1) & ~(uint64_t)(LB_SEGMENT_ALIGN - 1);
	return offset;
}

/**
 * Set the offsets of all parts, and the length.
 * @n_workers: rows of the workers' statistics; one more follows, the main lcore's.
 * @ring_bytes: of each ring; 0: for XDP, which has neither rings, captured packets nor counters of
 * instances here.
 */
LB_INLINE void lb_segment_layout(struct lb_segment *seg, uint32_t n_workers, uint64_t ring_bytes)
{
	const uint64_t services = sizeof(struct lb_service_table) +
				  (uint64_t)LB_SERVICE_SLOTS_MAX * sizeof(struct lb_service) +
				  (uint64_t)LB_ACCESS_WORDS_MAX * sizeof(uint64_t);
	const uint64_t counters =
		(uint64_t)n_workers * LB_INSTANCES_MAX * sizeof(struct lb_instance_stats);
	uint64_t end = 0;

	lb_segment_part(&end, sizeof(*seg));
	seg->node_stats = lb_segment_part(&end, sizeof(struct lb_node_stats));
	seg->worker_stats =
		lb_segment_part(&end, ((uint64_t)n_workers + 1) * sizeof(struct lb_worker_stats));
	if (ring_bytes) {
		seg->instance_stats = lb_segment_part(&end, counters);
		seg->cmd_ring = lb_segment_part(&end, ring_bytes);
		seg->event_ring = lb_segment_part(&end, ring_bytes);
	}
	seg->directory = lb_segment_part(&end, sizeof(struct lb_directory));
	for (uint32_t i = 0; i < 2; i++) {
		seg->params[i] = lb_segment_part(&end, sizeof(struct lb_params));
		seg->services[i] = lb_segment_part(&end, services);
		seg->instances[i] =
			lb_segment_part(&end, LB_INSTANCES_MAX * sizeof(struct lb_instance));
	}
	seg->pool_stride = LB_SEGMENT_POOL_STRIDE;
	seg->pools = lb_segment_part(&end, 2 * LB_POOLS_MAX * LB_SEGMENT_POOL_STRIDE);
	if (ring_bytes) {
		seg->capture_select = lb_segment_part(&end, sizeof(struct lb_capture_select));
		seg->capture =
			lb_segment_part(&end, (uint64_t)n_workers * sizeof(struct lb_capture_ring));
	}
	seg->bytes = end;
}

#endif
