/* SPDX-License-Identifier: BSD-3-Clause */
/* A thread that only waits for grace periods of the XDP dataplane, since an event loop must not. */
#ifndef CONTROLPLANE_XDP_THREAD_H
#define CONTROLPLANE_XDP_THREAD_H

struct xdp_thread;

/** Start the thread. Return: NULL and errno. */
struct xdp_thread *xdp_thread_create(void);

/** Stop the thread; waits for its current work, some microseconds. NULL is allowed. */
void xdp_thread_destroy(struct xdp_thread *thread);

/** Request a grace period. One at a time. 0 or -errno. */
int xdp_thread_sync(struct xdp_thread *thread);

/** A descriptor that becomes readable when it is over. */
int xdp_thread_fd(const struct xdp_thread *thread);

/**
 * Take the answer.
 * Return: 0: no CPU uses what was replaced before the request; -EAGAIN: not yet; -errno.
 */
int xdp_thread_answer(struct xdp_thread *thread);

#endif
