/* SPDX-License-Identifier: BSD-3-Clause */
/* The XDP dataplane without an interface: maps filled from the native tables, packets by TEST_RUN. */
#ifndef TESTS_XDP_WORLD_H
#define TESTS_XDP_WORLD_H

#include "bpf/sluice_xdp.h"
#include "bpf/sluice_xdp_bench.h"
#include "tests/support/harness.h"

#define XDP_WORLD_FRAME_MAX 4096
#define XDP_WORLD_LINEAR_MIN 14 /* what TEST_RUN takes at least */
#define XDP_WORLD_LINEAR_MAX 3520

struct sluice_xdp;
struct sluice_xdp_bench;
struct bpf_program;

struct xdp_world {
	struct sluice_xdp *skel;
	struct sluice_xdp_bench *bench;
	struct lb_xdp_control *control;
	struct lb_xdp_cpu
		*cpu; /* of the CPU that this process is bound to; if it is paired, of queue 0 */
	struct lb_xdp_cpu *cpus; /* all; if it is paired, queues and behind them CPUs */
	struct lb_instance_stats *counts;
	struct lb_service *services;
	struct lb_instance *instances;
	struct lb_xdp_line *slots;
	struct lb_bucket *flows;
	struct lb_bench *frame; /* of the program that takes headroom away */
	uint32_t regions;
	uint32_t n_buckets;			 /* of a region */
	struct lb_handover *queues;		 /* NULL if it is not paired */
	struct lb_worker_stats *worker;		 /* at the other end of the queue */
	struct lb_instance_stats *worker_counts; /* its */
	struct bpf_program *program, *sweep;
	int fd;
};

/**
 * Load the program, its flow tables like @like's: @regions of them, the first one this CPU's.
 * @shared: for a port that others use too, as sluiced loads it.
 * The process is bound to the CPU it is on. Fails the test if the verifier refuses.
 */
struct xdp_world *xdp_world_create(const struct harness *like, uint32_t regions, bool shared);

/** The same for a port that a DPDK process may use too: one queue, and nobody at its other end yet. */
struct xdp_world *xdp_world_create_paired(const struct harness *like, bool shared);

/** The same, with a program that takes no lock away from whoever has it. */
struct xdp_world *xdp_world_create_patient(const struct harness *like);

/** The socket of queue 0; below 0: it is gone. Return: 0 or -errno. */
int xdp_world_socket_set(struct xdp_world *world, int fd);

void xdp_world_destroy(struct xdp_world *world);

/** Fill the generation that is not in use from @h's tables, parameters and rates, and switch. */
void xdp_world_publish(struct xdp_world *world, const struct harness *h);

/** Empty flow tables, no counts, rates as @h has them at this moment. */
void xdp_world_reset(struct xdp_world *world, const struct harness *h);

void xdp_world_clock_set(struct xdp_world *world, uint64_t ticks);

/** Sweep all of this CPU's region. */
void xdp_world_sweep(struct xdp_world *world);

struct xdp_run {
	const uint8_t *frame;
	uint32_t len;
	uint32_t linear;	 /* bytes in the first buffer; 0: all */
	int headroom;		 /* bytes in front of the frame; -1: as usual */
	uint32_t ifindex, queue; /* where it came from; 0: no matter where */
	/* results */
	uint32_t action; /* enum xdp_action */
	uint32_t out_len;
	uint8_t out[XDP_WORLD_FRAME_MAX];
};

/** Send one packet through the program. Fails the test if the kernel does not run it. */
void xdp_world_run(struct xdp_world *world, struct xdp_run *run);

/**
 * What native and XDP dataplane say of the same packets so far must be the same: every
 * counter, and (@deep) every bucket and every instance's counters. Fails the test otherwise.
 */
void xdp_world_compare(const struct xdp_world *world, const struct harness *h, bool deep);

#endif
