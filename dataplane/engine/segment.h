/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dataplane's end of the shared segment (abi/lb_abi.h): a sealed memfd with
 * its rings, and two eventfds that wake the two ends.
 *
 * The other process can write to all of it. So everything that the dataplane
 * uses as an address lies in struct segment, which is private.
 */
#ifndef ENGINE_SEGMENT_H
#define ENGINE_SEGMENT_H

#include <rte_ring.h>

#include "dataplane/abi/lb_abi.h"

struct segment {
	struct lb_segment *shared;
	uint64_t bytes;
	uint64_t boot_id;
	int memfd;
	int cmd_fd;   /* eventfd: commands wait; sluiced writes */
	int event_fd; /* eventfd: events wait; the main lcore writes */
	uint32_t n_workers;
	struct rte_ring *cmd_ring;
	struct rte_ring *event_ring;
	const uint8_t *params[2], *services[2], *instances[2];
	const uint8_t *pools;
	struct lb_node_stats *node_stats;
	struct lb_worker_stats *worker_stats;	  /* [n_workers + 1] */
	struct lb_instance_stats *instance_stats; /* [n_workers][LB_INSTANCES_MAX] */
};

/**
 * Make a segment for @n_workers, all zero but for what the dataplane promises:
 * layout, rings, boot id, times. What describes the port is for the caller to
 * write before anyone else gets the descriptor.
 * Return: 0 or -errno. Context: main lcore, at start.
 */
int segment_create(struct segment *segment, uint32_t n_workers);

/** Unmap and close. A zeroed struct is allowed. */
void segment_destroy(struct segment *segment);

/** The bytes of the buffer that a command names; its bounds must have been checked. */
const void *segment_block(const struct segment *segment, const struct lb_cmd *cmd);

/**
 * Put right what the dataplane alone may write in a ring, if the other end has
 * overwritten it: a ring's size is an address to the ring's code.
 * Return: false if the ring was damaged; what was in it is lost then.
 */
bool segment_ring_check(struct rte_ring *ring);

/**
 * Undo what a controller left half done in the rings when it died.
 * Context: main lcore, while no controller is connected.
 */
void segment_rings_recover(struct segment *segment);

#endif
