/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the NIC spreads flows over the workers. That a driver has taken the setting for receive-side
 * scaling says nothing: some put everything into one queue. So the workers' new flows are counted, and
 * one that gets none is named when that cannot be chance any more. Pure: no clock, no process.
 */
#ifndef CONTROLPLANE_MODEL_SPREAD_H
#define CONTROLPLANE_MODEL_SPREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_abi.h"

struct spread_worker {
	uint16_t cpu;
	uint64_t flows; /* new ones, since it exists */
};

struct spread {
	uint64_t boot_id; /* of those that are watched */
	uint32_t n;
	struct {
		uint64_t flows;	   /* its own, when it was seen to get one */
		uint64_t all;	   /* of all of them, then */
		uint64_t since_ns; /* when that was */
		bool is_idle;
	} worker[LB_SEGMENT_WORKERS_MAX];
	char note[160]; /* one sentence, or "" */
};

/**
 * Look at them again.
 * Return: whether there is one more that gets nothing; @spread->note names all of them.
 */
bool spread_look(struct spread *spread, uint64_t boot_id, const struct spread_worker *workers,
		 uint32_t n, uint64_t now_ns);

#endif
