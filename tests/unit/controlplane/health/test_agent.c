/* SPDX-License-Identifier: BSD-3-Clause */
/* Agents on real sockets: those that answer, and those that do anything else. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "config/base/clock.h"
#include "controlplane/health/agent.h"
#include "tests/support/health_server.h"
#include "tests/support/patience.h"

#define INTERVAL_MS 200

struct fixture {
	struct event_base *base;
	struct agents *agents;
};

/* What one agent has said. */
struct heard {
	uint32_t answers;
	uint32_t failures;
	struct agent_says says;
	char why[AGENT_WHY_MAX];
};

static void on_says(void *arg, void *owner, const struct agent_says *says)
{
	struct heard *heard = owner;

	(void)arg;
	heard->answers++;
	heard->says = *says;
}

static void on_fails(void *arg, void *owner, const char *why)
{
	struct heard *heard = owner;

	(void)arg;
	heard->failures++;
	strcpy(heard->why, why);
}

static const struct agents_ops ops = { .says = on_says, .fails = on_fails };

static int setup_with(void **state, uint32_t in_flight)
{
	struct fixture *f = calloc(1, sizeof(*f));

	signal(SIGPIPE, SIG_IGN);
	f->base = event_base_new();
	f->agents = agents_create(f->base, &ops, f, in_flight);
	*state = f;
	return f->agents ? 0 : -1;
}

static int setup(void **state)
{
	return setup_with(state, AGENTS_IN_FLIGHT);
}

static int setup_one_place(void **state)
{
	return setup_with(state, 1);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	agents_destroy(f->agents);
	event_base_free(f->base);
	free(f);
	return 0;
}

static struct agent *add(struct fixture *f, uint8_t family, uint16_t port, struct heard *heard)
{
	const struct agent_spec spec = { .address = server_address(family),
					 .port = port,
					 .interval_ms = INTERVAL_MS };
	struct agent *agent = agent_add(f->agents, &spec, heard);

	assert_non_null(agent);
	assert_true(agent_is(agent, &spec));
	return agent;
}

/* Run the loop until a counter has reached a number. */
static void until(struct fixture *f, const uint32_t *count, uint32_t number)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;
	const struct timeval turn = { .tv_usec = 5000 };

	while (*count < number) {
		if (clock_now_ms() > end)
			fail_msg("%u of %u", *count, number);
		event_base_loopexit(f->base, &turn);
		event_base_dispatch(f->base);
	}
}

static void test_answers(void **state)
{
	static const struct server_script says_half = { .head = "up 50%\r\nrest", .unread = true };
	static const struct server_script says_down = { .head = "down # disk full\n",
							.unread = true,
							.end = SERVER_HANG };
	static const struct server_script without_end = { .head = "maint", .unread = true };
	struct fixture *f = *state;
	struct server *server = server_start(&says_half, 4);
	struct heard heard = { 0 };
	struct agent *agent = add(f, 4, server_port(server), &heard);

	assert_int_equal(agent_last_ms(agent), -1);
	until(f, &heard.answers, 2);
	assert_true(heard.says.has_percent && heard.says.has_state && !heard.says.has_admin);
	assert_int_equal(heard.says.percent, 50);
	assert_string_equal(heard.says.text, "up 50%");
	assert_true(agent_last_ms(agent) >= 0);
	server_set(server, &says_down);
	while (!heard.says.down)
		until(f, &heard.answers, heard.answers + 1);
	assert_string_equal(heard.says.text, "down # disk full");
	server_set(server, &without_end);
	while (!heard.says.has_admin)
		until(f, &heard.answers, heard.answers + 1);
	assert_int_equal(heard.says.admin, MODEL_MAINT);
	agent_remove(agent);
	server_stop(server);
}

static void test_ipv6(void **state)
{
	static const struct server_script script = { .head = "drain\n", .unread = true };
	struct fixture *f = *state;
	struct server *server = server_start(&script, 6);
	struct heard heard = { 0 };
	struct agent *agent = add(f, 6, server_port(server), &heard);

	until(f, &heard.answers, 1);
	assert_int_equal(heard.says.admin, MODEL_DRAIN);
	agent_remove(agent);
	server_stop(server);
}

struct bad_row {
	struct server_script script;
	const char *why;
};

/* Each is told once, with its reason, and bounded in time and bytes. */
static void test_bad_agents(void **state)
{
	static const struct bad_row rows[] = {
		{ { .head = "", .unread = true }, "closed the connection without an answer" },
		{ { .head = "", .unread = true, .end = SERVER_HANG }, "no line within 200 ms" },
		{ { .head = "u", .repeat = "p", .repeat_ms = 50, .unread = true },
		  "no line within 200 ms" },
		{ { .head = "", .repeat = "up up up up up up up up ", .unread = true },
		  "no end of line in 1024 bytes" },
		{ { .head = "\x16\x03\x01\x02\n", .unread = true },
		  "byte 0x16, which is not text" },
		{ { .head = "fine\n", .unread = true }, "unknown word \"fine\"" },
		{ { .head = "\n", .unread = true }, "an empty line" },
		{ { .head = "", .unread = true, .end = SERVER_RESET }, "Connection reset by peer" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server *server = server_start(&rows[i].script, 4);
		struct heard heard = { 0 };
		struct agent *agent = add(f, 4, server_port(server), &heard);
		uint64_t end = clock_now_ms() + PATIENCE_MS;

		/* on a busy machine it may also be that there was no time */
		while ((strcmp(agent_problem(agent), rows[i].why) != 0 ||
			server_accepted(server) < 3) &&
		       clock_now_ms() < end)
			event_base_loop(f->base, EVLOOP_ONCE);
		assert_string_equal(agent_problem(agent), rows[i].why);
		assert_int_equal(heard.failures, 1);
		assert_int_equal(heard.answers, 0);
		agent_remove(agent);
		server_stop(server);
	}
}

static void test_refused(void **state)
{
	static const struct server_script script = { .head = "up\n", .unread = true };
	struct fixture *f = *state;
	struct heard heard = { 0 };
	struct server *server;
	struct agent *agent;
	uint16_t port;
	int fd = server_refusing(4, &port);

	agent = add(f, 4, port, &heard);
	until(f, &heard.failures, 1);
	assert_string_equal(heard.why, "Connection refused");
	agent_remove(agent);
	close(fd);
	server = server_start(&script, 4);
	agent = add(f, 4, server_port(server), &heard);
	until(f, &heard.answers, 1);
	agent_remove(agent);
	server_stop(server);
}

/* Those that send nothing hold up others only for as long as they are given. */
static void test_one_place(void **state)
{
	static const struct server_script silent = { .head = "",
						     .unread = true,
						     .end = SERVER_HANG };
	static const struct server_script good = { .head = "ready\n", .unread = true };
	struct fixture *f = *state;
	struct server *bad = server_start(&silent, 4), *server = server_start(&good, 4);
	struct heard heard = { 0 }, unheard[3] = { 0 };
	struct agent *agents[4];

	for (uint32_t i = 0; i < 3; i++)
		agents[i] = add(f, 4, server_port(bad), &unheard[i]);
	agents[3] = add(f, 4, server_port(server), &heard);
	until(f, &heard.answers, 3);
	for (uint32_t i = 0; i < 3; i++)
		until(f, &unheard[i].failures, 1);
	/* while it waits or is asked */
	for (uint32_t i = 0; i < 4; i++)
		agent_remove(agents[i]);
	server_stop(bad);
	server_stop(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_ipv6),
		TEST(test_bad_agents),
		TEST(test_refused),
		cmocka_unit_test_setup_teardown(test_one_place, setup_one_place, teardown),
	};

	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
