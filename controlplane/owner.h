/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the daemon does when the model's instances come, change and go: their checks, next hops, flap
 * control, settings, events. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_OWNER_H
#define CONTROLPLANE_OWNER_H

#include "controlplane/sluiced.h"

/* Of a struct sluiced. */
extern const struct model_ops owner_ops;

/** Start flap control: before anything is published, so that an instance that is out gets no flows. */
int owner_flaps_start(struct sluiced *sluiced);

/** Start checks and next hops of all instances that there are. */
void owner_instances_start(struct sluiced *sluiced);

/** Write what is kept of instances that drain. */
void owner_tick(struct sluiced *sluiced);

#endif
