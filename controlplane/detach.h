/* SPDX-License-Identifier: BSD-3-Clause */
/* sluiced --detach: undo what a daemon with dataplane: xdp has done to a port. */
#ifndef CONTROLPLANE_DETACH_H
#define CONTROLPLANE_DETACH_H

struct sluiced;

/**
 * Take the XDP program off the port, remove the pins, and the addresses and routes that are marked
 * as ours. The VIPs go first: without a balancer, the kernel must not answer for them.
 * Return: 0, also if there was nothing; -errno, and the reason is logged: -EBUSY: a sluiced is
 * running.
 */
int detach_run(const struct sluiced *sluiced);

#endif
