/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the XDP dataplane needs done and an event loop must not wait for: grace periods, and the sweep
 * of each CPU's flow table, which has to run on that CPU. One thread does both.
 */
#ifndef CONTROLPLANE_XDP_THREAD_H
#define CONTROLPLANE_XDP_THREAD_H

#include <stdint.h>

struct xdp_object;
struct xdp_thread;

/**
 * Start the thread; it sweeps from now on, a round over all tables in about three seconds.
 * @object: open as long as the thread runs.
 * @cpus: that have a flow table; copied.
 * Return: NULL and errno.
 */
struct xdp_thread *xdp_thread_create(const struct xdp_object *object, const uint16_t *cpus,
				     uint32_t cpu_count);

/** End it; waits for what it is doing, some milliseconds. NULL is allowed. */
void xdp_thread_destroy(struct xdp_thread *thread);

/** Ask for a grace period. One at a time. 0 or -errno. */
int xdp_thread_sync(struct xdp_thread *thread);

/** A descriptor that becomes readable when it is over. */
int xdp_thread_fd(const struct xdp_thread *thread);

/** Take the answer. Return: 0: no CPU uses what was replaced before; -EAGAIN: not yet; -errno. */
int xdp_thread_answer(struct xdp_thread *thread);

#endif
