/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dataplane's side of the shared segment (abi/lb_abi.h): a sealed memfd with its rings, and two
 * eventfds that wake the two sides. The memfd may outlive the process (abi/lb_kept.h).
 *
 * The other process can write to all of it, so everything that the dataplane uses as an address is
 * in struct segment, which is private.
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
	int cmd_fd;   /* eventfd: commands pending; sluiced writes */
	int event_fd; /* eventfd: events pending; the main lcore writes */
	int flows_fd; /* flow tables that outlive the process, for a controller to keep; -1: none. The
		       * segment does not own it */
	uint32_t n_workers;
	struct rte_ring *cmd_ring;
	struct rte_ring *event_ring;
	const uint8_t *params[2], *services[2], *instances[2];
	const uint8_t *pools;
	const struct lb_directory *directory;
	struct lb_node_stats *node_stats;
	struct lb_worker_stats *worker_stats;	  /* [n_workers + 1] */
	struct lb_instance_stats *instance_stats; /* [n_workers][LB_INSTANCES_MAX] */
	const struct lb_capture_select *capture_select;
	struct lb_capture_ring *capture; /* [n_workers] */
};

/**
 * Create a segment for @n_workers, zero except for layout, rings, boot id and times. The caller
 * fills in the description of the port before any other process gets the descriptor.
 * Return: 0 or -errno. Context: main lcore, at start.
 */
int segment_create(struct segment *segment, uint32_t n_workers);

/**
 * Map a predecessor's segment, to look at it; nothing is changed.
 * @memfd: the segment's if this succeeds.
 * Return: 0; -EPROTO: it is of another layout, or for another number of workers; -errno.
 */
int segment_map(struct segment *segment, int memfd, uint32_t n_workers);

/**
 * Go on with a mapped segment: boot id, blocks, directory and counters stay, the rings are new. The
 * caller describes the port anew.
 * Return: 0 or -errno.
 */
int segment_adopt(struct segment *segment);

/** Unmap and close. A zeroed struct is allowed. */
void segment_destroy(struct segment *segment);

/** The bytes of the buffer that a command names; its bounds must have been checked. */
const void *segment_block(const struct segment *segment, const struct lb_cmd *cmd);

/**
 * Restore the fields of a ring that only the dataplane may write, if the other side has overwritten
 * them: the ring's code computes addresses from its size.
 * Return: false if the ring was damaged; its contents are lost then.
 */
bool segment_ring_check(struct rte_ring *ring);

/**
 * Undo what a dead controller left half done in the rings.
 * Context: main lcore, while no controller is connected.
 */
void segment_rings_recover(struct segment *segment);

#endif
