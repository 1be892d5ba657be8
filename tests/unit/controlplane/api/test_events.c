/* SPDX-License-Identifier: BSD-3-Clause */
/* The verb events over real sockets: who follows slowly neither holds up others nor costs memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/server.h"
#include "controlplane/api/session.h"
#include "controlplane/api/verb.h"
#include "controlplane/api/verbs.h"
#include "controlplane/events/events.h"
#include "tests/support/control_fake.h"

#define PATIENCE_MS 20000
#define EVENTS "{\"verb\":\"events\"}\n"
#define FOLLOW "{\"verb\":\"events\",\"follow\":true}\n"
#define PING "{\"verb\":\"ping\"}\n"

struct fixture {
	char dir[64];
	struct event_base *base;
	struct control_daemon daemon;
	struct control *control;
};

struct client {
	int fd;
	char buffer[1 << 16];
	size_t used;
};

static int setup(void **state)
{
	static struct fixture f;
	const struct events_options events = { .dir = f.dir };
	const struct control_options options = {
		.dir = f.dir, .verbs = control_verbs, .ops = &fake_ops, .ops_arg = &f.daemon
	};
	struct control_options with_base = options;

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_EMERG);
	f = (struct fixture){ .dir = "/tmp/test_api_events.XXXXXX" };
	if (mkdtemp(f.dir) == NULL)
		return -1;
	f.base = event_base_new();
	f.daemon.events = events_open(&events);
	with_base.base = f.base;
	f.control = control_create(&with_base);
	*state = &f;
	return f.daemon.events != NULL && f.control != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[96];

	control_destroy(f->control);
	events_close(f->daemon.events);
	event_base_free(f->base);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	return system(command);
}

static void add(struct fixture *f, const char *object, uint32_t number)
{
	char cause[32];
	const struct events_change change = {
		.object = object, .what = "health", .cause = cause, .flows = EVENTS_FLOWS_UNKNOWN
	};

	snprintf(cause, sizeof(cause), "number %u", number);
	events_add(f->daemon.events, &change);
}

static void turn(struct fixture *f)
{
	event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static void dial(struct fixture *f, struct client *client, const char *request)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	client->used = 0;
	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%s", f->dir,
		 CONTROL_SOCKET_NAME);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(client->fd, request, strlen(request), MSG_NOSIGNAL),
			 (ssize_t)strlen(request));
}

/* Return: the next line, to be freed with json_decref(); NULL: none yet. */
static json_t *take(struct client *client)
{
	char *end;
	json_t *line;
	ssize_t got;

	end = memchr(client->buffer, '\n', client->used);
	if (end == NULL) {
		got = recv(client->fd, client->buffer + client->used,
			   sizeof(client->buffer) - client->used, 0);
		client->used += got > 0 ? (size_t)got : 0;
		end = memchr(client->buffer, '\n', client->used);
	}
	if (end == NULL)
		return NULL;
	line = json_loadb(client->buffer, (size_t)(end - client->buffer), 0, NULL);
	assert_non_null(line);
	client->used -= (size_t)(end + 1 - client->buffer);
	memmove(client->buffer, end + 1, client->used);
	return line;
}

static json_t *expect(struct fixture *f, struct client *client)
{
	uint64_t until = clock_now_ms() + PATIENCE_MS;
	json_t *line;

	while ((line = take(client)) == NULL) {
		assert_true(clock_now_ms() < until);
		turn(f);
	}
	return line;
}

static json_int_t seq_of(json_t *line)
{
	json_int_t seq = json_integer_value(json_object_get(line, "seq"));

	json_decref(line);
	return seq;
}

static void expect_end(struct fixture *f, struct client *client, json_int_t count)
{
	json_t *line = expect(f, client), *result = json_object_get(line, "result");

	assert_true(json_is_true(json_object_get(line, "ok")));
	assert_int_equal(json_integer_value(json_object_get(result, "count")), count);
	assert_int_equal(json_integer_value(json_object_get(result, "lost")), 0);
	json_decref(line);
	close(client->fd);
}

static void all_are_listed(void **state)
{
	struct fixture *f = *state;
	static struct client client;

	for (uint32_t i = 0; i < EVENTS_MAX; i++)
		add(f, "web/web-1", i);
	dial(f, &client, EVENTS);
	for (uint32_t i = 1; i <= EVENTS_MAX; i++)
		assert_int_equal(seq_of(expect(f, &client)), i);
	expect_end(f, &client, EVENTS_MAX);
}

static void some_are_listed(void **state)
{
	struct fixture *f = *state;
	static struct client client;

	for (uint32_t i = 1; i <= 30; i++)
		add(f, i % 3 ? "web/web-1" : "api/a", i);
	dial(f, &client, "{\"verb\":\"events\",\"object\":\"api\",\"last\":2}\n");
	assert_int_equal(seq_of(expect(f, &client)), 27);
	assert_int_equal(seq_of(expect(f, &client)), 30);
	expect_end(f, &client, 2);
	dial(f, &client, "{\"verb\":\"events\",\"object\":\"api/b\"}\n");
	expect_end(f, &client, 0);
	dial(f, &client, "{\"verb\":\"events\",\"since_ms\":600000,\"last\":1}\n");
	assert_int_equal(seq_of(expect(f, &client)), 30);
	expect_end(f, &client, 1);
}

static void new_ones_follow(void **state)
{
	struct fixture *f = *state;
	static struct client client;

	add(f, "web/web-1", 1);
	dial(f, &client, FOLLOW);
	assert_int_equal(seq_of(expect(f, &client)), 1);
	for (uint32_t i = 2; i < 6; i++) {
		add(f, "web/web-1", i);
		assert_int_equal(seq_of(expect(f, &client)), i);
	}
	close(client.fd);
}

/*
 * It asks, and reads nothing. Others are served meanwhile, what waits for it is bounded, and it
 * learns how many it has missed.
 */
static void slow_follower(void **state)
{
	struct fixture *f = *state;
	static struct client slow, other;
	json_int_t seq = 1, lost = 0, before = 1;
	json_t *line;

	add(f, "web/web-1", 1);
	dial(f, &slow, FOLLOW);
	assert_int_equal(seq_of(expect(f, &slow)), 1);
	for (uint32_t i = 2; i <= 4 * EVENTS_MAX; i++) {
		add(f, "web/web-1", i);
		if (i % 1024 != 0)
			continue;
		dial(f, &other, PING);
		line = expect(f, &other);
		assert_true(json_is_true(json_object_get(line, "ok")));
		json_decref(line);
		close(other.fd);
	}
	while (seq < 4 * EVENTS_MAX) {
		line = expect(f, &slow);
		lost += json_integer_value(json_object_get(line, "lost"));
		if (json_object_get(line, "seq") == NULL) {
			json_decref(line);
			continue;
		}
		seq = seq_of(line);
		assert_int_equal(seq, before + lost + 1);
		before = seq - lost;
	}
	assert_true(lost > 2 * EVENTS_MAX && lost < 3 * EVENTS_MAX + 1);
	close(slow.fd);
}

static void followers_are_limited(void **state)
{
	struct fixture *f = *state;
	static struct client clients[CONTROL_FOLLOWS_MAX], one;
	json_t *line;

	add(f, "web/web-1", 1);
	for (uint32_t i = 0; i < CONTROL_FOLLOWS_MAX; i++) {
		dial(f, &clients[i], FOLLOW);
		assert_int_equal(seq_of(expect(f, &clients[i])), 1);
	}
	dial(f, &one, FOLLOW);
	line = expect(f, &one);
	assert_string_equal(json_string_value(json_object_get(line, "code")), "busy");
	assert_string_equal(json_string_value(json_object_get(line, "error")),
			    "too many clients follow the events: try again, or without -f");
	json_decref(line);
	close(one.fd);
	/* Who lists them is not refused. */
	dial(f, &one, EVENTS);
	assert_int_equal(seq_of(expect(f, &one)), 1);
	expect_end(f, &one, 1);
	/* Places are given back, at the latest when the next line can't be sent. */
	for (uint32_t i = 0; i < CONTROL_FOLLOWS_MAX; i++)
		close(clients[i].fd);
	for (uint32_t i = 2;; i++) {
		add(f, "web/web-1", i);
		dial(f, &one, FOLLOW);
		line = expect(f, &one);
		close(one.fd);
		if (json_object_get(line, "seq") != NULL)
			break;
		json_decref(line);
		assert_true(i < 1000);
	}
	json_decref(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_are_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(some_are_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(new_ones_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_follower, setup, teardown),
		cmocka_unit_test_setup_teardown(followers_are_limited, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
