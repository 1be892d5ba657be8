/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of two dataplanes on one port carries (abi/lb_handover.h): what sluiced sets there, and
 * what it reads. Internal to the handover backend. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_PUBLISH_HANDOVER_QUEUES_H
#define CONTROLPLANE_PUBLISH_HANDOVER_QUEUES_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/publish/backend.h"
#include "dataplane/abi/lb_handover.h"

/* All queues of a port. */
struct handover_queues {
	struct lb_handover *queue;
	uint32_t n;
};

/** Allow a process to carry, now or as soon as it beats; 0: none. */
void handover_queues_allow(const struct handover_queues *queues, uint64_t process);

/** Whether all workers of a process beat. */
bool handover_queues_is_beating(const struct handover_queues *queues, uint64_t process);

/** Whether the DPDK process's workers get the packets now, of all queues. */
bool handover_queues_is_handed(const struct handover_queues *queues);

/** Takeovers by the XDP program: the highest count of any queue. */
uint32_t handover_queues_takeovers(const struct handover_queues *queues);

/** Packets that the XDP program has given to the DPDK process, of all queues. */
uint64_t handover_queues_handed_pkts(const struct handover_queues *queues);

/**
 * Record which dataplane carries; the record survives this process.
 * Return: whether it changed.
 */
bool handover_queues_note(const struct handover_queues *queues, bool is_handed);

/** Time of the last change; CLOCK_MONOTONIC. */
uint64_t handover_queues_since_ns(const struct handover_queues *queues);

#endif
