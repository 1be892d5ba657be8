/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two dataplanes on one port (node.dataplane: auto). The XDP program is on the hook all the time.
 * While the process sluice-dataplane is healthy, it hands services' packets over to the process's
 * sockets, queue by queue; otherwise it balances them itself. Both use one flow table, with one
 * region for each queue.
 *
 * A region has one writer at a time, the holder of the lock: the worker for a burst, the XDP
 * program for a packet, a sweep for a bucket. A worker whose heartbeat is stale is not waited for:
 * the XDP program takes the lock from it and increments the term, from which a worker that was only
 * stalled sees that it was replaced. If such a worker has finished a change beside another writer,
 * it or its successor recounts the region. The lock is never taken from a holder inside the
 * kernel; without it, the XDP program reads the region, forwards and records nothing.
 */
#ifndef LB_HANDOVER_H
#define LB_HANDOVER_H

#include "dataplane/core/lb_flow.h"
#include "dataplane/core/lb_journal.h"

/* Interval of a worker's heartbeat. */
#define LB_BEAT_MS 2
#define LB_BEAT_OLD_NS 200000000ull /* a heartbeat of this age is stale */

/* In place of lb_handover.process: alive, and may hold the lock, but wants no packets. */
#define LB_HANDOVER_NO_PACKETS 1ull

enum lb_handover_holder {
	LB_HELD_BY_NOBODY,
	LB_HELD_BY_XDP,
	LB_HELD_BY_SWEEP, /* sluiced's sweep, inside the kernel, for a bucket */
	LB_HELD_BY_WORKER,
};

#define LB_HANDOVER_HOLDER 0xffu /* bits of the lock; above them is the term */
#define LB_HANDOVER_TERM 0x100u

/* One queue. Each cache line has its own writer. */
struct lb_handover {
	/* the worker */
	uint64_t beat_ns; /* CLOCK_MONOTONIC_COARSE; 0: the worker has ended */
	uint64_t process; /* random, of this run; or LB_HANDOVER_NO_PACKETS */
	uint64_t worker_reserved[6];
	/* the lock's holder */
	uint32_t lock;
	uint32_t lock_reserved;
	struct lb_journal journal; /* the worker's; closed by a holder that takes its lock */
	uint64_t lock_reserved2[2];
	/* sluiced */
	uint64_t allowed;      /* the process whose tables are up to date; 0: none */
	uint64_t noted_ns;     /* first queue only: CLOCK_MONOTONIC since when ... */
	uint32_t noted_handed; /* ... packets are handed over to the workers */
	uint32_t is_attached;  /* first queue only: the program with these maps is on the hook */
	uint32_t allowed_reserved[10];
	/* the XDP program */
	uint64_t handed_pkts; /* given to the worker's socket */
	uint32_t by_xdp;      /* it has balanced the last packet itself */
	uint32_t takeovers;   /* times that it has begun to */
	uint32_t left_lock;   /* the lock word of a dead worker, as last seen by the sweep */
	uint32_t xdp_reserved;
	uint64_t in_vain_ns; /* the coarse time at which it waited for the lock in vain */
	uint32_t xdp_reserved2[8];
} LB_ALIGNED(64);

LB_STATIC_ASSERT(sizeof(struct lb_handover) == 256, "a line for each writer");

/** Whether a queue's worker is alive. @process: of the worker. @now_ns: CLOCK_MONOTONIC_COARSE. */
LB_INLINE bool lb_handover_is_beating(const struct lb_handover *queue, uint64_t process,
				      uint64_t now_ns)
{
	uint64_t beat_ns = lb_load_acquire(&queue->beat_ns);

	return process != 0 && process == lb_load_acquire(&queue->process) &&
	       now_ns < beat_ns + LB_BEAT_OLD_NS;
}

/** Whether a queue's packets are to be handed over to its worker. */
LB_INLINE bool lb_handover_is_due(const struct lb_handover *queue, uint64_t now_ns)
{
	return lb_handover_is_beating(queue, lb_load_acquire(&queue->allowed), now_ns);
}

#endif
