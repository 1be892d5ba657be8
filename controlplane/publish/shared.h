/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of two dataplanes on one port carries (abi/lb_handover.h): what sluiced sets there, and
 * what it reads. Internal to the backend for both. Context: the event loop's thread.
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

/** Allow a process to carry, now or as soon as it beats; 0: none. */
void publish_shared_allow(const struct publish_shared *shared, uint64_t process);

/** Whether all workers of a process beat. */
bool publish_shared_is_beating(const struct publish_shared *shared, uint64_t process);

/** Whether the DPDK process's workers get the packets now, of all queues. */
bool publish_shared_is_handed(const struct publish_shared *shared);

/** Takeovers by the XDP program: the highest count of any queue. */
uint32_t publish_shared_takeovers(const struct publish_shared *shared);

/**
 * Record which dataplane carries; the record survives this process.
 * Return: whether it changed.
 */
bool publish_shared_note(const struct publish_shared *shared, bool is_handed);

/** Time of the last change; CLOCK_MONOTONIC. */
uint64_t publish_shared_since_ns(const struct publish_shared *shared);

#endif
