/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP server: what it answers, what it refuses, and who may stay. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "controlplane/metrics/scrape.h"
#include "controlplane/publish/publish.h"
#include "controlplane/web/internal.h"
#include "controlplane/web/sources.h"
#include "controlplane/web/web.h"

#define INSTANCES 10000u
#define ROWS 8u
#define ANSWER_MAX (16u << 20)

/* ---- What is served ---- */

static bool next(const void *source, struct metric_cursor *cursor, struct metric_entity *entity)
{
	(void)source;
	snprintf(entity->scratch, 16, "web-%u", cursor->outer);
	entity->labels[0] = (struct metric_label){ "instance", entity->scratch };
	return cursor->outer++ < INSTANCES;
}

static double one(const struct metric_entity *entity)
{
	(void)entity;
	return 1;
}

static struct metric rows[ROWS];
static const struct metric_table instances = {
	.scope = "instance", .rows = rows, .count = ROWS, .next = next
};
static const struct metric node_row = { .name = "up", .help = "Up.", .value = one };
static const struct metric_table node = {
	.scope = "node", .rows = &node_row, .count = 1, .next = metric_single_next
};

/* In place of the daemon's. */
uint32_t web_sources(const struct control_daemon *daemon, const struct web_stats *stats,
		     struct metric_source *sources)
{
	(void)stats;
	sources[0] = (struct metric_source){ &node, daemon };
	sources[1] = (struct metric_source){ &instances, daemon };
	return 2;
}

void publish_refresh(struct publish *publish)
{
	(void)publish;
}

/* The page's stream needs a whole daemon: e2e/page. */
struct live {
	bool unused;
};

struct live *web_live_create(struct web *web)
{
	static struct live live;

	(void)web;
	return &live;
}

void web_live_destroy(struct live *live)
{
	(void)live;
}

void web_live(struct web *web, struct evhttp_request *request)
{
	web_refuse(web, request, HTTP_NOTFOUND, "not here");
}

/* ---- A server and its clients, in one loop ---- */

struct fixture {
	struct event_base *base;
	struct web *web;
	struct control_daemon daemon;
	uint64_t applied;
	char path[64];
	struct config_node node;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	signal(SIGPIPE, SIG_IGN);
	for (uint32_t i = 0; i < ROWS; i++)
		rows[i] = (struct metric){ .name = "instance_flows", .help = "F.", .value = one };
	f->base = event_base_new();
	f->daemon.applied = &f->applied;
	f->web = web_create(f->base, &f->daemon);
	assert_non_null(f->web);
	snprintf(f->path, sizeof(f->path), "/tmp/test_web.%d.sock", getpid());
	f->node.metrics = f->path;
	web_configure(f->web, &f->node);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	web_destroy(f->web);
	event_base_free(f->base);
	assert_int_equal(access(f->path, F_OK), -1);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	usleep(200);
}

static int client(struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)f;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void request(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Everything until the server closes, or until @until was received. */
static char *answer(struct fixture *f, int fd, const char *until)
{
	static char text[ANSWER_MAX];
	size_t size = 0;
	ssize_t got;

	for (;;) {
		got = recv(fd, text + size, sizeof(text) - 1 - size, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		size += got > 0 ? (size_t)got : 0;
		text[size] = '\0';
		if (until && size >= strlen(until) &&
		    strcmp(text + size - strlen(until), until) == 0)
			break;
		if (got < 0)
			turn(f);
	}
	text[size] = '\0';
	return text;
}

static char *ask(struct fixture *f, const char *text)
{
	int fd = client(f);
	char *got;

	request(fd, text);
	got = answer(f, fd, NULL);
	close(fd);
	return got;
}

static bool is_closed(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return got == 0 || (got < 0 && errno != EAGAIN);
}

/* ---- Answers ---- */

#define CLOSE "Connection: close\r\n\r\n"

static void each_request_has_its_answer(void **state)
{
	static const struct {
		const char *request;
		const char *status;
		const char *has; /* NULL: nothing */
	} cases[] = {
		{ "GET /metrics?scope=node HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ", "sluice_up 1\n" },
		{ "GET /metrics?scope=node HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ", "sluice_up 1\n" },
		{ "GET /metrics?scope=node HTTP/1.1\r\nAccept: application/openmetrics-text\r\n" CLOSE,
		  "HTTP/1.1 200 ", "# EOF\n" },
		{ "GET /metrics?scope=node HTTP/1.1\r\nAccept: application/openmetrics-text\r\n" CLOSE,
		  "HTTP/1.1 200 ",
		  "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n" },
		{ "GET /metrics?scope=node HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ",
		  "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n" },
		{ "GET /metrics?scope=node HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ",
		  "X-Content-Type-Options: nosniff\r\n" },
		{ "GET /metrics?scope=nod HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400 ",
		  "expected ?scope=" },
		{ "GET /metrics/ HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 ", "there is no such page\n" },
		{ "GET /../etc/passwd HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 ",
		  "there is no such page\n" },
		{ "GET /%6detrics HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 ", "there is no such page\n" },
		{ "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE, "HTTP/1.1 501 ", NULL },
		{ "DELETE /metrics HTTP/1.1\r\n" CLOSE, "HTTP/1.1 501 ", NULL },
		{ "POST /metrics HTTP/1.1\r\nContent-Length: 100000\r\n" CLOSE, "HTTP/1.1 4",
		  NULL },
		{ "\r\n\r\n\r\n", "HTTP/1.1 400 ", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = ask(*state, cases[i].request);

		if (strncmp(got, cases[i].status, strlen(cases[i].status)) != 0 ||
		    (cases[i].has && !strstr(got, cases[i].has)))
			fail_msg("%s\n%s", cases[i].request, got);
	}
}

static void head_has_no_body(void **state)
{
	const char *got = ask(*state, "HEAD /metrics HTTP/1.1\r\n" CLOSE);

	assert_memory_equal(got, "HTTP/1.1 200 ", 13);
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");
}

/* Line by line: sanitizers read the rest of a text each time that strstr() is called. */
static uint32_t samples_of(const char *text, const char *name)
{
	const char *end = text + strlen(text);
	uint32_t samples = 0;

	for (const char *at = text; at; at = memchr(at, '\n', (size_t)(end - at))) {
		at += *at == '\n';
		samples += strncmp(at, name, strlen(name)) == 0;
	}
	return samples;
}

/* Also over a connection that stays open. */
static void all_of_ten_thousand_instances(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);

	for (uint32_t round = 0; round < 2; round++) {
		const char *got;

		request(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
		got = answer(f, fd, "0\r\n\r\n");
		assert_int_equal(samples_of(got, "sluice_instance_flows{"), ROWS * INSTANCES);
	}
	close(fd);
}

/* ---- Others are not delayed ---- */

struct other {
	struct event *timer;
	uint32_t turns;
};

/* Due at once, in each turn of the loop. */
static void on_other(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now;
	struct other *other = arg;

	(void)fd;
	(void)what;
	other->turns++;
	evtimer_add(other->timer, &now);
}

/* Between two parts of any answers each timer of the loop has its turn. */
static void checks_run_between_parts(void **state)
{
	struct fixture *f = *state;
	int fds[4];
	struct other other = { .turns = 0 };

	other.timer = evtimer_new(f->base, on_other, &other);
	on_other(-1, 0, &other);
	for (size_t i = 0; i < 4; i++) {
		fds[i] = client(f);
		request(fds[i], "GET /metrics HTTP/1.1\r\n" CLOSE);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_non_null(strstr(answer(f, fds[i], NULL), "instance_flows{"));
		close(fds[i]);
	}
	event_free(other.timer);
	assert_true(other.turns >= 4 * ROWS * INSTANCES / METRIC_PART_OBJECTS);
}

/* Who does not read holds one part in memory, and does not hold up others. */
static void slow_readers_wait_alone(void **state)
{
	struct fixture *f = *state;
	int slow = client(f), small = 4096;

	setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	request(slow, "GET /metrics HTTP/1.1\r\n" CLOSE);
	for (uint32_t i = 0; i < 100; i++)
		turn(f);
	assert_non_null(strstr(ask(f, "GET /metrics HTTP/1.1\r\n" CLOSE), "web-9999\"} 1\n"));
	close(slow);
	assert_non_null(strstr(ask(f, "GET /metrics?scope=node HTTP/1.1\r\n" CLOSE), "sluice_up"));
}

static void clients_may_leave_in_the_middle(void **state)
{
	struct fixture *f = *state;

	for (uint32_t turns = 0; turns < 12; turns++) {
		int fd = client(f);

		request(fd, "GET /metrics HTTP/1.1\r\n" CLOSE);
		for (uint32_t i = 0; i < turns; i++)
			turn(f);
		close(fd);
	}
	assert_non_null(strstr(ask(f, "GET /metrics HTTP/1.1\r\n" CLOSE), "web-9999\"} 1\n"));
}

/* ---- Limits ---- */

static void headers_are_bounded(void **state)
{
	static char text[32768];
	int length = sprintf(text, "GET /metrics HTTP/1.1\r\nX: ");
	struct fixture *f = *state;
	int fd = client(f);

	memset(text + length, 'x', sizeof(text) - (size_t)length - 1);
	(void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
	assert_null(strstr(answer(f, fd, NULL), " 200 "));
	close(fd);
}

/* More clients than places: the idle ones go, those with a request stay, the newest is served. */
static void places_are_bounded(void **state)
{
	struct fixture *f = *state;
	int idle[2 * WEB_CLIENTS_MAX], slow, small = 4096;
	uint32_t closed = 0;

	slow = client(f);
	setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	request(slow, "GET /metrics HTTP/1.1\r\n" CLOSE);
	for (uint32_t i = 0; i < 2 * WEB_CLIENTS_MAX; i++) {
		idle[i] = client(f);
		request(idle[i], "GET /metr");
		for (uint32_t j = 0; j < 3; j++)
			turn(f);
		assert_true(f->web->stats.clients <= WEB_CLIENTS_MAX);
	}
	assert_non_null(strstr(ask(f, "GET /metrics?scope=node HTTP/1.1\r\n" CLOSE), "sluice_up"));
	for (uint32_t i = 0; i < 2 * WEB_CLIENTS_MAX; i++) {
		closed += is_closed(idle[i]);
		close(idle[i]);
	}
	assert_true(closed >= WEB_CLIENTS_MAX);
	assert_true(f->web->stats.closed >= WEB_CLIENTS_MAX);
	assert_non_null(strstr(answer(f, slow, NULL), "web-9999\"} 1\n"));
	close(slow);
}

/* ---- Places ---- */

static void place_can_change(void **state)
{
	struct fixture *f = *state;
	struct config_node none = { .metrics = NULL },
			   tcp = { .metrics = (char[]){ "127.0.0.1:1" } };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	/* A port that is free once the socket is closed, and taken before. */
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	tcp.metrics_address = (struct config_address){ .family = 4, .bytes = { 127, 0, 0, 1 } };
	tcp.metrics_port = ntohs(address.sin_port);
	assert_int_equal(listen(fd, 1), 0);
	web_configure(f->web, &tcp);
	assert_int_equal(access(f->path, F_OK), -1);
	close(fd);
	/* Tried again each second. */
	for (;;) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&address, length) == 0)
			break;
		close(fd);
		turn(f);
	}
	request(fd, "GET /metrics?scope=node HTTP/1.1\r\n" CLOSE);
	assert_non_null(strstr(answer(f, fd, NULL), "sluice_up"));
	close(fd);
	web_configure(f->web, &none);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), -1);
	close(fd);
	web_configure(f->web, &f->node);
	assert_non_null(strstr(ask(f, "GET /metrics?scope=node HTTP/1.1\r\n" CLOSE), "sluice_up"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_request_has_its_answer),
		TEST(head_has_no_body),
		TEST(all_of_ten_thousand_instances),
		TEST(checks_run_between_parts),
		TEST(slow_readers_wait_alone),
		TEST(clients_may_leave_in_the_middle),
		TEST(headers_are_bounded),
		TEST(places_are_bounded),
		TEST(place_can_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
