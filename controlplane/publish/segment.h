/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection to a DPDK dataplane: its socket, and the segment received over it. Internal to the
 * ring backend. Context: the event loop's thread; nothing blocks.
 */
#ifndef CONTROLPLANE_PUBLISH_SEGMENT_H
#define CONTROLPLANE_PUBLISH_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

struct rte_ring;

struct publish_link {
	int fd; /* of the socket; hangs up when the dataplane ends */
	int cmd_fd;
	int event_fd;
	/* After the hello, for publish_keep_hold(): */
	int memfd;
	int flows_fd;		    /* -1: the flow tables end with the dataplane */
	struct lb_segment *segment; /* NULL before the hello */
	uint64_t bytes;
	/* Checked once, then private: the peer can write to the segment. */
	struct rte_ring *cmd_ring;
	struct rte_ring *event_ring;
	struct lb_directory *directory;
	const struct lb_node_stats *node_stats;
	struct lb_capture_select *capture_select;
	struct lb_capture_ring *capture; /* [n_workers] */
	uint32_t n_workers;
};

/* Set to unconnected; publish_link_close() is allowed then. */
void publish_link_init(struct publish_link *link);

/**
 * Connect to DIR/dataplane.sock.
 * Return: 0 (the hello follows), or -errno.
 */
int publish_link_connect(struct publish_link *link, const char *run_dir);

/**
 * Receive the hello, map and check the segment.
 * @why: one line if it is refused; @size bytes.
 * Return: 0; -EAGAIN: not received yet; -EPROTO: refused, @why is set; -ECONNRESET: closed.
 */
int publish_link_receive(struct publish_link *link, char *why, uint32_t size);

/** Whether the rings' sizes, which inline code uses to compute addresses, are still valid. */
bool publish_link_is_sound(const struct publish_link *link);

/** Address of a block's buffer. */
void *publish_link_buffer(const struct publish_link *link, uint32_t kind, uint32_t pool,
			  uint32_t buffer);

void publish_link_close(struct publish_link *link);

#endif
