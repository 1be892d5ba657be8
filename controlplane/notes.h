/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the daemon itself records as events: its start and end, the dataplane, suspended checks,
 * pools, configurations, and instances that come and go with them. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_NOTES_H
#define CONTROLPLANE_NOTES_H

#include <stdbool.h>
#include <stdint.h>

struct model_instance;
struct sluiced;

/** Open the events. Return: 0 or -ENOMEM. */
int notes_start(struct sluiced *sluiced);
void notes_stop(struct sluiced *sluiced);

/** The process: @to "started" or "stopping". */
void notes_process(struct sluiced *sluiced, const char *to, const char *cause);

void notes_dataplane(struct sluiced *sluiced, bool connected);

/** Checks are suspended or go on. @why: NULL: they go on. */
void notes_checks(struct sluiced *sluiced, const char *why);

/** An instance has come or gone with the configuration; nothing at the start. */
void notes_instance(struct sluiced *sluiced, const struct model_instance *instance, bool added);

/** An instance that is removed drains, ends that, or is put back. @cause: may be NULL. */
void notes_leaving(struct sluiced *sluiced, const struct model_instance *instance, const char *from,
		   const char *to, const char *cause);

/** Compare each pool's state with that noted last. To be called after changes of the model. */
void notes_pools(struct sluiced *sluiced);

#endif
