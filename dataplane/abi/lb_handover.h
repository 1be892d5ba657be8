/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two dataplanes on one port (node.dataplane: auto). The XDP program holds the hook all the time. While
 * the process sluice-dataplane is well it hands services' packets over to that process's sockets, queue
 * by queue; else it balances them itself. Both use one flow table, with one region for each queue.
 *
 * A region has one writer at a time, who holds the lock: the worker for a burst, the XDP program for a
 * packet, a sweep for a bucket. Nobody waits for a worker whose beat is old: the XDP program takes the
 * lock from it, and raises the term, by which a worker that was only asleep sees that it was replaced.
 */
#ifndef LB_HANDOVER_H
#define LB_HANDOVER_H

#include "dataplane/core/lb_flow.h"
#include "dataplane/core/lb_journal.h"

/* A worker says every few milliseconds that it lives. */
#define LB_BEAT_MS 2
#define LB_BEAT_OLD_NS 200000000ull /* and after this it does not, for all that anybody knows */

enum lb_handover_holder {
	LB_HELD_BY_NOBODY,
	LB_HELD_BY_XDP,
	LB_HELD_BY_SWEEP, /* of sluiced, inside the kernel: never for long */
	LB_HELD_BY_WORKER,
};

#define LB_HANDOVER_HOLDER 0xffu /* bits of the lock; above them is the term */
#define LB_HANDOVER_TERM 0x100u

/* One queue. Each line has its own writer. */
struct lb_handover {
	/* the worker */
	uint64_t beat_ns; /* CLOCK_MONOTONIC_COARSE; 0: it has ended */
	uint64_t process; /* random, of this run */
	uint64_t worker_reserved[6];
	/* whoever holds it */
	uint32_t lock;
	uint32_t lock_reserved;
	struct lb_journal journal; /* the worker's; closed by who takes the lock from it */
	uint64_t lock_reserved2[2];
	/* sluiced */
	uint64_t carrier;  /* the process whose tables are in step; 0: none */
	uint64_t noted_ns; /* of the first queue: since when it is so that … CLOCK_MONOTONIC */
	uint32_t noted_handed; /* … packets are the workers' */
	uint32_t carrier_reserved[11];
	/* the XDP program */
	uint64_t handed_pkts; /* given to the worker's socket */
	uint32_t by_xdp;      /* it has balanced the last packet itself */
	uint32_t takeovers;   /* how often it began to */
	uint32_t left_lock;   /* the sweep has found it so, and nobody who beats */
	uint32_t xdp_reserved[11];
} LB_ALIGNED(64);

LB_STATIC_ASSERT(sizeof(struct lb_handover) == 256, "a line for each writer");

/** Whether a queue's worker says that it lives. @process: its. @now_ns: CLOCK_MONOTONIC_COARSE. */
LB_INLINE bool lb_handover_is_beating(const struct lb_handover *queue, uint64_t process,
				      uint64_t now_ns)
{
	uint64_t beat_ns = lb_load_acquire(&queue->beat_ns);

	return process != 0 && process == lb_load_acquire(&queue->process) &&
	       now_ns < beat_ns + LB_BEAT_OLD_NS;
}

/** Whether a queue's packets are for its worker. */
LB_INLINE bool lb_handover_is_due(const struct lb_handover *queue, uint64_t now_ns)
{
	return lb_handover_is_beating(queue, lb_load_acquire(&queue->carrier), now_ns);
}

#endif
