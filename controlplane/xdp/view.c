/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"

/* Header and slots are in two maps; the packet core wants one after the other. */
static struct lb_service_table *services_copy(const struct xdp_object *o,
					      const struct lb_xdp_generation *gen)
{
	size_t slots = (size_t)gen->services.mask + 1;
	struct lb_service_table *table;

	if (slots > LB_XDP_SERVICE_SLOTS_MAX || gen->services.first > LB_XDP_SERVICE_SLOTS_MAX)
		slots = 0;
	table = aligned_alloc(64, sizeof(*table) + (slots + 1) / 2 * 64);
	if (!table)
		return NULL;
	*table = gen->services;
	table->access_words = 0; /* they are in neither of these */
	memcpy(table->slot, &o->services[gen->services.first], slots * sizeof(*table->slot));
	return table;
}

static void pools_fill(const struct xdp_object *o, const struct lb_xdp_generation *gen,
		       struct flows_view *view)
{
	for (uint32_t i = 0; i < LB_XDP_POOLS_MAX; i++) {
		const struct lb_xdp_pool *pool = &gen->pool[i];

		view->pool[i] = (struct lb_pool_view){
			.current = o->slots[pool->current].slot,
			.previous = o->slots[pool->previous].slot,
			.n_current = pool->n_current,
			.n_previous = pool->n_previous,
		};
	}
}

static uint32_t region_cpu(const struct xdp_object *o, uint32_t region)
{
	if (o->has_handover)
		return region < o->n_workers ? o->cpu_of[region] : LB_SEGMENT_CPU_NONE;
	for (uint32_t i = 0; i < o->n_cpus; i++)
		if (o->cpus[i].region == region)
			return i;
	return LB_SEGMENT_CPU_NONE;
}

static void regions_fill(const struct xdp_object *o, struct flows_view *view)
{
	view->n_regions = o->regions < LB_WORKERS_MAX ? o->regions : LB_WORKERS_MAX;
	for (uint32_t i = 0; i < view->n_regions; i++)
		view->region[i] = (struct flows_region){
			.bucket = o->flows + (size_t)i * o->n_buckets,
			.n_buckets = o->n_buckets,
			.cpu = region_cpu(o, i),
		};
}

/* The memory is only read, but the packet core also writes where it points to. */
static void nat_fill(const struct xdp_object *o, struct flows_view *view)
{
	const size_t records = (size_t)o->nat_spaces * o->nat_room;

	if (!o->nat_spaces)
		return;
	for (uint32_t i = 0; i < view->n_regions; i++)
		view->nat_memory[i] = (struct lb_nat_memory){
			(struct lb_nat_area *)(uintptr_t)&o->nat_areas[i],
			(struct lb_nat_record *)(uintptr_t)&o->nat_records[i * records],
		};
	flows_view_nat(view, o->nat_spaces, o->nat_room);
}

int xdp_view(const struct xdp_object *o, struct flows_view *view)
{
	const struct lb_xdp_generation *gen = &o->control->generation[o->control->active & 1];
	struct lb_service_table *services;

	if (!gen->generation)
		return -ENODATA;
	services = services_copy(o, gen);
	if (!services)
		return -ENOMEM;
	*view = (struct flows_view){
		.generation = gen->generation,
		.secret = gen->secret,
		.timeouts = gen->timeouts,
		.mtu = gen->mtu,
		.now = (uint16_t)(clock_now_ns() / LB_FLOW_TICK_NS),
		.nat_params = o->nat[o->control->active & 1].params,
		.services = services,
		.instances = { &o->instances[gen->instances], gen->n_instances },
		.owned = services,
	};
	pools_fill(o, gen, view);
	regions_fill(o, view);
	nat_fill(o, view);
	return 0;
}
