/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who of two dataplanes on one port carries (abi/lb_handover.h): what sluiced says to that, and what it
 * sees of it. Inside of the backend for both. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_PUBLISH_SHARED_H
#define CONTROLPLANE_PUBLISH_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/publish/backend.h"
#include "dataplane/abi/lb_handover.h"

/* All queues of a port. */
struct publish_shared {
	struct lb_handover *queue;
	uint32_t n;
};

/** Let a process carry, now or as soon as it beats; 0: none. */
void publish_shared_allow(const struct publish_shared *shared, uint64_t process);

/** Whether all workers of a process say that they live. */
bool publish_shared_is_beating(const struct publish_shared *shared, uint64_t process);

/** Whether the DPDK process's workers get the packets now: all queues, or it does not count. */
bool publish_shared_is_handed(const struct publish_shared *shared);

/** How often the XDP program has taken over: of the queue where it did most often. */
uint32_t publish_shared_takeovers(const struct publish_shared *shared);

/**
 * Note who carries; it survives this process.
 * Return: whether that is news.
 */
bool publish_shared_note(const struct publish_shared *shared, bool is_handed);

/** Since when; CLOCK_MONOTONIC. */
uint64_t publish_shared_since_ns(const struct publish_shared *shared);

#endif
