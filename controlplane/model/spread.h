/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the NIC spreads flows over the workers. That a driver has accepted the setting for
 * receive-side scaling proves nothing: some drivers put everything into one queue. So the workers'
 * new flows are counted, and a worker that gets none is named once chance can be ruled out. Pure:
 * no clock, no process.
 */
#ifndef CONTROLPLANE_MODEL_SPREAD_H
#define CONTROLPLANE_MODEL_SPREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

struct spread_worker {
	uint16_t cpu;
	uint64_t flows; /* new flows since start */
};

struct spread {
	uint64_t boot_id; /* of the watched workers */
	uint32_t n;
	struct {
		uint64_t flows;	   /* its own, when its count last changed */
		uint64_t all;	   /* of all workers, at that time */
		uint64_t since_ns; /* that time */
		bool is_idle;
	} worker[LB_SEGMENT_WORKERS_MAX];
	char note[160]; /* one sentence, or "" */
};

/**
 * Check the workers again.
 * Return: whether another worker gets no flows; @spread->note names all of these.
 */
bool spread_look(struct spread *spread, uint64_t boot_id, const struct spread_worker *workers,
		 uint32_t n, uint64_t now_ns);

#endif
