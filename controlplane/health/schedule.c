/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/health/internal.h"

enum {
	SCHEDULE_SPREAD_MAX_US = 1000000,
	SCHEDULE_SPREAD_UNKNOWN_MAX_US = 250000, /* the first table waits for these */
	SCHEDULE_JITTER_PERCENT = 10,
};

/* xorshift64*: enough to keep checks from synchronizing. */
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
	uint64_t max_us = check->instance->state == HEALTH_UNKNOWN ? SCHEDULE_SPREAD_UNKNOWN_MAX_US
								   : SCHEDULE_SPREAD_MAX_US;
	uint64_t spread_us = check->spec.interval_ms * 1000ULL;

	if (spread_us > max_us)
		spread_us = max_us;
	return schedule_random(check->instance->health, spread_us);
}

void health_schedule_first(struct health_check *check)
{
	schedule_arm(check, schedule_spread_us(check));
}

/* An instance that may be changing is checked faster, one that is out slower. */
static uint32_t schedule_interval_ms(const struct health_check *check)
{
	const struct health_track *track = &check->track;
	const struct config_check *spec = &check->spec;

	if (track->last == HEALTH_UNKNOWN || track->state == HEALTH_UNKNOWN)
		return spec->interval_ms;
	if ((track->state == HEALTH_UP) != (track->last == HEALTH_UP))
		return spec->fast_interval_ms ? spec->fast_interval_ms : spec->interval_ms;
	if (track->state != HEALTH_UP && spec->down_interval_ms)
		return spec->down_interval_ms;
	return spec->interval_ms;
}

void health_schedule_next(struct health_check *check)
{
	uint64_t interval_us = schedule_interval_ms(check) * 1000ULL;
	uint64_t jitter_us = interval_us * SCHEDULE_JITTER_PERCENT / 100;
	uint64_t now_us = clock_now_us();
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

	TAILQ_INSERT_TAIL(&health->waiting[check->places], check, queue_entry);
	check->waiting = true;
	health->stats.waiting++;
}

static void schedule_dequeue(struct health_check *check)
{
	struct health *health = check->instance->health;

	TAILQ_REMOVE(&health->waiting[check->places], check, queue_entry);
	check->waiting = false;
	health->stats.waiting--;
}

static void schedule_take_place(struct health_check *check)
{
	struct health *health = check->instance->health;

	check->placed = true;
	health->taken[check->places]++;
	if (check->places == HEALTH_ANSWERS)
		TAILQ_INSERT_TAIL(&health->young, check, queue_entry);
}

static void schedule_leave_place(struct health_check *check)
{
	struct health *health = check->instance->health;

	if (!check->placed)
		return;
	check->placed = false;
	health->taken[check->places]--;
	if (check->places == HEALTH_ANSWERS)
		TAILQ_REMOVE(&health->young, check, queue_entry);
}

static void schedule_leave_flight(struct health_check *check)
{
	schedule_leave_place(check);
	check->probe = NULL;
	check->instance->health->stats.in_flight--;
}

static bool schedule_has_room(const struct health *health, enum health_places places)
{
	return health->taken[places] < health->limits.in_flight &&
	       health->stats.in_flight < health->limits.sockets;
}

/* Silent or unreachable: known to be down, and slow to fail. */
static enum health_places schedule_places(const struct health_check *check)
{
	const struct health_track *track = &check->track;

	if (track->state == HEALTH_DOWN && track->last == HEALTH_DOWN &&
	    check->latency_us >= HEALTH_YOUNG_US)
		return HEALTH_SILENT;
	return HEALTH_ANSWERS;
}

static void schedule_account_delay(struct health_check *check)
{
	struct health_stats *stats = &check->instance->health->stats;
	uint64_t delay_ms = (check->start_us - check->due_us) / 1000;

	if (!check->delayed)
		return;
	stats->delayed++;
	if (delay_ms > stats->delay_max_ms)
		stats->delay_max_ms = (uint32_t)delay_ms;
}

static void schedule_on_done(void *arg, const struct health_verdict *verdict)
{
	struct health_check *check = arg;
	struct health *health = check->instance->health;

	schedule_leave_flight(check);
	health_notify_result(check, verdict);
	health_schedule_next(check);
	health_notify_owner(check->instance);
	/* check may be freed */
	health_schedule_pump(health);
}

static void schedule_start(struct health_check *check)
{
	struct health *health = check->instance->health;
	struct health_verdict verdict = { .state = HEALTH_UNKNOWN };
	struct health_probe_request request = {
		.address = &check->instance->address,
		.source = &check->instance->source,
		.check = &check->spec,
		.done = schedule_on_done,
		.arg = check,
	};

	check->start_us = clock_now_us();
	schedule_account_delay(check);
	check->probe = health_probe_start(health->probes, &request);
	if (check->probe) {
		health->stats.started++;
		health->stats.in_flight++;
		schedule_take_place(check);
		return;
	}
	snprintf(verdict.reason, sizeof(verdict.reason), "not checked: %s", strerror(errno));
	health_notify_result(check, &verdict);
	health_schedule_next(check);
}

static void schedule_start_waiting(struct health *health, enum health_places places)
{
	struct health_check *check;

	while (schedule_has_room(health, places) &&
	       (check = TAILQ_FIRST(&health->waiting[places]))) {
		schedule_dequeue(check);
		schedule_start(check);
	}
}

/* Free the places of checks that have no answer after HEALTH_YOUNG_US. */
static void schedule_age(struct health *health)
{
	uint64_t now_us = clock_now_us();
	struct health_check *check;

	while ((check = TAILQ_FIRST(&health->young)) && check->start_us + HEALTH_YOUNG_US <= now_us)
		schedule_leave_place(check);
}

static void schedule_watch_young(struct health *health)
{
	const struct health_check *check = TAILQ_FIRST(&health->young);
	struct timeval tv = { .tv_usec = 1000 };
	uint64_t now_us = clock_now_us();

	if (TAILQ_EMPTY(&health->waiting[HEALTH_ANSWERS]) || !check ||
	    evtimer_pending(health->young_timer, NULL))
		return;
	if (check->start_us + HEALTH_YOUNG_US > now_us)
		tv.tv_usec += (suseconds_t)(check->start_us + HEALTH_YOUNG_US - now_us);
	evtimer_add(health->young_timer, &tv);
}

void health_schedule_pump(struct health *health)
{
	schedule_age(health);
	schedule_start_waiting(health, HEALTH_ANSWERS);
	schedule_start_waiting(health, HEALTH_SILENT);
	schedule_watch_young(health);
}

void health_schedule_on_young(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	health_schedule_pump(arg);
}

void health_schedule_late(const struct health *health, uint32_t *late, uint32_t *wait_max_ms)
{
	uint64_t now_us = clock_now_us();
	const struct health_check *check;

	*late = 0;
	*wait_max_ms = 0;
	for (int places = 0; places < HEALTH_PLACES; places++) {
		TAILQ_FOREACH(check, &health->waiting[places], queue_entry) {
			uint64_t wait_ms = (now_us - check->due_us) / 1000;

			*late += wait_ms >= check->spec.interval_ms;
			if (wait_ms > *wait_max_ms)
				*wait_max_ms = (uint32_t)wait_ms;
		}
	}
}

void health_schedule_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct health_check *check = arg;
	struct health *health = check->instance->health;

	(void)fd;
	(void)what;
	check->due_us = clock_now_us();
	check->places = schedule_places(check);
	check->delayed = false;
	schedule_enqueue(check);
	health_schedule_pump(health);
	check->delayed = check->waiting;
}

void health_schedule_cancel(struct health_check *check)
{
	struct health *health = check->instance->health;

	evtimer_del(check->timer);
	if (check->waiting)
		schedule_dequeue(check);
	if (check->probe) {
		health_probe_cancel(check->probe);
		schedule_leave_flight(check);
		health->stats.cancelled++;
	}
}
