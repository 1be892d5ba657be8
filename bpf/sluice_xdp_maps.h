/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The maps; bpf/maps/lb_tables.h is the packet core's access to them.
 *
 * All of them are arrays: the JIT turns a lookup into a few instructions. Those that user space
 * reads all the time can be mapped. Sizes are set by the loader.
 */
#ifndef BPF_SLUICE_XDP_MAPS_H
#define BPF_SLUICE_XDP_MAPS_H

#include <linux/bpf.h>

#include "dataplane/core/lb_base.h"

#include <bpf/bpf_helpers.h>

#include "bpf/sluice_xdp.h"

#define LB_XDP_ARRAY(name, value_type, entries, flags)                                             \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, flags);                                                          \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

LB_XDP_ARRAY(xdp_services, struct lb_service, 2 * LB_XDP_SERVICE_SLOTS_MAX, BPF_F_MMAPABLE);
LB_XDP_ARRAY(xdp_instances, struct lb_instance, 2 * LB_XDP_INSTANCES_MAX, BPF_F_MMAPABLE);
LB_XDP_ARRAY(xdp_slots, struct lb_xdp_line, 1, BPF_F_MMAPABLE);
LB_XDP_ARRAY(xdp_flows, struct lb_bucket, 1, BPF_F_MMAPABLE);
LB_XDP_ARRAY(xdp_cpus, struct lb_xdp_cpu, 1, BPF_F_MMAPABLE);
LB_XDP_ARRAY(xdp_counts, struct lb_instance_stats, 1, BPF_F_MMAPABLE);

/* For each half of the services a map of its own, of the words of core/lb_access.h, or none. */
struct lb_xdp_words {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, LB_XDP_ACCESS_FLAGS);
	__type(key, __u32);
	__type(value, uint64_t);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct lb_xdp_words);
} xdp_access SEC(".maps");

/* Without translation they have one element each: */
LB_XDP_ARRAY(xdp_nat, struct lb_xdp_nat, 2, BPF_F_MMAPABLE); /* by generation */
LB_XDP_ARRAY(xdp_nat_ids, uint64_t, 1, BPF_F_MMAPABLE);	     /* a service's slot + 1, by its id */
LB_XDP_ARRAY(xdp_nat_areas, struct lb_nat_area, 1, BPF_F_MMAPABLE);
LB_XDP_ARRAY(xdp_nat_records, struct lb_nat_record, 1, BPF_F_MMAPABLE);

/* Only beside a DPDK process: */
LB_XDP_ARRAY(xdp_queues, struct lb_handover, 1, BPF_F_MMAPABLE);
LB_XDP_ARRAY(xdp_workers, struct lb_worker_stats, 1, BPF_F_MMAPABLE); /* not used here */

/* By this name, and the program's, libxdp registers the process's sockets itself. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

/* Accessed by address, without a lookup. */
struct lb_xdp_control lb_xdp_control SEC(".data.control");

/* Set before loading; the verifier removes the code that they switch off. */
const volatile uint32_t lb_xdp_buckets = 1; /* of each region */
const volatile uint32_t lb_xdp_regions = 1;
const volatile uint32_t lb_xdp_worker_rows = 1;	 /* first row of a DPDK process, in the counts */
const volatile uint32_t lb_xdp_nat_spaces = 0;	 /* 0: no translation */
const volatile uint32_t lb_xdp_nat_room = 1;	 /* ports of a region in each space, at most */
const volatile bool lb_xdp_clock_is_set = false; /* use lb_xdp_control.clock */
const volatile bool lb_xdp_frags = false;
/*
 * The port has other users too (macvlan, bridges, this host itself): their packets are for the
 * kernel.
 */
const volatile bool lb_xdp_shared = false;

LB_INLINE void *lb_xdp_at(void *map, uint32_t index)
{
	return bpf_map_lookup_elem(map, &index);
}

#endif
