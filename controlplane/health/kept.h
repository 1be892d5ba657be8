/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The health of instances over restarts: DIR/health.json has for each the last that was found, its
 * address, and when that was. With it the first table after a restart of both daemons is the one that
 * was there before, so that established connections go on where they were; the checks start from it, as
 * they do from what a running dataplane knows.
 *
 * A file of its own and without fsync(2): a drain writes state.json and waits for the disk, this is no
 * more than a hint. It's written at most once a second, when something has changed, and once a minute.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_HEALTH_KEPT_H
#define CONTROLPLANE_HEALTH_KEPT_H

#include <stdbool.h>
#include <stdint.h>

struct health_kept;
struct model;

/*
 * What is older is not believed: checks may be 300 s apart, and a machine takes minutes to boot. Later
 * than that hardly a connection is left that a whole first table could save.
 */
#define HEALTH_KEPT_MAX_S 900

#define HEALTH_KEPT_WRITE_MS 1000    /* after a change, at the earliest */
#define HEALTH_KEPT_REFRESH_MS 60000 /* without one */

/**
 * Read the file of a state directory. One that is missing, damaged or can't be read says nothing; the
 * latter two are logged.
 * Return: NULL and errno ENOMEM.
 */
struct health_kept *health_kept_open(const char *dir);

/* Writes nothing. NULL is allowed. */
void health_kept_close(struct health_kept *kept);

/**
 * Give all instances of which nothing is known what was known, if it's young enough and the address is
 * the same.
 * @now_unix: seconds.
 */
void health_kept_restore(const struct health_kept *kept, struct model *model, int64_t now_unix);

/** Take in what is known now. To be called before checks end, since they know when they had a result. */
void health_kept_collect(struct health_kept *kept, const struct model *model, int64_t now_unix);

/** Something has changed: the file is to be written soon. */
void health_kept_mark(struct health_kept *kept);

/** Whether the file is due. @now_ms: monotonic. */
bool health_kept_is_due(const struct health_kept *kept, uint64_t now_ms);

/** Write what was collected last. Return: 0 or -errno, logged once. */
int health_kept_write(struct health_kept *kept, uint64_t now_ms);

#endif
