/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dataplane without packets, in a thread of the test: a segment with rings, a socket, and a
 * consumer that checks, stores and answers. It can be slow, refuse, die and come back.
 */
#ifndef TESTS_FAKE_DATAPLANE_H
#define TESTS_FAKE_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

struct fake_dataplane;

/* What the consumer has seen and uses. Read it with fake_dataplane_view(). */
struct fake_view {
	uint64_t generation; /* in use */
	uint32_t generations;
	uint32_t refused;
	uint32_t pings;
	uint32_t connections;
	uint32_t broken; /* messages or blocks with a wrong checksum, or a block that came alone */
	uint32_t blocks[LB_BLOCK_KINDS];
	uint32_t retires;
	uint64_t retired; /* pools, a bit each */
	struct lb_params params;
	struct lb_instance instances[LB_INSTANCES_MAX];
	uint32_t instance_count;
	uint16_t slots[LB_POOLS_MAX][4096];
	uint32_t slot_count[LB_POOLS_MAX];
	uint32_t service_count;
	struct lb_service services[256];
};

/** Start in a directory. @abi_hash: 0: the correct one. */
struct fake_dataplane *fake_dataplane_start(const char *dir, uint32_t abi_hash);

/**
 * Start as the successor of one that was killed: with the segment and the flow tables that sluiced
 * had kept.
 * @fds: both, consumed.
 */
struct fake_dataplane *fake_dataplane_succeed(const char *dir, const int *fds);

/** Stop it as kill -9 would: the socket closes, the segment is removed. */
void fake_dataplane_kill(struct fake_dataplane *fake);

void fake_dataplane_view(struct fake_dataplane *fake, struct fake_view *view);

/** Stop taking commands, or resume. */
void fake_dataplane_hold(struct fake_dataplane *fake, bool hold);

/** Refuse the next @n generations. */
void fake_dataplane_refuse(struct fake_dataplane *fake, uint32_t n);

/** Take commands, but lose the answers. */
void fake_dataplane_mute(struct fake_dataplane *fake, bool mute);

/** Close the connection, as if the controller had been killed; the segment stays. */
void fake_dataplane_hang_up(struct fake_dataplane *fake);

/** The flow table of worker 0 or 1: FAKE_BUCKETS; nobody writes to it. */
struct lb_bucket *fake_dataplane_flows(struct fake_dataplane *fake, uint32_t worker);
#define FAKE_BUCKETS 64

struct lb_segment *fake_dataplane_segment(struct fake_dataplane *fake);

#endif
