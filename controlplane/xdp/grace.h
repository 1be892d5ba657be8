/* SPDX-License-Identifier: BSD-3-Clause */
/* Grace periods of the XDP dataplane: when is what was replaced out of use? */
#ifndef CONTROLPLANE_XDP_GRACE_H
#define CONTROLPLANE_XDP_GRACE_H

/**
 * Wait until no CPU runs a program that began before this call. The calling thread has run once on each
 * CPU that is online: programs run with softirqs off, so none is left behind when a CPU takes another
 * thread. Where that does not hold (PREEMPT_RT) or cannot be done (a cpuset), the kernel's own grace
 * period is waited for, which takes milliseconds, or seconds on busy CPUs. A thread of the highest
 * real-time priority that does not sleep keeps this one waiting.
 * The thread's CPUs and scheduling are as before afterwards.
 * Return: 0 or -errno.
 * Context: any thread.
 * Source: McKenney et al., Read-Copy Update, OLS 2001, section 4 (a grace period by visiting CPUs).
 */
int xdp_grace_wait(void);

/**
 * Let the calling thread run before all others on a busy CPU, if it may: one that does nothing but wait
 * with xdp_grace_wait(), which takes some microseconds. 0 or -errno.
 */
int xdp_grace_urgent(void);

#endif
