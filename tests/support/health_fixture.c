/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/health_fixture.h"
#include "config/base/clock.h"
#include "tests/support/patience.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include <cmocka.h>

static void on_changed(void *arg, void *owner, enum health_state old, enum health_state now,
		       const char *reason)
{
	struct watch *watch = owner;

	(void)arg;
	assert_int_not_equal(old, now);
	if (watch->changes++)
		assert_int_equal(old, watch->now);
	watch->old = old;
	watch->now = now;
	snprintf(watch->reason, sizeof(watch->reason), "%s", reason);
	if (watch->remove) {
		health_instance_remove(*watch->remove);
		*watch->remove = NULL;
	}
}

static void on_log(void *arg, int priority, const char *line)
{
	struct fixture *fixture = arg;

	assert_in_range(priority, LOG_WARNING, LOG_DEBUG);
	fixture->log_lines++;
	if (priority <= LOG_INFO)
		snprintf(fixture->log_last, sizeof(fixture->log_last), "%s", line);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

void fixture_init(struct fixture *fixture, uint32_t max_in_flight)
{
	static const struct health_ops ops = { .changed = on_changed, .log = on_log };
	static const struct timeval tick = { .tv_usec = 2000 };
	struct health_options options = {
		.ops = &ops,
		.ops_arg = fixture,
		.limits = { .in_flight = max_in_flight, .sockets = max_in_flight },
		.version = "test",
	};

	signal(SIGPIPE, SIG_IGN);
	memset(fixture, 0, sizeof(*fixture));
	fixture->base = event_base_new();
	assert_non_null(fixture->base);
	fixture->tick = event_new(fixture->base, -1, EV_PERSIST, on_tick, NULL);
	event_add(fixture->tick, &tick);
	fixture->health = health_create(fixture->base, &options);
	assert_non_null(fixture->health);
}

void fixture_fini(struct fixture *fixture)
{
	health_destroy(fixture->health);
	event_free(fixture->tick);
	event_base_free(fixture->base);
}

bool fixture_until(struct fixture *fixture, bool (*condition)(void *arg), void *arg)
{
	uint64_t deadline_ms = clock_now_ms() + PATIENCE_MS;

	while (!condition(arg)) {
		if (clock_now_ms() > deadline_ms)
			return false;
		event_base_loop(fixture->base, EVLOOP_ONCE);
	}
	return true;
}

void fixture_run_ms(struct fixture *fixture, uint32_t duration_ms)
{
	uint64_t deadline_ms = clock_now_ms() + duration_ms;

	do {
		event_base_loop(fixture->base, EVLOOP_ONCE);
	} while (clock_now_ms() < deadline_ms);
}

struct state_wait {
	struct health_instance *instance;
	enum health_state state;
};

static bool has_state(void *arg)
{
	struct state_wait *wait = arg;

	return health_instance_state(wait->instance) == wait->state;
}

bool fixture_until_state(struct fixture *fixture, struct health_instance *instance,
			 enum health_state state)
{
	struct state_wait wait = { .instance = instance, .state = state };

	return fixture_until(fixture, has_state, &wait);
}

struct config_check fixture_check(enum config_check_type type, uint16_t port)
{
	static const char *const targets[] = { "TCP", "SSL", "HTTP", "HTTPS" };
	bool http = type == CONFIG_CHECK_HTTP || type == CONFIG_CHECK_HTTPS;

	return (struct config_check){
		.target = (char *)targets[type],
		.type = type,
		.port = port,
		.path = http ? (char *)"/up.html" : NULL,
		.interval_ms = 100,
		.timeout_ms = PATIENCE_MS,
		.unhealthy = 2,
		.healthy = 2,
	};
}

struct health_instance_spec fixture_spec(struct watch *watch, const struct config_check *checks,
					 uint32_t check_count)
{
	return (struct health_instance_spec){
		.name = "web/web-1",
		.owner = watch,
		.address = server_address(4),
		.checks = checks,
		.check_count = check_count,
		.initial = HEALTH_UNKNOWN,
	};
}
