/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a predecessor has left (abi/lb_kept.h): find it, check it, and leave it to a successor.
 * Context: main lcore, at start.
 */
#ifndef IO_KEPT_H
#define IO_KEPT_H

#include "dataplane/engine/flow_memory.h"
#include "dataplane/engine/segment.h"
#include "dataplane/io/plan.h"

struct kept {
	bool is_found;
	bool is_stored; /* systemd has it already */
	struct segment segment;
	struct flow_memory flows;
	uint64_t ended_ns;  /* CLOCK_MONOTONIC of the predecessor's last sign of life */
	const char *keeper; /* who had it */
	char note[160];	    /* why nothing was found */
};

/**
 * Ask systemd, then sluiced, for what fits the plan. Nothing is changed in it yet.
 * @stop_fd: readable to cancel; -1: none.
 * Return: 0, also if nothing was found; -ECANCELED.
 */
int kept_find(struct kept *kept, const struct plan *plan, const char *run_dir, int stop_fd);

/** Let go of what was not taken out of it. A zeroed struct is allowed. */
void kept_drop(struct kept *kept);

/** Have systemd keep segment and flow tables for a successor, if it is the supervisor. */
void kept_store(const struct segment *segment, const struct flow_memory *flows);

#endif
