/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread that removes expired flows from the XDP dataplane's flow tables. Each table is swept on
 * the CPU that writes it, which may delay the thread; so nothing waits for this thread except its
 * destruction.
 */
#ifndef CONTROLPLANE_XDP_SWEEP_H
#define CONTROLPLANE_XDP_SWEEP_H

#include <stdint.h>

struct xdp_object;
struct xdp_sweep;

/**
 * Start the thread; a round over all tables takes about three seconds, longer for large ones.
 * @object: open as long as the thread runs.
 * @cpus: that have a flow table; copied.
 * Return: NULL and errno.
 */
struct xdp_sweep *xdp_sweep_create(const struct xdp_object *object, const uint16_t *cpus,
				   uint32_t cpu_count);

/**
 * Stop the thread; waits for one part of a table, some microseconds on an idle CPU. NULL is
 * allowed.
 */
void xdp_sweep_destroy(struct xdp_sweep *sweep);

/**
 * Sweep the next part of a flow table: this CPU's, to which the calling thread must be bound; or if
 * with handover, a queue's, unless the DPDK process sweeps it. Does not sleep.
 * Return: how many buckets were checked, 0 if there is nothing to do; -errno.
 */
int xdp_sweep_part(const struct xdp_object *object, uint32_t queue);

#endif
