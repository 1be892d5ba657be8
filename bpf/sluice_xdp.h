/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Interface between the XDP dataplane and its loader: map names, keys and values.
 *
 * A generation is one element of the control map and what it names in the other maps: one half of
 * the services, one half of the instances, and lines of slots. The publisher fills what no
 * generation in use names, then writes lb_xdp_control.active; an RCU grace period later no CPU uses
 * the old one.
 *
 * Writers: the publisher writes the control map, services, instances and slots; the CPU that runs
 * the program writes its flows, cpus and counts. One exception: a CPU that takes over a flow moved
 * by RSS expires the record in the flow's old region. The records of translated connections are
 * written by all CPUs (core/lb_nat_find.h).
 */
#ifndef BPF_SLUICE_XDP_H
#define BPF_SLUICE_XDP_H

#include "dataplane/abi/lb_capture.h"
#include "dataplane/abi/lb_handover.h"
#include "dataplane/core/lb_nat_index.h"
#include "dataplane/core/lb_rate.h"
#include "dataplane/core/lb_service.h"
#include "dataplane/core/lb_stats.h"

#define LB_XDP_MAGIC 0x5058494c /* "LIXP" */
#define LB_XDP_ABI 3

#define LB_XDP_REGIONS_MAX 64 /* CPUs with a flow table of their own */
#define LB_XDP_REGION_NONE 0xffffffffu
#define LB_XDP_POOLS_MAX 64
#define LB_XDP_INSTANCES_MAX 4096
#define LB_XDP_SERVICE_SLOTS_MAX 32768
#define LB_XDP_LINE_SLOTS 32		 /* slots of a pool's table in one element */
#define LB_XDP_PEEKS_PER_SECOND 1000000u /* lookups in other CPUs' regions, per CPU */
#define LB_XDP_SWEEP_BUCKETS 512	 /* buckets per run of the sweep, some 30 us */
#define LB_XDP_SWEEP_RECORDS 2048	 /* and records of translated connections */
#define LB_XDP_ACCESS_FLAGS (BPF_F_MMAPABLE | BPF_F_INNER_MAP) /* of a map of access words */
#define LB_XDP_IDS 65536				       /* of services */

struct lb_xdp_line {
	uint16_t slot[LB_XDP_LINE_SLOTS];
};

/* The two tables of a pool: first lines in the slots map, and slots. */
struct lb_xdp_pool {
	uint32_t current;
	uint32_t previous;
	uint32_t n_current;
	uint32_t n_previous;
};

struct lb_xdp_generation {
	struct lb_service_table services; /* index of its first slot: in the services map */
	struct lb_secret secret;
	struct lb_flow_timeouts timeouts;
	uint64_t generation;
	uint64_t port_mac;  /* lb_mac_load() */
	uint32_t instances; /* index of the first one in the instances map */
	uint32_t n_instances;
	uint32_t mtu; /* bytes of an IP packet that may be sent */
	uint32_t reserved;
	struct lb_rate_limit kernel_rate, icmp_rate; /* a CPU's share */
	struct lb_xdp_pool pool[LB_XDP_POOLS_MAX];
} LB_ALIGNED(64);

/* What a generation translates by. */
struct lb_xdp_nat {
	struct lb_nat_params params;
	struct lb_nat_index index;
	uint32_t share;	  /* ports of each region; 0: no translation */
	uint64_t inverse; /* of that: lb_nat_set_ports() */
};

/* The only element of the control map. */
struct lb_xdp_control {
	uint32_t magic;
	uint32_t layout;    /* the loader's hash of layouts and sizes */
	uint32_t active;    /* 0 or 1: the generation in use */
	uint32_t tags_kept; /* VLAN tags are kept in frames on the port; to be undone at the end */
	uint64_t boot_id;   /* random; the directory of this run has the same */
	uint64_t clock;	    /* in ticks; only where lb_xdp_clock_is_set says so */
	struct lb_xdp_generation generation[2];
};

/* What a CPU has of a capture. */
struct lb_xdp_kept {
	uint64_t window_end_ns;
	uint64_t lost; /* lb_capture_ring.lost, .skipped */
	uint64_t skipped;
	uint32_t left; /* packets that may be copied in this window */
	uint32_t is_kept;
	struct lb_capture_record record; /* of this packet */
};

/*
 * State of one CPU; the publisher sets the region, and reads the rest. Beside a DPDK process it is
 * the state of a queue: the kernel works on a queue from one CPU at a time, and both dataplanes
 * have to agree on which region a flow is in. The first queues have a worker each; after all queues
 * there is one entry for each CPU, without a region, for queues that the port did not have when the
 * maps were made.
 */
struct lb_xdp_cpu {
	struct lb_worker_stats stats;
	uint64_t clock;	 /* jiffies when it was last read */
	uint64_t ticks;	 /* of LB_FLOW_TICK_MS since boot */
	uint64_t now_ns; /* CLOCK_MONOTONIC_COARSE at that time */
	uint32_t region; /* LB_XDP_REGION_NONE: no flow table here */
	uint32_t sweep_next;
	uint32_t sweep_record;
	uint32_t sweeping; /* by the sweep, on this CPU: the region is being written */
	struct lb_rate kernel_rate, icmp_rate, peek_rate;
} LB_ALIGNED(64);

#endif
