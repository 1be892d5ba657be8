/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread that forgets what has expired in the XDP dataplane's flow tables. Each is swept on the CPU that
 * writes it, and may have to wait for that one; so nobody waits for this thread but at the end.
 */
#ifndef CONTROLPLANE_XDP_SWEEP_H
#define CONTROLPLANE_XDP_SWEEP_H

#include <stdint.h>

struct xdp_object;
struct xdp_sweep;

/**
 * Start the thread; a round over all tables takes about three seconds, or as long as large ones need.
 * @object: open as long as the thread runs.
 * @cpus: that have a flow table; copied.
 * Return: NULL and errno.
 */
struct xdp_sweep *xdp_sweep_create(const struct xdp_object *object, const uint16_t *cpus,
				   uint32_t cpu_count);

/** End it; waits for one part of a table, some microseconds on a CPU that is free. NULL is allowed. */
void xdp_sweep_destroy(struct xdp_sweep *sweep);

#endif
