/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks that wait for themselves or for a place, and a node without sockets. When they run: test_time.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/health/internal.h"
#include "tests/support/health_fixture.h"

enum { HERD = 8 };

static struct watch watches[HERD];

static void add_herd(struct fixture *fixture, struct health_instance **herd, unsigned int count,
		     const struct config_check *check, enum health_state initial)
{
	memset(watches, 0, sizeof(watches));
	for (unsigned int i = 0; i < count; i++) {
		struct health_instance_spec spec = fixture_spec(&watches[i], check, 1);

		spec.initial = initial;
		herd[i] = health_instance_add(fixture->health, &spec);
		assert_non_null(herd[i]);
	}
}

static bool all_decided(void *arg)
{
	struct health *health = arg;
	const struct health_instance *instance;

	LIST_FOREACH(instance, &health->instances, entry) {
		if (instance->state == HEALTH_UNKNOWN)
			return false;
	}
	return true;
}

/* How long until the next run, by the state and the last result; 10 % of jitter. */
static void test_intervals(void **state)
{
	static const struct {
		enum health_state state;
		enum health_state last;
		uint32_t fast_ms;
		uint32_t down_ms;
		uint32_t interval_ms;
	} rows[] = {
		{ HEALTH_UP, HEALTH_UP, 3000, 200000, 30000 },
		{ HEALTH_UP, HEALTH_DOWN, 3000, 200000, 3000 },
		{ HEALTH_UP, HEALTH_LAME, 3000, 200000, 3000 },
		{ HEALTH_DOWN, HEALTH_DOWN, 3000, 200000, 200000 },
		{ HEALTH_LAME, HEALTH_DOWN, 3000, 200000, 200000 },
		{ HEALTH_DOWN, HEALTH_UP, 3000, 200000, 3000 },
		{ HEALTH_UP, HEALTH_UNKNOWN, 3000, 200000, 30000 },
		{ HEALTH_UNKNOWN, HEALTH_UNKNOWN, 3000, 200000, 30000 },
		{ HEALTH_UP, HEALTH_DOWN, 0, 200000, 30000 },
		{ HEALTH_DOWN, HEALTH_DOWN, 3000, 0, 30000 },
	};
	struct config_check spec = fixture_check(CONFIG_CHECK_TCP, 1);
	struct health_instance *instance;
	struct fixture fixture;

	(void)state;
	spec.interval_ms = 30000;
	fixture_init(&fixture, HERD);
	add_herd(&fixture, &instance, 1, &spec, HEALTH_UP);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct health_check *check = instance->checks[0];
		struct timeval began, now, due, least, most;

		check->spec.fast_interval_ms = rows[i].fast_ms;
		check->spec.down_interval_ms = rows[i].down_ms;
		check->track.state = rows[i].state;
		check->track.last = rows[i].last;
		gettimeofday(&began, NULL);
		check->start_us = clock_now_us();
		health_schedule_next(check);
		assert_true(evtimer_pending(check->timer, &due));
		gettimeofday(&now, NULL);
		/* Wherever this process is kept from its CPU: both are only made wider by it. */
		timersub(&due, &began, &most);
		timersub(&due, &now, &least);
		assert_true(most.tv_sec * 1000 + most.tv_usec / 1000 >=
			    (long)rows[i].interval_ms * 9 / 10 - 500);
		assert_true(least.tv_sec * 1000 + least.tv_usec / 1000 <=
			    (long)rows[i].interval_ms * 11 / 10 + 500);
	}
	fixture_fini(&fixture);
}

/* A check that takes longer than its interval waits for itself. */
static void test_one_probe_per_check(void **state)
{
	struct fixture fixture;
	struct health_instance *instance;
	struct server *server = server_start(&server_hang, 4);
	struct config_check check = fixture_check(CONFIG_CHECK_HTTP, server_port(server));

	(void)state;
	check.timeout_ms = 250;
	fixture_init(&fixture, 4);
	add_herd(&fixture, &instance, 1, &check, HEALTH_UNKNOWN);
	while (instance->checks[0]->track.streak < 3) {
		struct health_stats stats;

		event_base_loop(fixture.base, EVLOOP_ONCE);
		health_stats_get(fixture.health, &stats);
		assert_in_range(stats.in_flight + stats.waiting, 0, 1);
	}
	assert_int_equal(instance->state, HEALTH_DOWN);
	fixture_fini(&fixture);
	server_stop(server);
}

struct waiting_wait {
	struct health *health;
	uint32_t waiting;
};

static bool has_waiting(void *arg)
{
	struct waiting_wait *wait = arg;
	struct health_stats stats;

	health_stats_get(wait->health, &stats);
	return stats.waiting == wait->waiting;
}

/* Those that wait may be removed, and those in flight make room when they are. */
static void test_remove_waiting(void **state)
{
	enum { COUNT = 8 };
	struct fixture fixture;
	struct health_instance *herd[COUNT];
	struct server *server = server_start(&server_hang, 4);
	struct config_check check = fixture_check(CONFIG_CHECK_HTTP, server_port(server));
	struct waiting_wait all = { .waiting = COUNT - 1 };
	struct health_stats stats;

	(void)state;
	fixture_init(&fixture, 1);
	add_herd(&fixture, herd, COUNT, &check, HEALTH_UNKNOWN);
	all.health = fixture.health;
	assert_true(fixture_until(&fixture, has_waiting, &all));
	health_stats_get(fixture.health, &stats);
	assert_int_equal(stats.in_flight, 1);
	assert_int_equal(stats.waiting, COUNT - 1);
	for (int i = 0; i < COUNT; i++) {
		health_instance_remove(herd[i]);
		health_stats_get(fixture.health, &stats);
		assert_int_equal(stats.in_flight, i < COUNT - 1);
		assert_int_equal(stats.in_flight + stats.waiting, COUNT - 1 - i);
	}
	fixture_fini(&fixture);
	server_stop(server);
}

static bool has_errors(void *arg)
{
	struct health_stats stats;

	health_stats_get(arg, &stats);
	return stats.errors >= 3;
}

/* No sockets left on this node says nothing about the instance. */
static void test_starved(void **state)
{
	struct fixture fixture;
	struct health_instance *instance;
	struct server *server = server_start(&server_ok, 4);
	struct config_check check = fixture_check(CONFIG_CHECK_HTTP, server_port(server));
	struct rlimit before;
	struct rlimit none;

	(void)state;
	fixture_init(&fixture, 4);
	add_herd(&fixture, &instance, 1, &check, HEALTH_UNKNOWN);
	assert_true(fixture_until(&fixture, all_decided, fixture.health));
	assert_int_equal(instance->state, HEALTH_UP);

	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3; /* what is open stays open */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_true(fixture_until(&fixture, has_errors, fixture.health));
	assert_int_equal(instance->state, HEALTH_UP);
	assert_int_equal(watches[0].changes, 1);
	assert_non_null(strstr(fixture.log_last, "Too many open files"));

	setrlimit(RLIMIT_NOFILE, &before);
	server_set(server, &server_not_found);
	assert_true(fixture_until_state(&fixture, instance, HEALTH_LAME));
	fixture_fini(&fixture);
	server_stop(server);
}

static void test_bad_options(void **state)
{
	static const struct health_ops no_ops = { 0 };
	struct event_base *base = event_base_new();
	struct health_options options = {
		.ops = &no_ops,
		.limits = { 1, 1 },
		.version = "test",
	};

	(void)state;
	assert_null(health_create(base, &options));
	assert_int_equal(errno, EINVAL);
	assert_null(health_create(NULL, &options));
	health_destroy(NULL);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intervals),      cmocka_unit_test(test_one_probe_per_check),
		cmocka_unit_test(test_remove_waiting), cmocka_unit_test(test_starved),
		cmocka_unit_test(test_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
