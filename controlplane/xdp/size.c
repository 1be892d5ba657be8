/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/size.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/sluice_xdp.skel.h"
#include "config/base/memory.h"
#include "controlplane/xdp/maps.h"

#define BUCKETS_MIN 64
#define POOL_TABLES 3 /* current, previous, and the one being filled */

/* One for each CPU; beside a DPDK process one for each queue, including queues without a worker. */
static uint32_t regions_choose(const struct xdp_object_options *opt, uint32_t queues)
{
	if (!opt->has_handover || queues < opt->cpu_count)
		return opt->cpu_count;
	return queues < LB_XDP_REGIONS_MAX ? queues : LB_XDP_REGIONS_MAX;
}

/* As many regions as there are share the ports of each space. */
static void nat_size_set(struct xdp_object *o, const struct xdp_object_options *opt)
{
	struct sluice_xdp *skel = o->skel;

	o->nat_room = opt->nat_ports / o->regions;
	o->nat_spaces = o->nat_room ? opt->nat_spaces : 0;
	skel->rodata->lb_xdp_nat_spaces = o->nat_spaces;
	if (!o->nat_spaces)
		return;
	skel->rodata->lb_xdp_nat_room = o->nat_room;
	bpf_map__set_max_entries(skel->maps.xdp_nat_ids, 2 * LB_XDP_IDS);
	bpf_map__set_max_entries(skel->maps.xdp_nat_areas, o->regions);
	bpf_map__set_max_entries(skel->maps.xdp_nat_records,
				 o->regions * o->nat_spaces * o->nat_room);
}

void xdp_size_set(struct xdp_object *o, const struct xdp_object_options *opt, uint32_t queues)
{
	struct sluice_xdp *skel = o->skel;
	uint64_t buckets;

	memcpy(o->cpu_of, opt->cpus, opt->cpu_count * sizeof(*opt->cpus));
	o->regions = regions_choose(opt, queues);
	buckets = ((uint64_t)opt->flows * 2 / 5 + o->regions - 1) / o->regions;
	o->n_workers = o->has_handover ? opt->cpu_count : 0;
	o->n_cpus = (uint32_t)libbpf_num_possible_cpus() + (o->has_handover ? o->regions : 0);
	o->n_counts = o->n_cpus + o->n_workers;
	o->n_buckets = buckets < BUCKETS_MIN ? BUCKETS_MIN : (uint32_t)buckets;
	o->pool_lines = (opt->pool_slots + LB_XDP_LINE_SLOTS - 1) / LB_XDP_LINE_SLOTS;
	skel->rodata->lb_xdp_buckets = o->n_buckets;
	skel->rodata->lb_xdp_regions = o->regions;
	skel->rodata->lb_xdp_worker_rows = o->n_cpus;
	bpf_map__set_max_entries(skel->maps.xdp_flows, o->regions * o->n_buckets);
	bpf_map__set_max_entries(skel->maps.xdp_cpus, o->n_cpus);
	bpf_map__set_max_entries(skel->maps.xdp_counts, o->n_counts * LB_XDP_INSTANCES_MAX);
	bpf_map__set_max_entries(skel->maps.xdp_slots, opt->pools * POOL_TABLES * o->pool_lines);
	bpf_map__set_max_entries(skel->maps.xdp_queues, o->regions);
	bpf_map__set_max_entries(skel->maps.xdp_workers, o->n_workers + 1);
	bpf_map__set_max_entries(skel->maps.xsks_map, o->regions);
	nat_size_set(o, opt);
}

uint32_t xdp_size_layout(const struct xdp_object *o)
{
	const uint64_t part[] = {
		LB_XDP_ABI,    xdp_maps_layout(o), o->n_buckets,    o->regions,	   o->pool_lines,
		LB_DROP_COUNT, LB_FLOW_TICK_MS,	   o->has_handover, o->nat_spaces, o->nat_room,
	};
	uint64_t x = LB_XDP_MAGIC;

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		x = lb_hash_mix(x * 31 + part[i]);
	return (uint32_t)x | 1;
}

int xdp_size_check_memory(struct xdp_object *o, const char *meminfo)
{
	uint64_t records = (uint64_t)o->regions * o->nat_spaces * o->nat_room;
	uint64_t needed_mb = ((uint64_t)o->regions * o->n_buckets * sizeof(struct lb_bucket) +
			      records * sizeof(struct lb_nat_record)) >>
			     20;
	struct memory memory;

	(void)memory_read(meminfo, &memory);
	if (o->adopted || needed_mb <= memory.takeable_mb)
		return 0;
	xdp_object_why(o,
		       "node.flows needs %" PRIu64 " MB, but %" PRIu64
		       " MB of memory are available, of which %" PRIu64
		       " MB are reserved for other programs; lower node.flows, or add memory",
		       needed_mb, memory.available_mb, memory.available_mb - memory.takeable_mb);
	return -ENOMEM;
}
