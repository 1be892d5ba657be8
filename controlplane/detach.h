/* SPDX-License-Identifier: BSD-3-Clause */
/* sluiced --detach: the opposite of what a daemon with dataplane: xdp has done to a port. */
#ifndef CONTROLPLANE_DETACH_H
#define CONTROLPLANE_DETACH_H

struct sluiced;

/**
 * Take the XDP program off the port, remove what is pinned, and the addresses and routes that are
 * marked as ours. The VIPs go first: nobody is to answer for them when nobody balances.
 * Return: 0, also if there was nothing; -errno, and the reason is logged: -EBUSY: a sluiced runs.
 */
int detach_run(const struct sluiced *sluiced);

#endif
