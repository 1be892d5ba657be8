/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When checks run, in virtual time: the clock, the wait of the event loop and the prober are this file's, in place
 * of libc's and of health/probe.c. A wait takes no time; the clock jumps to its end. Seeds are this file's, too, so
 * that each run is the same.
 */
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <cmocka.h>

#include "controlplane/health/internal.h"

#define INTERVAL_MS 2000
#define TIMEOUT_MS 1500
#define ANSWER_US 2000
/* From a death to the second failure: an interval with its jitter, another one, and the answers. */
#define FOUND_MS (2 * INTERVAL_MS * 11 / 10 + 50)
#define SILENT 1000
#define PLACES 64
#define SOCKETS 2048
#define SLOW_MS 80
#define SEED 0x9e3779b97f4a7c15ull

static uint64_t virtual_us = 1000000000;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc has reserved names */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ (time_t)(virtual_us / 1000000),
				  (long)(virtual_us % 1000000) * 1000 };
	return 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc has reserved names */
int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	(void)fd;
	(void)events;
	(void)max;
	assert_true(timeout_ms >= 0); /* a loop that waits for ever has lost its checks */
	virtual_us += (uint64_t)timeout_ms * 1000;
	return 0;
}

enum manner {
	ANSWERS,
	REFUSES,
	IS_SILENT,
	IS_SLOW,
};

struct target {
	enum manner manner;
	struct health_instance *instance;
	uint64_t changed_us;
	uint64_t started_us; /* its last probe */
	uint64_t gap_max_us; /* between two of them */
	unsigned int starts;
};

/* ---- The prober: an instance is found by its address ---- */

static struct target targets[4096];
static unsigned int target_count;
static struct event_base *probe_base;

struct health_probe {
	struct event *timer;
	struct health_probe_request request;
	struct health_verdict verdict;
};

struct health_probes *health_probes_create(struct event_base *base, const char *version)
{
	(void)version;
	probe_base = base;
	return malloc(1);
}

void health_probes_destroy(struct health_probes *probes)
{
	free(probes);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct health_probe ended = *(struct health_probe *)arg;

	(void)fd;
	(void)what;
	health_probe_cancel(arg);
	ended.request.done(ended.request.arg, &ended.verdict);
}

struct health_probe *health_probe_start(struct health_probes *probes,
					const struct health_probe_request *request)
{
	struct health_probe *probe = calloc(1, sizeof(*probe));
	unsigned int number = request->address->bytes[2] * 256u + request->address->bytes[3];
	struct target *target = &targets[number];
	struct timeval wait = { .tv_usec = ANSWER_US };

	(void)probes;
	probe->request = *request;
	probe->timer = evtimer_new(probe_base, on_end, probe);
	probe->verdict.state = target->manner == ANSWERS ? HEALTH_UP : HEALTH_DOWN;
	if (target->manner == IS_SILENT)
		wait = (struct timeval){ TIMEOUT_MS / 1000, TIMEOUT_MS % 1000 * 1000 };
	else if (target->manner == IS_SLOW)
		wait.tv_usec = SLOW_MS * 1000;
	probe->verdict.latency_us = (uint32_t)(wait.tv_sec * 1000000 + wait.tv_usec);
	evtimer_add(probe->timer, &wait);
	if (target->started_us && virtual_us - target->started_us > target->gap_max_us)
		target->gap_max_us = virtual_us - target->started_us;
	target->started_us = virtual_us;
	target->starts++;
	return probe;
}

void health_probe_cancel(struct health_probe *probe)
{
	event_free(probe->timer);
	free(probe);
}

/* ---- */

static struct event_base *base;
static struct health *health;
static struct config_check check; /* of all that are added */
static unsigned int lives;

static void on_changed(void *arg, void *owner, enum health_state old, enum health_state now,
		       const char *reason)
{
	(void)arg;
	(void)old;
	(void)now;
	(void)reason;
	((struct target *)owner)->changed_us = virtual_us;
}

static void start(uint32_t places)
{
	static const struct health_ops ops = { .changed = on_changed };
	const struct health_options options = {
		.ops = &ops,
		.limits = { places, SOCKETS },
		.version = "test",
	};

	memset(targets, 0, sizeof(targets));
	target_count = 0;
	check = (struct config_check){
		.target = (char *)"TCP:80",
		.type = CONFIG_CHECK_TCP,
		.port = 80,
		.interval_ms = INTERVAL_MS,
		.timeout_ms = TIMEOUT_MS,
		.unhealthy = 2,
		.healthy = 2,
	};
	base = event_base_new();
	health = health_create(base, &options);
	assert_non_null(health);
	health->random = SEED * ++lives;
}

static void stop(void)
{
	health_destroy(health);
	event_base_free(base);
}

static struct health_instance_spec spec_of(unsigned int number, enum health_state initial)
{
	return (struct health_instance_spec){
		.name = "web/web-1",
		.owner = &targets[number],
		.address = { .family = 4,
			     .bytes = { 10, 66, (uint8_t)(number >> 8), (uint8_t)number } },
		.checks = &check,
		.check_count = 1,
		.initial = initial,
	};
}

static struct target *add(enum manner manner, enum health_state initial)
{
	const struct health_instance_spec spec = spec_of(target_count, initial);
	struct target *target = &targets[target_count];

	target_count++;
	target->manner = manner;
	target->instance = health_instance_add(health, &spec);
	assert_non_null(target->instance);
	return target;
}

static void add_many(unsigned int count, enum manner manner, enum health_state initial)
{
	for (unsigned int i = 0; i < count; i++)
		add(manner, initial);
}

static struct health_stats stats(void)
{
	struct health_stats now;

	health_stats_get(health, &now);
	assert_true(now.in_flight <= SOCKETS);
	return now;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* A wait ends then, whatever is due later. */
static void run_ms(uint64_t ms)
{
	const struct timeval time = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };
	uint64_t until_us = virtual_us + ms * 1000;

	assert_int_equal(event_base_once(base, -1, EV_TIMEOUT, on_time, NULL, &time), 0);
	while (virtual_us < until_us)
		event_base_loop(base, EVLOOP_ONCE);
}

/* Return: the milliseconds until the change of its state was reported. */
static uint64_t found_after_ms(struct target *target, enum health_state state)
{
	uint64_t began_us = virtual_us;

	while (health_instance_state(target->instance) != state) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_in_range((virtual_us - began_us) / 1000, 0, 200000);
	}
	return (target->changed_us - began_us) / 1000;
}

static void test_unreachable_do_not_delay_reachable(void **state)
{
	struct target *living;

	(void)state;
	for (enum manner death = REFUSES; death <= IS_SILENT; death++) {
		uint64_t allowed_ms = FOUND_MS + (death == IS_SILENT ? TIMEOUT_MS : 0);

		start(PLACES);
		living = add(ANSWERS, HEALTH_UP);
		add_many(SILENT, IS_SILENT, HEALTH_DOWN);
		run_ms(60000);
		assert_int_equal(health_instance_state(living->instance), HEALTH_UP);
		assert_in_range(living->gap_max_us / 1000, 0, INTERVAL_MS * 11 / 10 + 10);
		living->manner = death;
		assert_in_range(found_after_ms(living, HEALTH_DOWN), 1, allowed_ms);
		stop();
	}
}

/* A rack dies: nothing was known of any of them before. */
static void test_many_die_at_once(void **state)
{
	struct target *living, *other;

	(void)state;
	start(PLACES);
	living = add(ANSWERS, HEALTH_UP);
	other = add(ANSWERS, HEALTH_UP);
	add_many(SILENT, ANSWERS, HEALTH_UP);
	run_ms(10000);
	assert_int_equal(stats().late, 0);
	for (unsigned int i = 2; i < target_count; i++)
		targets[i].manner = IS_SILENT;
	run_ms(1000);
	living->manner = REFUSES;
	assert_in_range(found_after_ms(living, HEALTH_DOWN), 1, FOUND_MS);
	run_ms(20000);
	assert_in_range(other->gap_max_us / 1000, 0, INTERVAL_MS * 11 / 10 + 500);
	assert_int_equal(health_instance_state(other->instance), HEALTH_UP);
	for (unsigned int i = 2; i < target_count; i++)
		assert_int_equal(health_instance_state(targets[i].instance), HEALTH_DOWN);
	stop();
}

/* One place, and it is free for the next one after HEALTH_YOUNG_US, though nothing else happens then. */
static void test_slot_is_released(void **state)
{
	unsigned int seen = 0;

	(void)state;
	while (seen < 5) {
		struct target *silent, *living;

		start(1);
		silent = add(IS_SILENT, HEALTH_UNKNOWN);
		living = add(ANSWERS, HEALTH_UNKNOWN);
		while (!silent->started_us || !living->started_us)
			event_base_loop(base, EVLOOP_ONCE);
		/* at random: the living one became due while the other had the place */
		if (stats().delayed && living->started_us > silent->started_us) {
			assert_in_range(living->started_us - silent->started_us, HEALTH_YOUNG_US,
					HEALTH_YOUNG_US + 3000);
			seen++;
		}
		stop();
	}
}

/* Nothing is known of anybody, and most of them are dead. */
static void test_cold_start(void **state)
{
	struct target *living;

	(void)state;
	start(PLACES);
	add_many(SILENT, IS_SILENT, HEALTH_UNKNOWN);
	living = add(ANSWERS, HEALTH_UNKNOWN);
	/* they start within a second, PLACES in a tenth of it at most */
	assert_in_range(found_after_ms(living, HEALTH_UP), 1, 1000 + SILENT * 100 / PLACES);
	stop();
}

/* One that comes back is found, though all that are silent take turns. */
static void test_silent_take_turns(void **state)
{
	uint64_t turn_ms = SILENT * TIMEOUT_MS / PLACES;
	struct target *risen;

	(void)state;
	start(PLACES);
	add_many(SILENT, IS_SILENT, HEALTH_DOWN);
	risen = &targets[SILENT / 2];
	run_ms(60000);
	assert_in_range(stats().silent, PLACES / 2, PLACES);
	risen->manner = ANSWERS;
	assert_in_range(found_after_ms(risen, HEALTH_UP), 1, turn_ms + FOUND_MS);
	for (unsigned int i = 0; i < SILENT; i++)
		assert_in_range(targets[i].gap_max_us / 1000, INTERVAL_MS, turn_ms * 5 / 4);
	stop();
}

static void test_late_checks_are_reported(void **state)
{
	(void)state;
	start(PLACES);
	add_many(PLACES / 2, IS_SILENT, HEALTH_DOWN);
	run_ms(20000);
	assert_int_equal(stats().late, 0);
	assert_int_equal(stats().delayed, 0);
	add_many(SILENT, IS_SILENT, HEALTH_DOWN);
	run_ms(60000);
	/* each is due INTERVAL_MS after its start and starts after a turn of all */
	assert_in_range(stats().late, SILENT * 3 / 4, SILENT);
	assert_in_range(stats().wait_max_ms, 15000, 25000);
	health_set_limits(health, &(struct health_limits){ SILENT, SOCKETS });
	run_ms(20000);
	assert_int_equal(stats().late, 0);
	assert_int_equal(stats().wait_max_ms, 0);
	stop();
}

/* Never more sockets than there may be, and those that answer have the first that is free. */
static void test_sockets_are_limited(void **state)
{
	struct target *living;

	(void)state;
	start(PLACES);
	health_set_limits(health, &(struct health_limits){ PLACES, 2 * PLACES });
	living = add(ANSWERS, HEALTH_UP);
	add_many(SILENT, ANSWERS, HEALTH_UP);
	run_ms(5000);
	for (unsigned int i = 1; i < target_count; i++)
		targets[i].manner = IS_SILENT;
	for (int i = 0; i < 60000; i++) {
		run_ms(1);
		assert_in_range(stats().in_flight, 0, 2 * PLACES);
	}
	/* in the end each is known for what it is */
	living->manner = REFUSES;
	assert_in_range(found_after_ms(living, HEALTH_DOWN), 1, FOUND_MS);
	stop();
}

/* ---- The rhythm ---- */

#define HERD 200

/* Nobody waits long for the first result of those of whom nothing is known. */
static void test_unknown_are_checked_soon(void **state)
{
	uint64_t began_us;

	(void)state;
	start(HERD);
	check.interval_ms = 30000;
	began_us = virtual_us;
	add_many(HERD, ANSWERS, HEALTH_UNKNOWN);
	run_ms(300);
	for (unsigned int i = 0; i < HERD; i++)
		assert_in_range(targets[i].started_us - began_us, 0, 252000);
	stop();
}

/* Each tenth of the first second gets its share of 200 first checks, 20 on average. */
static void test_first_checks_are_spread(void **state)
{
	unsigned int tenths[11] = { 0 };
	uint64_t began_us;

	(void)state;
	start(HERD);
	check.interval_ms = 30000;
	began_us = virtual_us;
	add_many(HERD, ANSWERS, HEALTH_UP);
	run_ms(1100);
	for (unsigned int i = 0; i < HERD; i++) {
		assert_int_equal(targets[i].starts, 1);
		tenths[(targets[i].started_us - began_us) / 100000]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(tenths[i], 8, 40);
	stop();
}

/* From start to start, one interval give or take a tenth, even if each check takes long. */
static void test_rhythm(void **state)
{
	uint64_t last_us = 0, least_us = UINT64_MAX, most_us = 0;
	struct target *silent;

	(void)state;
	start(PLACES);
	silent = add(IS_SILENT, HEALTH_UNKNOWN);
	while (silent->starts < 50) {
		event_base_loop(base, EVLOOP_ONCE);
		if (silent->started_us == last_us)
			continue;
		if (last_us && silent->started_us - last_us < least_us)
			least_us = silent->started_us - last_us;
		if (last_us && silent->started_us - last_us > most_us)
			most_us = silent->started_us - last_us;
		last_us = silent->started_us;
	}
	assert_in_range(least_us, INTERVAL_MS * 900, INTERVAL_MS * 930);
	assert_in_range(most_us, INTERVAL_MS * 1070, INTERVAL_MS * 1100 + 2000);
	stop();
}

/* Checks that are updated all the time still run in their rhythm. */
static void test_update_keeps_timing(void **state)
{
	struct target *living;

	(void)state;
	start(PLACES);
	check.interval_ms = 100;
	living = add(ANSWERS, HEALTH_UP);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct health_instance_spec spec = spec_of(0, HEALTH_UP);

		check.timeout_ms = 1000 + i % 2;
		assert_int_equal(health_instance_update(living->instance, &spec), 0);
		run_ms(5);
	}
	assert_in_range(living->starts, 48, 54);
	assert_in_range(living->gap_max_us, 90000, 112000);
	stop();
}

/* 24 checks through 4 places: none starves, none is checked twice before all had a turn. */
static void test_cap_in_flight(void **state)
{
	enum { COUNT = 24, LIMIT = 4 };
	uint32_t most = 0, decided = 0;

	(void)state;
	start(LIMIT);
	check.interval_ms = 100;
	add_many(COUNT, IS_SLOW, HEALTH_UNKNOWN);
	while (decided < COUNT) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_in_range(stats().in_flight, 0, LIMIT);
		most = stats().in_flight > most ? stats().in_flight : most;
		decided = 0;
		for (int i = 0; i < COUNT; i++) {
			assert_in_range(targets[i].starts, 0, 2);
			decided += health_instance_state(targets[i].instance) != HEALTH_UNKNOWN;
		}
	}
	assert_int_equal(most, LIMIT);
	assert_true(stats().delayed >= COUNT - 2 * LIMIT);
	assert_in_range(stats().delay_max_ms, SLOW_MS, 2 * COUNT / LIMIT * SLOW_MS);
	assert_in_range(stats().started, COUNT, 2 * COUNT);

	health_set_limits(health, &(struct health_limits){ COUNT, COUNT });
	assert_int_equal(stats().waiting, 0);
	assert_true(stats().in_flight > LIMIT);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unreachable_do_not_delay_reachable),
		cmocka_unit_test(test_many_die_at_once),
		cmocka_unit_test(test_slot_is_released),
		cmocka_unit_test(test_cold_start),
		cmocka_unit_test(test_silent_take_turns),
		cmocka_unit_test(test_late_checks_are_reported),
		cmocka_unit_test(test_sockets_are_limited),
		cmocka_unit_test(test_unknown_are_checked_soon),
		cmocka_unit_test(test_first_checks_are_spread),
		cmocka_unit_test(test_rhythm),
		cmocka_unit_test(test_update_keeps_timing),
		cmocka_unit_test(test_cap_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
