/* SPDX-License-Identifier: BSD-3-Clause */
/* States of instances: thresholds, several checks, adoption, reload, removal. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/health/internal.h"
#include "tests/support/health_fixture.h"
#include "tests/support/patience.h"

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_fini(&fixture);
	return 0;
}

static struct health_instance *add(const struct health_instance_spec *spec)
{
	struct health_instance *instance = health_instance_add(fixture.health, spec);

	assert_non_null(instance);
	return instance;
}

static struct health_check_info info_of(const struct health_instance *instance, uint32_t index)
{
	struct health_check_info info;

	assert_int_equal(health_check_info(instance, index, &info), 0);
	return info;
}

struct results_wait {
	struct health_instance *instance;
	uint32_t index;
	unsigned int streak;
	enum health_state last;
};

static bool has_streak(void *arg)
{
	struct results_wait *wait = arg;
	struct health_check_info info = info_of(wait->instance, wait->index);

	return info.last == wait->last && info.streak >= wait->streak;
}

static bool until_streak(struct health_instance *instance, uint32_t index, enum health_state last,
			 unsigned int streak)
{
	struct results_wait wait = {
		.instance = instance,
		.index = index,
		.streak = streak,
		.last = last,
	};

	return fixture_until(&fixture, has_streak, &wait);
}

static void test_no_checks(void **state)
{
	struct watch watch = { 0 };
	struct health_instance_spec spec = fixture_spec(&watch, NULL, 0);
	struct health_instance *instance = add(&spec);
	struct health_check_info info;

	(void)state;
	assert_int_equal(health_instance_state(instance), HEALTH_UP);
	assert_string_equal(health_instance_reason(instance), "");
	assert_int_equal(health_instance_last_ms(instance), -1);
	assert_int_equal(health_instance_check_count(instance), 0);
	assert_int_equal(health_check_info(instance, 0, &info), -ENOENT);
	fixture_run_ms(&fixture, 20);
	assert_int_equal(watch.changes, 0);
}

static void test_first_result_decides(void **state)
{
	struct server *good = server_start(&server_ok, 4);
	struct server *lame = server_start(&server_not_found, 4);
	uint16_t refused_port;
	int refused = server_refusing(4, &refused_port);
	struct {
		uint16_t port;
		enum health_state expected;
		const char *reason;
	} rows[] = {
		{ server_port(good), HEALTH_UP, "" },
		{ server_port(lame), HEALTH_LAME, "HTTP: status 404" },
		{ refused_port, HEALTH_DOWN, "HTTP: Connection refused" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct watch watch = { 0 };
		struct config_check check = fixture_check(CONFIG_CHECK_HTTP, rows[i].port);
		struct health_instance_spec spec = fixture_spec(&watch, &check, 1);
		uint64_t began_ms = clock_now_ms();
		struct health_instance *instance;

		check.unhealthy = 10;
		check.healthy = 10;
		instance = add(&spec);
		assert_int_equal(health_instance_state(instance), HEALTH_UNKNOWN);
		assert_string_equal(health_instance_reason(instance), "not checked yet");
		assert_true(fixture_until_state(&fixture, instance, rows[i].expected));
		assert_int_equal(info_of(instance, 0).streak, 1);
		assert_int_equal(watch.changes, 1);
		assert_int_equal(watch.old, HEALTH_UNKNOWN);
		assert_string_equal(watch.reason, rows[i].reason);
		assert_string_equal(health_instance_reason(instance), rows[i].reason);
		assert_in_range(health_instance_last_ms(instance), 0, clock_now_ms() - began_ms);
		health_instance_remove(instance);
	}
	server_stop(good);
	server_stop(lame);
	close(refused);
}

static void test_thresholds(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	struct watch watch = { 0 };
	struct config_check check = fixture_check(CONFIG_CHECK_HTTP, server_port(server));
	struct health_instance_spec spec = fixture_spec(&watch, &check, 1);
	struct health_instance *instance;

	(void)state;
	check.unhealthy = 3;
	instance = add(&spec);
	assert_true(until_streak(instance, 0, HEALTH_UP, 1));

	server_set(server, &server_not_found);
	assert_true(until_streak(instance, 0, HEALTH_LAME, 2));
	assert_int_equal(health_instance_state(instance), HEALTH_UP);
	assert_int_equal(info_of(instance, 0).state, HEALTH_UP);
	assert_string_equal(info_of(instance, 0).reason, "status 404");
	assert_true(until_streak(instance, 0, HEALTH_LAME, 3));
	assert_int_equal(health_instance_state(instance), HEALTH_LAME);
	assert_string_equal(fixture.log_last, "web/web-1: up -> lame, HTTP: status 404");

	server_set(server, &server_ok);
	assert_true(until_streak(instance, 0, HEALTH_UP, 1));
	assert_int_equal(health_instance_state(instance), HEALTH_LAME);
	assert_string_equal(health_instance_reason(instance), "HTTP: status 404");
	assert_string_equal(info_of(instance, 0).reason, "");
	assert_true(until_streak(instance, 0, HEALTH_UP, 2));
	assert_int_equal(health_instance_state(instance), HEALTH_UP);
	assert_int_equal(watch.changes, 3);
	assert_string_equal(fixture.log_last, "web/web-1: lame -> up");
	server_stop(server);
}

/* A lame instance that dies must become down, and not at its first reset. */
static void test_lame_dies(void **state)
{
	static const struct server_script reset = { .end = SERVER_RESET };
	struct server *server = server_start(&server_not_found, 4);
	struct watch watch = { 0 };
	struct config_check check = fixture_check(CONFIG_CHECK_HTTP, server_port(server));
	struct health_instance_spec spec = fixture_spec(&watch, &check, 1);
	struct health_instance *instance = add(&spec);

	(void)state;
	assert_true(fixture_until_state(&fixture, instance, HEALTH_LAME));
	server_set(server, &reset);
	assert_true(until_streak(instance, 0, HEALTH_DOWN, 1));
	assert_int_equal(health_instance_state(instance), HEALTH_LAME);
	assert_true(until_streak(instance, 0, HEALTH_DOWN, 2));
	assert_int_equal(health_instance_state(instance), HEALTH_DOWN);
	assert_int_equal(watch.old, HEALTH_LAME);
	server_stop(server);
}

static void test_all_checks_must_pass(void **state)
{
	struct server *good = server_start(&server_ok, 4);
	struct server *other = server_start(&server_ok, 4);
	struct watch watch = { 0 };
	struct config_check checks[] = {
		fixture_check(CONFIG_CHECK_TCP, server_port(good)),
		fixture_check(CONFIG_CHECK_HTTP, server_port(other)),
	};
	struct health_instance_spec spec = fixture_spec(&watch, checks, 2);
	struct health_instance *instance = add(&spec);

	(void)state;
	assert_true(fixture_until_state(&fixture, instance, HEALTH_UP));
	assert_int_equal(info_of(instance, 0).last, HEALTH_UP);
	assert_int_equal(info_of(instance, 1).last, HEALTH_UP);
	assert_string_equal(info_of(instance, 0).target, "TCP");

	server_set(other, &server_not_found);
	assert_true(fixture_until_state(&fixture, instance, HEALTH_LAME));
	assert_int_equal(info_of(instance, 0).state, HEALTH_UP);
	server_stop(good);
	assert_true(fixture_until_state(&fixture, instance, HEALTH_DOWN));
	assert_string_equal(health_instance_reason(instance), "TCP: Connection refused");
	assert_int_equal(info_of(instance, 1).state, HEALTH_LAME);
	server_stop(other);
}

/* A restart must not make one lost probe take an instance out. */
static void test_adopt_up(void **state)
{
	uint16_t port;
	int refused = server_refusing(4, &port);
	struct watch watch = { 0 };
	struct config_check check = fixture_check(CONFIG_CHECK_TCP, port);
	struct health_instance_spec spec = fixture_spec(&watch, &check, 1);
	struct health_instance *instance;

	(void)state;
	spec.initial = HEALTH_UP;
	instance = add(&spec);
	assert_int_equal(health_instance_state(instance), HEALTH_UP);
	assert_true(until_streak(instance, 0, HEALTH_DOWN, 1));
	assert_int_equal(health_instance_state(instance), HEALTH_UP);
	assert_int_equal(watch.changes, 0);
	assert_true(until_streak(instance, 0, HEALTH_DOWN, 2));
	assert_int_equal(health_instance_state(instance), HEALTH_DOWN);
	assert_int_equal(watch.old, HEALTH_UP);
	close(refused);
}

static void test_adopt_down(void **state)
{
	struct server *fast = server_start(&server_ok, 4);
	struct server *slow = server_start(&server_ok, 4);
	struct watch watch = { 0 };
	struct config_check checks[] = {
		fixture_check(CONFIG_CHECK_TCP, server_port(fast)),
		fixture_check(CONFIG_CHECK_TCP, server_port(slow)),
	};
	struct health_instance_spec spec = fixture_spec(&watch, checks, 2);
	struct health_instance *instance;

	(void)state;
	spec.initial = HEALTH_DOWN;
	instance = add(&spec);
	assert_int_equal(health_instance_state(instance), HEALTH_DOWN);
	assert_string_equal(health_instance_reason(instance), "not checked yet");
	assert_true(fixture_until_state(&fixture, instance, HEALTH_UP));
	assert_int_equal(watch.changes, 1);
	assert_int_equal(watch.old, HEALTH_DOWN);
	assert_int_not_equal(info_of(instance, 0).last, HEALTH_UNKNOWN);
	assert_int_not_equal(info_of(instance, 1).last, HEALTH_UNKNOWN);
	server_stop(fast);
	server_stop(slow);
}

static void test_update_keeps(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	struct watch watch = { 0 };
	struct watch other = { 0 };
	struct config_check checks[2] = { fixture_check(CONFIG_CHECK_HTTP, server_port(server)) };
	struct health_instance_spec spec = fixture_spec(&watch, checks, 1);
	struct health_instance *instance = add(&spec);
	struct health_stats before;
	struct health_stats after;

	(void)state;
	assert_true(until_streak(instance, 0, HEALTH_UP, 3));
	health_stats_get(fixture.health, &before);
	checks[1] = checks[0]; /* the old one moves to the second place */
	checks[0] = fixture_check(CONFIG_CHECK_TCP, server_port(server));
	checks[1].unhealthy = 9;
	checks[1].timeout_ms = PATIENCE_MS - 1;
	spec.check_count = 2;
	spec.owner = &other;
	spec.name = "web/renamed";
	for (int i = 0; i < 100; i++)
		assert_int_equal(health_instance_update(instance, &spec), 0);
	health_stats_get(fixture.health, &after);
	assert_int_equal(after.started, before.started);
	assert_int_equal(after.cancelled, 0);
	assert_int_equal(after.checks, 2);
	assert_int_equal(health_instance_state(instance), HEALTH_UP);
	assert_true(info_of(instance, 1).streak >= 3);
	assert_int_equal(info_of(instance, 0).state, HEALTH_UP);
	assert_int_equal(info_of(instance, 0).last, HEALTH_UNKNOWN);

	server_set(server, &server_not_found);
	assert_true(until_streak(instance, 1, HEALTH_LAME, 4));
	assert_int_equal(health_instance_state(instance), HEALTH_UP);
	assert_true(fixture_until_state(&fixture, instance, HEALTH_LAME));
	assert_int_equal(watch.changes, 1);
	assert_int_equal(other.changes, 1);
	assert_string_equal(fixture.log_last, "web/renamed: up -> lame, HTTP: status 404");
	server_stop(server);
}

static void test_update_interval(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	struct watch watch = { 0 };
	struct config_check check = fixture_check(CONFIG_CHECK_TCP, server_port(server));
	struct health_instance_spec spec = fixture_spec(&watch, &check, 1);
	struct health_instance *instance = add(&spec);

	(void)state;
	assert_true(until_streak(instance, 0, HEALTH_UP, 1));
	check.interval_ms = 3600000;
	assert_int_equal(health_instance_update(instance, &spec), 0);
	fixture_run_ms(&fixture, 300);
	assert_int_equal(info_of(instance, 0).streak, 1);
	check.interval_ms = 100;
	assert_int_equal(health_instance_update(instance, &spec), 0);
	assert_true(until_streak(instance, 0, HEALTH_UP, 3));
	server_stop(server);
}

static void test_update_drops_failing_check(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	uint16_t port;
	int refused = server_refusing(4, &port);
	struct watch watch = { 0 };
	struct config_check checks[] = {
		fixture_check(CONFIG_CHECK_TCP, server_port(server)),
		fixture_check(CONFIG_CHECK_TCP, port),
	};
	struct health_instance_spec spec = fixture_spec(&watch, checks, 2);
	struct health_instance *instance = add(&spec);

	(void)state;
	assert_true(until_streak(instance, 0, HEALTH_UP, 1));
	assert_true(fixture_until_state(&fixture, instance, HEALTH_DOWN));
	assert_int_equal(watch.changes, 1);
	spec.check_count = 1;
	assert_int_equal(health_instance_update(instance, &spec), 0);
	assert_int_equal(health_instance_state(instance), HEALTH_UP);
	assert_int_equal(watch.changes, 1); /* not from inside the call */
	fixture_run_ms(&fixture, 5);
	assert_int_equal(watch.changes, 2);
	assert_int_equal(watch.old, HEALTH_DOWN);
	assert_int_equal(watch.now, HEALTH_UP);
	server_stop(server);
	close(refused);
}

static void test_update_refused(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	struct watch watch = { 0 };
	struct config_check good = fixture_check(CONFIG_CHECK_TCP, server_port(server));
	struct config_check bad = { 0 };
	struct health_instance_spec spec = fixture_spec(&watch, &good, 1);
	struct health_instance *instance = add(&spec);
	struct health_instance_spec moved = spec;

	(void)state;
	moved.address.bytes[3] = 2;
	assert_int_equal(health_instance_update(instance, &moved), -EINVAL);
	spec.checks = &bad;
	assert_int_equal(health_instance_update(instance, &spec), -EINVAL);
	assert_true(until_streak(instance, 0, HEALTH_UP, 2));
	server_stop(server);
}

static void test_remove_in_flight(void **state)
{
	struct server *server = server_start(&server_hang, 4);
	struct watch watch = { 0 };
	struct config_check check = fixture_check(CONFIG_CHECK_HTTP, server_port(server));
	struct health_instance_spec spec = fixture_spec(&watch, &check, 1);
	struct health_instance *last;
	struct health_stats stats;

	(void)state;
	for (unsigned int i = 1; i <= 5; i++) {
		struct health_instance *instance = add(&spec);

		while (!info_of(instance, 0).in_flight)
			event_base_loop(fixture.base, EVLOOP_ONCE);
		fixture_run_ms(&fixture, i * 2);
		health_instance_remove(instance);
		health_stats_get(fixture.health, &stats);
		assert_int_equal(stats.in_flight, 0);
		assert_int_equal(stats.cancelled, i);
		assert_int_equal(stats.checks, 0);
	}
	fixture_run_ms(&fixture, 20);
	assert_int_equal(watch.changes, 0);
	health_instance_remove(NULL);
	/* and one that the destruction of the checker must end */
	last = add(&spec);
	while (!info_of(last, 0).in_flight)
		event_base_loop(fixture.base, EVLOOP_ONCE);
	health_stats_get(fixture.health, &stats);
	assert_int_equal(stats.in_flight, 1);
	server_stop(server);
}

static bool is_removed(void *arg)
{
	return *(struct health_instance **)arg == NULL;
}

static void test_remove_from_callback(void **state)
{
	struct server *server = server_start(&server_ok, 4);
	struct config_check checks[] = {
		fixture_check(CONFIG_CHECK_TCP, server_port(server)),
		fixture_check(CONFIG_CHECK_HTTP, server_port(server)),
	};
	struct health_instance *instances[3];
	struct watch watches[3] = { 0 };
	struct health_stats stats;

	(void)state;
	/* the first removes itself, the second the third, all with probes around */
	watches[0].remove = &instances[0];
	watches[1].remove = &instances[2];
	for (int i = 0; i < 3; i++) {
		struct health_instance_spec spec = fixture_spec(&watches[i], checks, 2);

		instances[i] = add(&spec);
	}
	assert_true(fixture_until_state(&fixture, instances[1], HEALTH_UP));
	assert_true(fixture_until(&fixture, is_removed, &instances[0]));
	fixture_run_ms(&fixture, 300);
	assert_null(instances[2]);
	assert_int_equal(watches[0].changes, 1);
	health_stats_get(fixture.health, &stats);
	assert_int_equal(stats.checks, 2);
	server_stop(server);
}

static void test_ipv6_and_tls(void **state)
{
	static const struct server_script tls = {
		.head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		.tls = SERVER_TLS,
	};
	struct server *server = server_start(&tls, 6);
	struct watch watch = { 0 };
	struct config_check check = fixture_check(CONFIG_CHECK_HTTPS, server_port(server));
	struct health_instance_spec spec = fixture_spec(&watch, &check, 1);

	(void)state;
	spec.address = server_address(6);
	assert_true(fixture_until_state(&fixture, add(&spec), HEALTH_UP));
	server_stop(server);
}

struct bad_case {
	const char *name;
	struct config_check check;
};

static void test_bad_specs(void **state)
{
	static char long_path[CONFIG_PATH_MAX + 3];
	struct config_check good = fixture_check(CONFIG_CHECK_HTTP, 80);
	struct bad_case rows[] = {
		{ "port", good },	{ "interval", good },	      { "timeout", good },
		{ "unhealthy", good },	{ "healthy", good },	      { "no target", good },
		{ "no path", good },	{ "relative path", good },    { "blank in path", good },
		{ "line break", good }, { "8 bit path", good },	      { "long path", good },
		{ "type", good },	{ "interval too big", good },
	};
	struct watch watch = { 0 };
	struct health_instance_spec spec = fixture_spec(&watch, NULL, 1);
	uint32_t i = 0;

	(void)state;
	memset(long_path, '/', sizeof(long_path) - 1);
	rows[i++].check.port = 0;
	rows[i++].check.interval_ms = 99;
	rows[i++].check.timeout_ms = 0;
	rows[i++].check.unhealthy = 0;
	rows[i++].check.healthy = 0;
	rows[i++].check.target = NULL;
	rows[i++].check.path = NULL;
	rows[i++].check.path = (char *)"up.html";
	rows[i++].check.path = (char *)"/up html";
	rows[i++].check.path = (char *)"/up\r\nHost: x";
	rows[i++].check.path = (char *)"/\xc3\xa9";
	rows[i++].check.path = long_path;
	rows[i++].check.type = (enum config_check_type)9;
	rows[i++].check.interval_ms = UINT32_MAX;
	assert_int_equal(i, sizeof(rows) / sizeof(rows[0]));

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		spec.checks = &rows[i].check;
		errno = 0;
		if (health_instance_add(fixture.health, &spec) || errno != EINVAL)
			fail_msg("%s: taken, errno %d", rows[i].name, errno);
	}
	spec.checks = &good;
	spec.address.family = 5;
	assert_null(health_instance_add(fixture.health, &spec));
	spec.address.family = 4;
	spec.check_count = CONFIG_CHECKS_MAX + 1;
	assert_null(health_instance_add(fixture.health, &spec));
	spec.check_count = 1;
	spec.initial = (enum health_state)4;
	assert_null(health_instance_add(fixture.health, &spec));
	assert_int_equal(errno, EINVAL);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(health_state_name(HEALTH_UNKNOWN), "unknown");
	assert_string_equal(health_state_name(HEALTH_UP), "up");
	assert_string_equal(health_state_name(HEALTH_LAME), "lame");
	assert_string_equal(health_state_name(HEALTH_DOWN), "down");
	assert_string_equal(health_state_name((enum health_state)4), "?");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_checks),
		TEST(test_first_result_decides),
		TEST(test_thresholds),
		TEST(test_lame_dies),
		TEST(test_all_checks_must_pass),
		TEST(test_adopt_up),
		TEST(test_adopt_down),
		TEST(test_update_keeps),
		TEST(test_update_interval),
		TEST(test_update_drops_failing_check),
		TEST(test_update_refused),
		TEST(test_remove_in_flight),
		TEST(test_remove_from_callback),
		TEST(test_ipv6_and_tls),
		TEST(test_bad_specs),
		TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
