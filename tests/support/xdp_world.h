/* SPDX-License-Identifier: BSD-3-Clause */
/* The XDP dataplane without an interface: maps filled from the native tables, packets by TEST_RUN. */
#ifndef TESTS_XDP_WORLD_H
#define TESTS_XDP_WORLD_H

#include "bpf/sluice_xdp.h"
#include "bpf/sluice_xdp_bench.h"
#include "tests/support/harness.h"

#define XDP_WORLD_FRAME_MAX 4096
#define XDP_WORLD_LINEAR_MIN 14 /* minimum that TEST_RUN accepts */
#define XDP_WORLD_LINEAR_MAX 3520

struct sluice_xdp;
struct sluice_xdp_bench;
struct bpf_program;

struct xdp_world {
	struct sluice_xdp *skel;
	struct sluice_xdp_bench *bench;
	struct lb_xdp_control *control;
	struct lb_xdp_cpu
		*cpu; /* of the CPU that this process is bound to; with handover, of queue 0 */
	struct lb_xdp_cpu *cpus; /* all; with handover, queues followed by CPUs */
	struct lb_instance_stats *counts;
	struct lb_service *services;
	struct lb_instance *instances;
	struct lb_xdp_line *slots;
	struct lb_bucket *flows;
	struct lb_xdp_nat *nat;
	uint64_t *nat_ids;
	struct lb_nat_area *nat_areas;	   /* [regions] */
	struct lb_nat_record *nat_records; /* [regions][spaces][room] */
	struct lb_bench *frame;		   /* of the program that removes headroom */
	uint32_t regions;
	uint32_t n_buckets;			 /* of a region */
	struct lb_handover *queues;		 /* NULL without handover */
	struct lb_worker_stats *worker;		 /* at the other end of the queue */
	struct lb_instance_stats *worker_counts; /* of that worker */
	struct bpf_program *program, *sweep;
	int fd;
};

/**
 * Load the program, with flow tables like @like's: @regions of them, the first one for this CPU.
 * The process is bound to the CPU it is on. Fails the test if the verifier refuses.
 * @shared: for a port that others use too, as sluiced loads it.
 */
struct xdp_world *xdp_world_create(const struct harness *like, uint32_t regions, bool shared);

/**
 * The same for a port that a DPDK process may use too, with a region for each queue, and no process
 * at the other end yet. Packets come from queue 0.
 */
struct xdp_world *xdp_world_create_handover(const struct harness *like, uint32_t regions,
					    bool shared);

/** Set the socket of queue 0; below 0: remove it. Return: 0 or -errno. */
int xdp_world_socket_set(struct xdp_world *world, int fd);

void xdp_world_destroy(struct xdp_world *world);

/** Fill the unused generation from @h's tables, parameters and rates, and switch to it. */
void xdp_world_publish(struct xdp_world *world, const struct harness *h);

/** Empty the flow tables, reset the counters, and take @h's rates as they are now. */
void xdp_world_reset(struct xdp_world *world, const struct harness *h);

void xdp_world_clock_set(struct xdp_world *world, uint64_t ticks);

/** Sweep all of this CPU's region. */
void xdp_world_sweep(struct xdp_world *world);

struct xdp_run {
	const uint8_t *frame;
	uint32_t len;
	uint32_t linear;	 /* bytes in the first buffer; 0: all */
	int headroom;		 /* bytes in front of the frame; -1: as usual */
	uint32_t ifindex, queue; /* where it came from; 0: irrelevant */
	/* results */
	uint32_t action; /* enum xdp_action */
	uint32_t out_len;
	uint8_t out[XDP_WORLD_FRAME_MAX];
};

/** Send one packet through the program. Fails the test if the kernel does not run it. */
void xdp_world_run(struct xdp_world *world, struct xdp_run *run);

/**
 * The native and the XDP dataplane must agree on the packets so far: every counter, and (@deep)
 * every bucket and every instance's counters. Fails the test otherwise.
 */
void xdp_world_compare(const struct xdp_world *world, const struct harness *h, bool deep);

#endif
