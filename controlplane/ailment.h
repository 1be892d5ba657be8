/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why the results of checks can't be attributed to the instances: the dataplane that carries them
 * does not run, or only in part. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_AILMENT_H
#define CONTROLPLANE_AILMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

/* The dataplane's main lcore writes a heartbeat every 100 ms. */
#define AILMENT_HEARTBEAT_OLD_MS 350
/*
 * A worker counts its iterations, a million a second. Answers to checks arrive on the queue that
 * the NIC's hash chooses, so one worker without a CPU is enough for checks to time out.
 */
#define AILMENT_WORKER_OLD_MS 250
/* One look counts for at most this much: a pause of this process says nothing about a worker. */
#define AILMENT_LOOK_MAX_MS 150

struct ailment {
	uint64_t boot_id; /* of the segment looked at last */
	uint32_t pid;
	uint64_t looked_ns;
	struct ailment_worker {
		uint64_t loops;
		uint64_t still_ns; /* for so long they have not changed */
	} workers[LB_SEGMENT_WORKERS_MAX];
	char text[64];
};

/**
 * Look at the dataplane. To be called about every 100 ms.
 * @by_workers: checks pass through the workers (sluice0), not through the port's own interface.
 * @now_ns: CLOCK_MONOTONIC.
 * Return: what is wrong, valid until the next call; NULL: nothing.
 */
const char *ailment_look(struct ailment *ailment, const struct lb_segment *segment, bool by_workers,
			 uint64_t now_ns);

#endif
