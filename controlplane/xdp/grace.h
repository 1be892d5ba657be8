/* SPDX-License-Identifier: BSD-3-Clause */
/* Grace periods of the XDP dataplane: when replaced objects are no longer in use. */
#ifndef CONTROLPLANE_XDP_GRACE_H
#define CONTROLPLANE_XDP_GRACE_H

/**
 * Wait until no CPU runs a program that began before this call. The calling thread runs once on
 * each CPU that is online: programs run with softirqs off, so none is still running when a CPU
 * switches to this thread. Where that does not hold (PREEMPT_RT) or is not possible (a cpuset),
 * wait for the kernel's own grace period, which takes milliseconds, or seconds on busy CPUs. A
 * thread of the highest real-time priority that does not sleep blocks this one.
 * The thread's CPUs and scheduling are restored afterwards.
 * Return: 0 or -errno.
 * Context: any thread.
 * Source: McKenney et al., Read-Copy Update, OLS 2001, section 4 (a grace period by visiting CPUs).
 */
int xdp_grace_wait(void);

/**
 * Let the calling thread preempt all others on a busy CPU, if permitted. Only for a thread that
 * does nothing but wait with xdp_grace_wait(), which takes some microseconds. 0 or -errno.
 */
int xdp_grace_urgent(void);

#endif
