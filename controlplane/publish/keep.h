/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors of what outlives sluice-dataplane (dataplane/abi/lb_kept.h), held for its successor,
 * who asks for them on a socket of the run directory. Internal to the ring backend.
 * Context: the event loop's thread; nothing blocks.
 */
#ifndef CONTROLPLANE_PUBLISH_KEEP_H
#define CONTROLPLANE_PUBLISH_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi/lb_kept.h"

struct event_base;
struct publish_keep;

/**
 * Listen.
 * @asked: a dataplane is starting.
 * Return: NULL: logged; then nothing is kept here.
 */
struct publish_keep *publish_keep_create(struct event_base *base, const char *run_dir,
					 void (*asked)(void *arg), void *arg);

/**
 * Hold these in place of what was held; NULL is allowed.
 * @segment_fd, @flows_fd: taken over and set to -1; if either is -1, there is nothing to be kept.
 */
void publish_keep_hold(struct publish_keep *keep, int *segment_fd, int *flows_fd);

/**
 * The flow tables that are held, to be read. Valid until they are released.
 * @kept: set to their sizes.
 * Return: NULL: there are none, or they are not those of the segment with @boot_id.
 */
const uint8_t *publish_keep_flows(struct publish_keep *keep, uint64_t boot_id,
				  struct lb_kept *kept);

/** Let go. Return: whether there was something. NULL is allowed. */
bool publish_keep_release(struct publish_keep *keep);

/** NULL is allowed. */
void publish_keep_destroy(struct publish_keep *keep);

#endif
