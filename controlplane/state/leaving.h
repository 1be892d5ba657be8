/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Until when removed instances drain, over restarts: DIR/draining.json. Times in it are of the wall
 * clock. One thread.
 */
#ifndef CONTROLPLANE_STATE_LEAVING_H
#define CONTROLPLANE_STATE_LEAVING_H

#include <stdbool.h>
#include <stdint.h>

struct leaving;
struct model;
struct model_instance;

/** Read what was kept. A damaged file is logged, and counts as none. Return: NULL and errno ENOMEM. */
struct leaving *leaving_open(const char *dir);

/* NULL is allowed. */
void leaving_close(struct leaving *leaving);

/** The time that was left to an instance of that path and address; UINT32_MAX: nothing was kept. */
uint32_t leaving_left_ms(const struct leaving *leaving, const struct model_instance *instance,
			 int64_t now_unix_ms);

/** The instances that drain are others than those written last. */
void leaving_mark(struct leaving *leaving);

/**
 * Write those of the model, if marked. Without fsync(2): it is lost only with the whole machine, and
 * its flows with it.
 * @now_ms: of the model's clock.
 */
void leaving_write(struct leaving *leaving, const struct model *model, uint64_t now_ms,
		   int64_t now_unix_ms);

#endif
