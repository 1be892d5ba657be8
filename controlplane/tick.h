/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sluiced looks at again and again: the dataplane's heartbeat, the spread of flows over
 * workers, the port's MTU, systemd's watchdog. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_TICK_H
#define CONTROLPLANE_TICK_H

#include "controlplane/sluiced.h"

/** Whether systemd expects a sign of life, and how often. Once, before the first tick_run(). */
void tick_watchdog_prepare(struct sluiced *sluiced);

/** Look at everything that is due. Call every 100 ms. */
void tick_run(struct sluiced *sluiced);

/** Hold the VIPs back until the tables are in use; after a refusal, until the next ones are. */
void tick_published_follow(struct sluiced *sluiced);

#endif
