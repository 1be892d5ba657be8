/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/stall.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "config/base/clock.h"

enum { STALL_TICK_US = 50000 };

struct health_stall {
	struct event *tick; /* pending while there are users */
	uint32_t users;
	uint64_t look_us; /* time of the last look */
	uint64_t sum_us;
};

/* With a look at least at every tick, a much longer gap is no ordinary turn of the loop. */
static void stall_look(struct health_stall *stall)
{
	uint64_t now_us = clock_now_us();
	uint64_t passed_us = now_us - stall->look_us;

	if (passed_us >= STALL_TICK_US + HEALTH_STALL_MIN_US)
		stall->sum_us += passed_us - STALL_TICK_US;
	stall->look_us = now_us;
}

static void stall_on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	stall_look(arg);
}

void health_stall_enter(struct health_stall *stall)
{
	static const struct timeval tick = { .tv_usec = STALL_TICK_US };

	if (stall->users++ > 0)
		return;
	stall->look_us = clock_now_us();
	event_add(stall->tick, &tick);
}

void health_stall_leave(struct health_stall *stall)
{
	if (--stall->users == 0)
		event_del(stall->tick);
}

uint64_t health_stall_sum_us(struct health_stall *stall)
{
	if (stall->users > 0)
		stall_look(stall);
	return stall->sum_us;
}

struct health_stall *health_stall_create(struct event_base *base)
{
	struct health_stall *stall = calloc(1, sizeof(*stall));

	if (!stall)
		return NULL;
	stall->tick = event_new(base, -1, EV_PERSIST, stall_on_tick, stall);
	if (!stall->tick) {
		free(stall);
		errno = ENOMEM;
		return NULL;
	}
	return stall;
}

void health_stall_destroy(struct health_stall *stall)
{
	if (!stall)
		return;
	event_free(stall->tick);
	free(stall);
}
