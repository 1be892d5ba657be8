/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/health_internal.h"

enum {
	SCHEDULE_SPREAD_MAX_US = 1000000,
	SCHEDULE_JITTER_PERCENT = 10,
};

/* xorshift64*: enough to keep checks from marching in step. */
static uint64_t schedule_random(struct health *health, uint64_t below)
{
	health->random ^= health->random >> 12;
	health->random ^= health->random << 25;
	health->random ^= health->random >> 27;
	return (health->random * 0x2545f4914f6cdd1dULL >> 16) % below;
}

static void schedule_arm(struct health_check *check, uint64_t delay_us)
{
	struct timeval tv = {
		.tv_sec = (time_t)(delay_us / 1000000),
		.tv_usec = (suseconds_t)(delay_us % 1000000),
	};

	evtimer_add(check->timer, &tv);
}

static uint64_t schedule_spread_us(struct health_check *check)
{
	uint64_t spread_us = check->spec.interval_ms * 1000ULL;

	if (spread_us > SCHEDULE_SPREAD_MAX_US)
		spread_us = SCHEDULE_SPREAD_MAX_US;
	return schedule_random(check->instance->health, spread_us);
}

void health_schedule_first(struct health_check *check)
{
	schedule_arm(check, schedule_spread_us(check));
}

void health_schedule_next(struct health_check *check)
{
	uint64_t interval_us = check->spec.interval_ms * 1000ULL;
	uint64_t jitter_us = interval_us * SCHEDULE_JITTER_PERCENT / 100;
	uint64_t now_us = health_now_us();
	uint64_t next_us = check->start_us + interval_us - jitter_us;

	next_us += schedule_random(check->instance->health, 2 * jitter_us + 1);
	if (next_us > now_us)
		schedule_arm(check, next_us - now_us);
	else
		schedule_arm(check, schedule_spread_us(check) / 10);
}

static void schedule_enqueue(struct health_check *check)
{
	struct health *health = check->instance->health;

	TAILQ_INSERT_TAIL(&health->waiting, check, waiting_entry);
	check->waiting = true;
	health->stats.waiting++;
}

static void schedule_dequeue(struct health_check *check)
{
	struct health *health = check->instance->health;

	TAILQ_REMOVE(&health->waiting, check, waiting_entry);
	check->waiting = false;
	health->stats.waiting--;
}

static void schedule_account_delay(struct health_check *check)
{
	struct health_stats *stats = &check->instance->health->stats;
	uint64_t delay_ms = (check->start_us - check->due_us) / 1000;

	if (!check->delayed)
		return;
	stats->delayed++;
	stats->delay_sum_ms += delay_ms;
	if (delay_ms > stats->delay_max_ms)
		stats->delay_max_ms = (uint32_t)delay_ms;
}

static void schedule_on_done(void *arg, const struct health_verdict *verdict)
{
	struct health_check *check = arg;
	struct health *health = check->instance->health;

	check->probe = NULL;
	health->stats.in_flight--;
	health_schedule_next(check);
	health_notify_result(check, verdict);
	/* check may be gone */
	health_schedule_pump(health);
}

static void schedule_start(struct health_check *check)
{
	struct health *health = check->instance->health;
	struct health_verdict verdict = { .state = HEALTH_UNKNOWN };
	struct health_probe_request request = {
		.address = &check->instance->address,
		.check = &check->spec,
		.done = schedule_on_done,
		.arg = check,
	};

	check->start_us = health_now_us();
	schedule_account_delay(check);
	check->probe = health_probe_start(health->probes, &request);
	if (check->probe) {
		health->stats.started++;
		health->stats.in_flight++;
		return;
	}
	snprintf(verdict.reason, sizeof(verdict.reason), "not checked: %s", strerror(errno));
	health_schedule_next(check);
	health_notify_result(check, &verdict);
}

void health_schedule_pump(struct health *health)
{
	struct health_check *check;

	while (health->stats.in_flight < health->max_in_flight &&
	       (check = TAILQ_FIRST(&health->waiting))) {
		schedule_dequeue(check);
		schedule_start(check);
	}
}

void health_schedule_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct health_check *check = arg;
	struct health *health = check->instance->health;

	(void)fd;
	(void)what;
	check->due_us = health_now_us();
	check->delayed = health->stats.in_flight >= health->max_in_flight;
	schedule_enqueue(check);
	health_schedule_pump(health);
}

void health_schedule_cancel(struct health_check *check)
{
	struct health *health = check->instance->health;

	evtimer_del(check->timer);
	if (check->waiting)
		schedule_dequeue(check);
	if (check->probe) {
		health_probe_cancel(check->probe);
		check->probe = NULL;
		health->stats.in_flight--;
		health->stats.cancelled++;
	}
}
