/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The health of instances over restarts: DIR/health.json has for each its last health, its address
 * and the time of that result. With it the first table after a restart of both daemons is the same
 * as before, so that established connections stay on their instances; checks start from it as they
 * do from the health stored in a running dataplane.
 *
 * A separate file, written without fsync(2): a drain writes state.json and waits for the disk,
 * while this is only a hint. It is written at most once a second after changes, and once a minute
 * without.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_HEALTH_KEPT_H
#define CONTROLPLANE_HEALTH_KEPT_H

#include <stdbool.h>
#include <stdint.h>

struct health_kept;
struct model;

/*
 * Older entries are ignored: checks may be 300 s apart, and a machine takes minutes to boot. After
 * more time than that, hardly any connection remains that a complete first table could save.
 */
#define HEALTH_KEPT_MAX_S 900

#define HEALTH_KEPT_WRITE_MS 1000    /* at the earliest, after a change */
#define HEALTH_KEPT_REFRESH_MS 60000 /* without a change */

/**
 * Read the file of a state directory. A missing, damaged or unreadable file counts as empty; the
 * latter two are logged.
 * Return: NULL and errno ENOMEM.
 */
struct health_kept *health_kept_open(const char *dir);

/* Writes nothing. NULL is allowed. */
void health_kept_close(struct health_kept *kept);

/**
 * Set the kept health of all instances whose health is unknown, if it's young enough and the
 * address is the same.
 * @now_unix: seconds.
 */
void health_kept_restore(const struct health_kept *kept, struct model *model, int64_t now_unix);

/** Collect the current health. To be called before checks end: they know the time of results. */
void health_kept_collect(struct health_kept *kept, const struct model *model, int64_t now_unix);

/** Something has changed: write the file soon. */
void health_kept_mark(struct health_kept *kept);

/** Whether the file is due. @now_ms: monotonic. */
bool health_kept_is_due(const struct health_kept *kept, uint64_t now_ms);

/** Write what was collected last. Return: 0 or -errno, logged once. */
int health_kept_write(struct health_kept *kept, uint64_t now_ms);

#endif
