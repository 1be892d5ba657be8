/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a segment: on pages of their own, disjoint, and as long as what is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/abi/lb_segment.h"

#define PAGE 4096
#define RING_BYTES 33024
#define PARTS 18

struct part {
	uint64_t offset, bytes;
};

static int by_offset(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void check_layout(uint32_t workers, uint64_t ring_bytes)
{
	struct lb_segment s = { .bytes = 0 };
	struct part part[PARTS] = { { 0, sizeof(s) } };
	uint64_t end = 0;
	uint32_t n = 1;

	lb_segment_layout(&s, workers, ring_bytes);
	part[n++] = (struct part){ s.node_stats, sizeof(struct lb_node_stats) };
	part[n++] =
		(struct part){ s.worker_stats, (workers + 1ull) * sizeof(struct lb_worker_stats) };
	part[n++] = (struct part){ s.directory, sizeof(struct lb_directory) };
	for (uint32_t i = 0; i < 2; i++) {
		part[n++] = (struct part){ s.params[i], sizeof(struct lb_params) };
		part[n++] =
			(struct part){ s.services[i],
				       sizeof(struct lb_service_table) +
					       LB_SERVICE_SLOTS_MAX * sizeof(struct lb_service) };
		part[n++] = (struct part){ s.instances[i],
					   LB_INSTANCES_MAX * sizeof(struct lb_instance) };
	}
	assert_true(s.pool_stride >= LB_POOL_SLOTS_MAX * sizeof(uint16_t));
	assert_int_equal(s.pool_stride % 64, 0);
	part[n++] = (struct part){ s.pools, 2ull * LB_POOLS_MAX * s.pool_stride };
	if (ring_bytes) {
		part[n++] =
			(struct part){ s.instance_stats, (uint64_t)workers * LB_INSTANCES_MAX *
								 sizeof(struct lb_instance_stats) };
		part[n++] = (struct part){ s.cmd_ring, ring_bytes };
		part[n++] = (struct part){ s.event_ring, ring_bytes };
		part[n++] = (struct part){ s.capture_select, sizeof(struct lb_capture_select) };
		part[n++] = (struct part){ s.capture,
					   (uint64_t)workers * sizeof(struct lb_capture_ring) };
	}
	qsort(part, n, sizeof(*part), by_offset);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(part[i].offset % PAGE, 0);
		assert_true(part[i].offset >= end);
		end = part[i].offset + part[i].bytes;
	}
	assert_true(s.bytes >= end && s.bytes < end + PAGE);
}

static void parts_are_disjoint(void **state)
{
	(void)state;
	check_layout(1, RING_BYTES);
	check_layout(LB_WORKERS_MAX, RING_BYTES);
	check_layout(1, 0);
	check_layout(LB_SEGMENT_WORKERS_MAX, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_disjoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
