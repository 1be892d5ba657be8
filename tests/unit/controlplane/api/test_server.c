/* SPDX-License-Identifier: BSD-3-Clause */
/* The server over real sockets, in one thread: the client's side turns the server's loop. */
#define _GNU_SOURCE
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
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
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/load/load.h"
#include "controlplane/api/peer.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/server.h"
#include "controlplane/api/session.h"
#include "tests/support/control_fake.h"

#define PATIENCE_MS 8000
_Static_assert(PATIENCE_MS < CONTROL_LINE_MAX, "test_idle_client_is_closed sends a byte a ms");
#define IDLE_MS 300
#define WATCH_MS 20
#define LOOP_CLOCK_MS 20 /* libevent's clock is coarse */
#define DRAIN "{\"verb\":\"drain\",\"instance\":\"web/web-1\"}\n"
#define DRAIN_WAIT "{\"verb\":\"drain\",\"instance\":\"web/web-1\",\"wait_ms\":0}\n"
#define PING "{\"verb\":\"ping\"}\n"

struct fixture {
	char dir[64];
	struct event_base *base;
	struct fake fake;
	struct control *control;
};

static void turn(struct fixture *f)
{
	event_base_loop(f->base, EVLOOP_NONBLOCK);
}

/* Turns enough for all that the server can do without waiting, however fast or slow the machine is. */
static void turn_until_quiet(struct fixture *f)
{
	for (int i = 0; i < 100; i++)
		turn(f);
}

static void start(struct fixture *f, uint32_t idle_ms, uint32_t stall_ms)
{
	const struct control_options options = {
		.base = f->base,
		.dir = f->dir,
		.verbs = fake_verbs(),
		.ops = &fake_ops,
		.ops_arg = &f->fake,
		.idle_ms = idle_ms,
		.stall_ms = stall_ms,
		.watch_ms = WATCH_MS,
	};

	control_destroy(f->control);
	f->control = control_create(&options);
	assert_non_null(f->control);
}

static int setup(void **test_state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_EMERG);
	strcpy(f->dir, "/tmp/test_control.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	f->base = event_base_new();
	fake_init(&f->fake);
	start(f, 0, 0);
	*test_state = f;
	return 0;
}

static int teardown(void **test_state)
{
	struct fixture *f = *test_state;
	int left;

	control_destroy(f->control);
	event_base_free(f->base);
	left = rmdir(f->dir); /* fails if the server left anything */
	free(f);
	return left;
}

static struct sockaddr_un address_of(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%s", f->dir,
		 CONTROL_SOCKET_NAME);
	return address;
}

static int dial(struct fixture *f)
{
	struct sockaddr_un address = address_of(f);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turn(f);
	return fd;
}

/* Return: false if the server closed. */
static bool say_bytes(struct fixture *f, int fd, const char *text, size_t size)
{
	uint64_t until = clock_now_ms() + PATIENCE_MS;

	while (size > 0 && clock_now_ms() < until) {
		ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0) {
			text += sent;
			size -= (size_t)sent;
		}
		turn(f);
	}
	assert_int_equal(size, 0);
	return true;
}

static void say(struct fixture *f, int fd, const char *text)
{
	assert_true(say_bytes(f, fd, text, strlen(text)));
}

/* The next line; "" at the end of the stream. Valid until the next call. */
static const char *hear(struct fixture *f, int fd)
{
	static char line[4 << 20];
	uint64_t until = clock_now_ms() + PATIENCE_MS;
	size_t used = 0;

	do {
		/* Look first, and take no more than the line. */
		ssize_t got = recv(fd, line + used, sizeof(line) - used, MSG_PEEK);
		char *end = got > 0 ? memchr(line + used, '\n', (size_t)got) : NULL;

		if (got == 0 || (got < 0 && errno != EAGAIN))
			return "";
		if (got < 0) {
			turn(f);
			continue;
		}
		if (end)
			got = end + 1 - (line + used);
		assert_int_equal(recv(fd, line + used, (size_t)got, 0), got);
		used += (size_t)got;
		if (end) {
			*end = '\0';
			return line;
		}
	} while (clock_now_ms() < until);
	fail_msg("no line within %d ms", PATIENCE_MS);
	return NULL;
}

static void expect(struct fixture *f, int fd, const char *part)
{
	const char *line = hear(f, fd);

	if (strstr(line, part) == NULL)
		fail_msg("\"%.500s\" has no %s", line, part);
}

static void expect_end(struct fixture *f, int fd)
{
	assert_string_equal(hear(f, fd), "");
	close(fd);
	turn(f);
}

static uint32_t clients(const struct fixture *f)
{
	struct control_stats stats;

	control_stats_get(f->control, &stats);
	return stats.clients;
}

static const struct {
	const char *request;
	const char *answer; /* a part of it */
} verbs[] = {
	{ PING, "{\"ok\":true,\"result\":{\"version\":\"0\",\"pid\":1}}" },
	{ "{\"verb\":\"status\"}\n", "{\"ok\":true,\"result\":{\"node\":{" },
	{ "{\"verb\":\"drops\"}\n", "\"received\":0" },
	{ DRAIN, "{\"ok\":true,\"result\":{\"instance\":\"web/web-1\",\"admin\":\"drain\","
		 "\"before\":\"ready\",\"dataplane\":true,\"took_us\":84.0,\"workers\":4,"
		 "\"generation\":17,\"flows\":132}}" },
	{ "{\"verb\":\"maint\",\"instance\":\"web/web-1\"}\n", "\"admin\":\"maint\"" },
	{ "{\"verb\":\"resume\",\"instance\":\"api/a\"}\n",
	  "\"admin\":\"ready\",\"before\":\"maint\",\"dataplane\":true" },
	{ "{\"verb\":\"resume\",\"instance\":\"api/a\"}\n", "\"flows\":null" },
	{ "{\"verb\":\"weight\",\"instance\":\"web/web-2\"}\n",
	  "{\"ok\":true,\"result\":{\"instance\":\"web/web-2\",\"weight\":50,\"config_weight\":100,"
	  "\"by_operator\":true,\"before\":50}}" },
	{ "{\"verb\":\"weight\",\"instance\":\"web/web-2\",\"weight\":7}\n",
	  "\"weight\":7,\"config_weight\":100,\"by_operator\":true,\"before\":50,\"dataplane\"" },
	{ "{\"verb\":\"weight\",\"instance\":\"web/web-2\",\"weight\":\"default\"}\n",
	  "\"weight\":100,\"config_weight\":100,\"by_operator\":false,\"before\":50,\"dataplane\"" },
	{ "{\"verb\":\"config-diff\"}\n",
	  "{\"ok\":true,\"result\":{\"file\":\"own\",\"changes\":[]}}" },
	{ "{\"verb\":\"config-apply\",\"name\":\"f\",\"text\":\"x\"}\n", "\"workers\":4" },
	{ "{\"verb\":\"config-show\"}\n", "\"ok\":true" },
	{ "{\"verb\":\"elb-create-lb\",\"listeners\":\"80\"}\n",
	  "elb-create-lb: \\\"name\\\" is missing" },
	{ "{\"verb\":\"elb-delete-lb\",\"name\":\"-x\"}\n",
	  "\\\"name\\\": \\\"-x\\\": expected a name of 1 to 63 letters" },
	{ "{\"verb\":\"elb-delete-lb\",\"name\":\"x\"}\n", "\"ok\":true" },
	{ "{\"verb\":\"elb-describe-lbs\",\"names\":7}\n",
	  "\\\"names\\\": expected a string of at most 32768 bytes" },
	{ "{\"verb\":\"elb-configure-healthcheck\",\"name\":\"x\",\"healthy\":-1}\n",
	  "\\\"healthy\\\": expected a number from 0 to 65535" },
	{ "{\"verb\":\"elb-register-instances-with-lb\",\"name\":7}\n",
	  "\\\"name\\\": \\\"\\\": expected a string" },
	{ "{\"verb\":\"elb-deregister-instances-from-lb\",\"name\":\"x\",\"lb\":\"y\"}\n",
	  "elb-deregister-instances-from-lb has no argument \\\"lb\\\"" },
	{ "{\"verb\":\"elb-describe-instance-health\",\"name\":\"x\"}\n", "\"ok\":true" },

	{ "{\"verb\":\"drain\",\"instance\":\"wbe/web-1\"}\n",
	  "{\"ok\":false,\"code\":\"unknown\",\"error\":\"there is no pool \\\"wbe\\\"; did you mean "
	  "\\\"web\\\"?\"}" },
	{ "{\"verb\":\"drain\",\"instance\":\"zzzzzz/web-1\"}\n",
	  "there is no pool \\\"zzzzzz\\\"\"}" },
	{ "{\"verb\":\"maint\",\"instance\":\"web/web-9\"}\n",
	  "the pool \\\"web\\\" has no instance \\\"web-9\\\"; did you mean \\\"web-1\\\"?" },
	{ "{\"verb\":\"weight\",\"instance\":\"api/qqqqqq\"}\n",
	  "the pool \\\"api\\\" has no instance \\\"qqqqqq\\\"\"}" },
	{ "nonsense\n", "\"ok\":false,\"code\":\"request\"" },
	{ "{\"verb\":\"explode\"}\n", "there is no verb" },
	{ "{\"verb\":\"p\xc3\"}\n", "\"ok\":false" },
	{ "\n \r\n\t\n" PING, "\"ok\":true" },
};

static void test_verbs(void **test_state)
{
	struct fixture *f = *test_state;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		int fd;

		fake_init(&f->fake);
		fd = dial(f);
		say(f, fd, verbs[i].request);
		expect(f, fd, verbs[i].answer);
		/* Whatever came before, the connection is still of use. */
		say(f, fd, PING);
		expect(f, fd, "\"ok\":true");
		close(fd);
		turn(f);
	}
	assert_int_equal(clients(f), 0);
}

static void test_every_verb_is_asked(void **test_state)
{
	char request[64];

	(void)test_state;
	for (const struct control_verb *verb = fake_verbs(); verb->name != NULL; verb++) {
		bool is_asked = false;

		snprintf(request, sizeof(request), "{\"verb\":\"%s\"", verb->name);
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
			is_asked |= strstr(verbs[i].request, request) != NULL;
		if (!is_asked)
			fail_msg("no row of verbs is about \"%s\"", verb->name);
	}
}

static const struct {
	const char *request;
	const char *line; /* its end; NULL: nothing is logged of it */
} logged[] = {
	{ PING, NULL },
	{ DRAIN, ": drain web/web-1: done\n" },
	{ "{\"verb\":\"drain\",\"wait_ms\":1000,\"instance\":\"web/web-2\"}\n",
	  ": drain web/web-2: done\n" },
	{ "{\"verb\":\"drain\",\"instance\":\"zzzzzz/web-1\"}\n",
	  ": drain zzzzzz/web-1: there is no pool \"zzzzzz\"\n" },
	{ "{\"verb\":\"weight\",\"instance\":\"web/web-2\"}\n", NULL },
	{ "{\"verb\":\"weight\",\"instance\":\"web/web-2\",\"weight\":0}\n",
	  ": weight web/web-2 0: done\n" },
	{ "{\"verb\":\"weight\",\"weight\":\"default\",\"instance\":\"web/web-2\"}\n",
	  ": weight web/web-2 default: done\n" },
	{ "{\"verb\":\"config-diff\"}\n", NULL },
	{ "{\"verb\":\"config-apply\",\"name\":\"f\",\"text\":\"x\",\"force\":true}\n",
	  ": config-apply: done\n" },
};

/* What the server logs of a request. */
static void log_of(struct fixture *f, const char *request, char *text, size_t size)
{
	int ends[2], fd = dial(f), saved = dup(STDERR_FILENO);
	ssize_t got;

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	log_set_level(LOG_INFO);
	say(f, fd, request);
	hear(f, fd);
	turn_until_quiet(f);
	log_set_level(LOG_EMERG);
	dup2(saved, STDERR_FILENO);
	got = read(ends[0], text, size - 1);
	text[got > 0 ? got : 0] = '\0';
	close(saved);
	close(ends[0]);
	close(ends[1]);
	close(fd);
	turn(f);
}

static void test_what_changes_something_is_logged(void **test_state)
{
	struct fixture *f = *test_state;
	char text[4096];

	for (size_t i = 0; i < sizeof(logged) / sizeof(logged[0]); i++) {
		const char *line = logged[i].line != NULL ? logged[i].line : "";
		size_t length = strlen(line), got;

		fake_init(&f->fake);
		log_of(f, logged[i].request, text, sizeof(text));
		got = strlen(text);
		if (got < length || strcmp(text + got - length, line) != 0 ||
		    (length == 0 && got > 0))
			fail_msg("%s: \"%s\"", logged[i].request, text);
	}
}

static const struct {
	int status;
	const char *answer;
} publishes[] = {
	{ -ENOTCONN, "{\"ok\":true,\"result\":{\"instance\":\"web/web-1\",\"admin\":\"drain\","
		     "\"before\":\"ready\",\"dataplane\":false,\"flows\":132}}" },
	{ -EBADMSG, "\"ok\":false,\"code\":\"refused\",\"error\":\"the dataplane refused" },
	{ -ECANCELED, "sluiced is stopping" },
	{ -ENOMEM, "Cannot allocate memory" },
};

static void test_publish_results(void **test_state)
{
	struct fixture *f = *test_state;

	for (size_t i = 0; i < sizeof(publishes) / sizeof(publishes[0]); i++) {
		int fd = dial(f);

		fake_init(&f->fake);
		f->fake.publish_status = publishes[i].status;
		say(f, fd, DRAIN);
		expect(f, fd, publishes[i].answer);
		close(fd);
	}
}

static void test_refused_change(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	f->fake.set_error = -ENOSPC;
	f->fake.set_reason = "cannot write /x\xff: No space left on device";
	say(f, fd, DRAIN);
	expect(f, fd,
	       "\"code\":\"refused\",\"error\":\"cannot write /x?: No space left on device\"}");
	assert_int_equal(fake_find(&f->fake, "web/web-1")->is.admin, MODEL_READY);
	say(f, fd, "{\"verb\":\"weight\",\"instance\":\"web/web-1\",\"weight\":1}\n");
	expect(f, fd, "No space left");
	f->fake.config_refused = true;
	say(f, fd, "{\"verb\":\"config-apply\"}\n");
	expect(f, fd,
	       "\"error\":\"own is refused: 1 error\",\"result\":{\"errors\":[\"a:1:2: wrong\"]}");
	say(f, fd, "{\"verb\":\"config-diff\"}\n");
	expect(f, fd, "\"errors\":[\"a:1:2: wrong\"]");
	close(fd);
}

static void test_answers_after_acknowledgement(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);
	char byte;

	f->fake.hold = true;
	say(f, fd, DRAIN PING);
	turn_until_quiet(f);
	assert_int_equal(recv(fd, &byte, 1, MSG_PEEK), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fake_publish(&f->fake), 1);
	expect(f, fd, "\"took_us\":84.0");
	expect(f, fd, "\"version\"");
	close(fd);
}

static void test_workers_are_silent(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	f->fake.hold = true;
	say(f, fd, DRAIN);
	expect(f, fd, "the workers have not acknowledged the change within 5 s");
	assert_int_equal(f->fake.cancels, 1);
	assert_int_equal(fake_publish(&f->fake), 0);
	say(f, fd, PING);
	expect(f, fd, "\"ok\":true");
	close(fd);
}

static void test_client_leaves_before_the_answer(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	/* It shows on writing only, so that one who has merely closed its sending side gets the answer. */
	f->fake.hold = true;
	say(f, fd, DRAIN);
	close(fd);
	turn(f);
	fake_publish(&f->fake);
	turn(f);
	turn(f);
	assert_int_equal(clients(f), 0);
	assert_int_equal(fake_find(&f->fake, "web/web-1")->is.admin, MODEL_DRAIN);
}

static void test_server_ends_with_commands_under_way(void **test_state)
{
	struct fixture *f = *test_state;
	int one = dial(f), two = dial(f), three = dial(f);

	f->fake.hold = true;
	say(f, one, DRAIN);
	f->fake.hold = false;
	say(f, two, DRAIN_WAIT);
	say(f, three, "{\"verb\":\"dra");
	control_destroy(f->control);
	f->control = NULL;
	assert_int_equal(f->fake.cancels, 1);
	assert_string_equal(hear(f, one), "");
	close(one);
	close(two);
	close(three);
}

static void test_pipelining_keeps_order(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	say(f, fd, PING "bad\n" DRAIN "{\"verb\":\"drops\"}\n");
	expect(f, fd, "version");
	expect(f, fd, "not JSON");
	expect(f, fd, "web/web-1");
	expect(f, fd, "received");
	close(fd);
}

static void test_byte_by_byte(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	for (const char *c = DRAIN; *c != '\0'; c++)
		assert_true(say_bytes(f, fd, c, 1));
	expect(f, fd, "\"ok\":true");
	close(fd);
}

static void test_half_closed_client_is_answered(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	f->fake.flows_step = 100;
	say(f, fd, PING DRAIN_WAIT "{\"verb\":\"half");
	shutdown(fd, SHUT_WR);
	expect(f, fd, "version");
	expect(f, fd, "\"took_us\"");
	expect(f, fd, "{\"flows\":32,");
	expect(f, fd, "\"safe\":true");
	expect_end(f, fd);
	assert_int_equal(clients(f), 0);
}

static void test_wait_counts_down(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	f->fake.flows_step = 60;
	say(f, fd, DRAIN_WAIT PING);
	expect(f, fd, "{\"instance\":\"web/web-1\",\"admin\":\"drain\",\"before\":\"ready\"");
	expect(f, fd, "{\"flows\":72,\"elapsed_ms\":");
	expect(f, fd, "{\"flows\":12,\"elapsed_ms\":");
	expect(f, fd, "\"flows\":0,\"elapsed_ms\":");
	expect(f, fd, "version");
	close(fd);
}

static void test_wait_is_limited(void **test_state)
{
	struct fixture *f = *test_state;
	uint64_t began = clock_now_ms();
	uint32_t progress = 0;
	const char *line;
	int fd = dial(f);

	say(f, fd, "{\"verb\":\"drain\",\"instance\":\"web/web-1\",\"wait_ms\":700}\n");
	expect(f, fd, "\"took_us\"");
	/* Twice, if this process gets its CPU in time. */
	for (line = hear(f, fd); strstr(line, "{\"flows\":132,"); line = hear(f, fd))
		progress++;
	assert_in_range(progress, 1, 2);
	assert_non_null(strstr(
		line,
		"\"ok\":false,\"code\":\"refused\",\"error\":\"web/web-1: still 132 flows after 700ms\",\"result\":{"));
	assert_true(clock_now_ms() - began >= 700);

	/* Without a dataplane the flows are unknown: that is not "safe". */
	fake_find(&f->fake, "web/web-1")->is.flows_known = false;
	fake_find(&f->fake, "web/web-1")->is.flows = 0;
	say(f, fd, "{\"verb\":\"drain\",\"instance\":\"web/web-1\",\"wait_ms\":100}\n");
	expect(f, fd, "\"flows\":null");
	expect(f, fd, "{\"flows\":null,\"elapsed_ms\"");
	expect(f, fd, "the dataplane is not running");
	close(fd);
}

static void test_two_waits_and_a_resume(void **test_state)
{
	struct fixture *f = *test_state;
	int one = dial(f), two = dial(f), three = dial(f);

	say(f, one, DRAIN_WAIT);
	say(f, two, DRAIN_WAIT);
	expect(f, one, "\"before\":\"ready\"");
	expect(f, two, "\"before\":\"drain\"");
	expect(f, one, "{\"flows\":132,");
	expect(f, two, "{\"flows\":132,");
	say(f, three, "{\"verb\":\"resume\",\"instance\":\"web/web-1\"}\n");
	expect(f, three, "\"admin\":\"ready\"");
	expect(f, one, "web/web-1 was set to ready meanwhile");
	expect(f, two, "web/web-1 was set to ready meanwhile");
	close(one);
	close(two);
	close(three);
}

static void test_instance_leaves_while_waiting(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	say(f, fd, DRAIN_WAIT);
	expect(f, fd, "\"took_us\"");
	expect(f, fd, "{\"flows\":132,");
	fake_find(&f->fake, "web/web-1")->name = "other";
	expect(f, fd, "web/web-1 was removed from the configuration meanwhile");
	close(fd);
}

static void test_waiting_client_leaves(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);
	uint64_t until = clock_now_ms() + PATIENCE_MS;

	say(f, fd, DRAIN_WAIT);
	expect(f, fd, "\"took_us\"");
	assert_int_equal(clients(f), 1);
	close(fd);
	while (clients(f) != 0 && clock_now_ms() < until)
		turn(f);
	assert_int_equal(clients(f), 0);
}

/* A request of @size bytes with its newline. */
static char *long_request(const char *head, const char *tail, size_t size)
{
	char *text = malloc(size + 1);

	memset(text, ' ', size);
	memcpy(text, head, strlen(head));
	memcpy(text + size - strlen(tail), tail, strlen(tail));
	text[size] = '\0';
	return text;
}

#define CONFIG_HEAD "{\"verb\":\"config-diff\",\"name\":\"f\",\"text\":\""

static const struct {
	const char *head;
	const char *tail;
	size_t size;
	const char *answer;
	bool closes;
} sizes[] = {
	{ "{\"verb\":", "\"ping\"}\n", CONTROL_LINE_MAX + 1, "\"ok\":true", false },
	{ "{\"verb\":", "\"ping\"}\n", CONTROL_LINE_MAX + 2, "too long", true },
	{ "{\"verb\":", " ", CONTROL_LINE_MAX + 1, "too long", true },
	{ "{\"verb\":", " ", 1 << 20, "too long", true },
	{ CONFIG_HEAD, "\"}\n", CONTROL_LINE_MAX + 2, "\"file\":\"f\"", false },
	{ CONFIG_HEAD, "\"}\n", CONFIG_FILE_BYTES_MAX, "\"file\":\"f\"", false },
	{ CONFIG_HEAD, "\"}\n", CONFIG_FILE_BYTES_MAX + 1000, "expected a string of at most",
	  false },
	{ "{\"verb\":\"config-diff\",", "\"name\":\"f\",\"text\":\"\"}\n",
	  CONTROL_LINE_LARGE_MAX + 1, "\"file\":\"f\"", false },
	{ CONFIG_HEAD, "\"}\n", CONTROL_LINE_LARGE_MAX + 2, "too long", true },
	{ CONFIG_HEAD, " ", CONTROL_LINE_LARGE_MAX + 1, "too long", true },
	{ "{\"verb\":\"config-\",", " ", CONTROL_LINE_MAX + 2, "too long", true },
	{ "{\"verb\":\"config-diffs\",", " ", CONTROL_LINE_MAX + 2, "too long", true },
	{ "{\"name\":\"f\",\"verb\":\"config-diff\",", " ", CONTROL_LINE_MAX + 2, "too long",
	  true },
	{ "{\"verb\":\"status\",", " ", CONTROL_LINE_MAX + 2, "too long", true },
	{ "{\"verb\":\"config-apply\",", "\"name\":\"f\",\"text\":\"\"}\n", CONTROL_LINE_MAX + 2,
	  "\"file\":\"f\"", false },
};

static void test_sizes(void **test_state)
{
	struct fixture *f = *test_state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = long_request(sizes[i].head, sizes[i].tail, sizes[i].size);
		int fd = dial(f);
		bool sent = say_bytes(f, fd, text, sizes[i].size);

		assert_true(sent || sizes[i].closes);
		expect(f, fd, sizes[i].answer);
		if (sizes[i].closes) {
			expect_end(f, fd);
		} else {
			say(f, fd, PING);
			expect(f, fd, "version");
			close(fd);
		}
		free(text);
	}
}

static void test_large_requests_at_once(void **test_state)
{
	struct fixture *f = *test_state;
	char *text = long_request(CONFIG_HEAD, "\"}\n", 1 << 20);
	int fds[CONTROL_LARGE_SESSIONS_MAX], late;

	for (int i = 0; i < CONTROL_LARGE_SESSIONS_MAX; i++) {
		fds[i] = dial(f);
		assert_true(say_bytes(f, fds[i], text, 500000));
	}
	late = dial(f);
	assert_true(say_bytes(f, late, text, CONTROL_LINE_MAX + 2));
	expect(f, late, "\"code\":\"busy\"");
	expect_end(f, late);

	assert_true(say_bytes(f, fds[0], text + 500000, (1 << 20) - 500000));
	expect(f, fds[0], "\"ok\":true");
	close(fds[1]); /* gives its place back too */
	turn(f);
	for (int i = 0; i < 2; i++) {
		late = dial(f);
		assert_true(say_bytes(f, late, text, 1 << 20));
		expect(f, late, "\"ok\":true");
		close(late);
	}
	for (int i = 0; i < CONTROL_LARGE_SESSIONS_MAX; i++) {
		if (i != 1)
			close(fds[i]);
	}
	free(text);
}

/* The server must not make answers for one that doesn't read them, and not wait for it either. */
static void test_client_that_does_not_read(void **test_state)
{
	struct fixture *f = *test_state;
	struct control_stats stats;
	uint64_t until;
	int fd, other;

	start(f, 0, 300);
	f->fake.status_bytes = 1 << 20;
	fd = dial(f);
	for (int i = 0; i < 200; i++)
		(void)send(fd, "{\"verb\":\"status\"}\n", 18, MSG_NOSIGNAL);
	turn_until_quiet(f);
	assert_in_range(f->fake.statuses, 1, 2);

	other = dial(f);
	say(f, other, PING);
	expect(f, other, "version");
	until = clock_now_ms() + PATIENCE_MS;
	while (clients(f) > 1 && clock_now_ms() < until)
		turn(f);
	assert_int_equal(clients(f), 1);
	control_stats_get(f->control, &stats);
	assert_int_equal(stats.closed, 1);
	close(fd);
	close(other);
}

static void test_client_that_reads_late(void **test_state)
{
	struct fixture *f = *test_state;
	int fd = dial(f);

	f->fake.status_bytes = 1 << 20;
	for (int i = 0; i < 5; i++)
		say(f, fd, "{\"verb\":\"status\"}\n");
	say(f, fd, PING);
	for (int i = 0; i < 5; i++)
		expect(f, fd, "padding");
	expect(f, fd, "version");
	assert_int_equal(f->fake.statuses, 5);
	close(fd);
}

static void test_many_clients(void **test_state)
{
	struct fixture *f = *test_state;
	int fds[CONTROL_CLIENTS_MAX], late;

	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		fds[i] = dial(f);
	assert_int_equal(clients(f), CONTROL_CLIENTS_MAX);
	/* The first one has just been of use, so the second has to go. */
	say(f, fds[0], PING);
	expect(f, fds[0], "version");
	late = dial(f);
	say(f, late, PING);
	expect(f, late, "version");
	assert_int_equal(clients(f), CONTROL_CLIENTS_MAX);
	expect_end(f, fds[1]);
	fds[1] = late;

	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
}

/* However many wait for a drain, and for the workers: an operator gets in, and sees what is the matter. */
static void test_waiting_clients_leave_room(void **test_state)
{
	struct fixture *f = *test_state;
	int fds[CONTROL_CLIENTS_MAX], late;

	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = dial(f);
		say(f, fds[i], DRAIN_WAIT);
		expect(f, fds[i], i < CONTROL_WAITS_MAX ? "took_us" : "\"code\":\"busy\"");
	}
	late = dial(f);
	say(f, late, "{\"verb\":\"status\"}\n" DRAIN "{\"verb\":\"drops\"}\n");
	expect(f, late, "\"services\"");
	expect(f, late, "\"ok\":true");
	expect(f, late, "received");

	/* Now they wait for the workers, too. */
	f->fake.hold = true;
	for (int i = CONTROL_WAITS_MAX; i < CONTROL_WRITES_MAX; i++) {
		close(fds[i]);
		fds[i] = dial(f);
		say(f, fds[i], DRAIN);
	}
	say(f, late, DRAIN "{\"verb\":\"status\"}\n");
	expect(f, late, "too many commands in progress");
	expect(f, late, "\"services\"");

	/* They give their places back: by an answer, or by leaving. */
	assert_int_equal(fake_publish(&f->fake), CONTROL_WRITES_MAX - CONTROL_WAITS_MAX);
	f->fake.hold = false;
	say(f, late, DRAIN);
	expect(f, late, "\"ok\":true");
	close(fds[0]);
	for (uint64_t until = clock_now_ms() + PATIENCE_MS;
	     clients(f) == CONTROL_CLIENTS_MAX && clock_now_ms() < until;)
		turn(f);
	say(f, late, DRAIN_WAIT);
	expect(f, late, "took_us");
	for (int i = 1; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	close(late);
}

static void test_idle_client_is_closed(void **test_state)
{
	struct fixture *f = *test_state;
	struct control_stats stats;
	uint64_t began;
	int quiet, slow;

	start(f, IDLE_MS, 0);
	began = clock_now_ms();
	quiet = dial(f);
	slow = dial(f);
	/*
	 * One that never ends its request gains no time by sending. A byte a millisecond: on no machine do
	 * they reach the longest line before PATIENCE_MS.
	 */
	while (send(slow, "x", 1, MSG_NOSIGNAL) == 1 && clock_now_ms() - began < PATIENCE_MS) {
		usleep(1000);
		turn(f);
	}
	assert_in_range(clock_now_ms() - began, IDLE_MS - LOOP_CLOCK_MS, PATIENCE_MS - 1);
	assert_string_equal(hear(f, slow), ""); /* without a word about the request */
	expect_end(f, quiet);
	control_stats_get(f->control, &stats);
	assert_int_equal(stats.closed, 2);
	close(slow);
	assert_int_equal(clients(f), 0);

	/* One that waits for a drain isn't idle. */
	slow = dial(f);
	say(f, slow, DRAIN_WAIT);
	expect(f, slow, "took_us");
	for (int i = 0; i < 3; i++)
		expect(f, slow, "{\"flows\":132");
	close(slow);
}

static void test_random_bytes(void **test_state)
{
	struct fixture *f = *test_state;
	unsigned int seed = 1;
	char bytes[4096];

	for (int i = 0; i < 50; i++) {
		int fd = dial(f);

		for (size_t b = 0; b < sizeof(bytes); b++)
			bytes[b] = (char)rand_r(&seed);
		(void)send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
		turn(f);
		close(fd);
		turn(f);
	}
	turn(f);
	assert_int_equal(clients(f), 0);
}

static void test_socket_file(void **test_state)
{
	struct fixture *f = *test_state;
	struct sockaddr_un address = address_of(f);
	const struct group *group = getgrnam("sluice");
	char long_dir[200];
	struct control_options options = {
		.base = f->base, .dir = f->dir, .ops = &fake_ops, .ops_arg = &f->fake
	};
	struct stat info;
	int stale;

	assert_int_equal(stat(address.sun_path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0660);
	if (geteuid() == 0)
		assert_int_equal(info.st_gid, group != NULL ? group->gr_gid : 0);

	assert_null(control_create(&options));
	assert_int_equal(errno, EADDRINUSE);

	control_destroy(f->control);
	f->control = NULL;
	assert_int_not_equal(stat(address.sun_path, &info), 0);
	stale = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
	close(stale);
	f->control = control_create(&options);
	assert_non_null(f->control);

	memset(long_dir, 'd', sizeof(long_dir));
	long_dir[0] = '/';
	long_dir[sizeof(long_dir) - 1] = '\0';
	options.dir = long_dir;
	assert_null(control_create(&options));
	assert_int_equal(errno, ENAMETOOLONG);
	options.dir = "/nonexistent";
	assert_null(control_create(&options));
	assert_int_equal(errno, ENOENT);
}

static bool answers(struct fixture *f)
{
	struct sockaddr_un address = address_of(f);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	if (connected) {
		say(f, fd, PING);
		expect(f, fd, "version");
	}
	close(fd);
	turn(f);
	return connected;
}

static bool answers_again(struct fixture *f)
{
	uint64_t until = clock_now_ms() + PATIENCE_MS;

	while (!answers(f) && clock_now_ms() < until)
		turn(f);
	return answers(f);
}

static void test_socket_is_opened_again(void **test_state)
{
	struct fixture *f = *test_state;
	struct sockaddr_un address = address_of(f);
	char other[sizeof(address.sun_path) + 8];
	int old = dial(f), file;
	struct stat info;

	snprintf(other, sizeof(other), "%s.other", address.sun_path);
	assert_int_equal(unlink(address.sun_path), 0);
	assert_false(answers(f));
	assert_true(answers_again(f));
	assert_int_equal(stat(address.sun_path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0660);

	assert_int_equal(rename(address.sun_path, other), 0);
	assert_true(answers_again(f));
	assert_int_equal(unlink(other), 0);

	/* something else in its place */
	assert_int_equal(unlink(address.sun_path), 0);
	file = open(address.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	close(file);
	assert_true(answers_again(f));

	/* whoever was connected still is */
	say(f, old, PING);
	expect(f, old, "version");
	close(old);
}

/* Another program that serves the path keeps it, also when this one ends. */
static void test_socket_of_another(void **test_state)
{
	struct fixture *f = *test_state;
	struct sockaddr_un address = address_of(f);
	int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t until = clock_now_ms() + 3 * WATCH_MS;
	struct stat before, after;

	assert_int_equal(unlink(address.sun_path), 0);
	assert_int_equal(bind(other, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(other, 8), 0);
	assert_int_equal(stat(address.sun_path, &before), 0);
	while (clock_now_ms() < until)
		turn(f);
	assert_int_equal(stat(address.sun_path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	control_destroy(f->control);
	f->control = NULL;
	assert_int_equal(stat(address.sun_path, &after), 0);
	close(other);
	assert_int_equal(unlink(address.sun_path), 0);
}

static const struct {
	uid_t uid;
	gid_t gid;
	gid_t groups[3];
	unsigned int group_count;
	bool allowed;
} peers[] = {
	{ 0, 0, { 0 }, 0, true },
	{ 0, 7, { 0 }, 0, true },
	{ 500, 7, { 0 }, 0, true },
	{ 1000, 7, { 0 }, 0, false },
	{ 1000, 600, { 0 }, 0, true },
	{ 1000, 7, { 600 }, 1, true },
	{ 1000, 7, { 1, 2, 600 }, 3, true },
	{ 1000, 7, { 1, 2, 3 }, 3, false },
	{ 1000, 0, { 0 }, 1, false },
	{ 1000, 7, { 1, 2, 600 }, 2, false },
};

static void test_who_may(void **test_state)
{
	(void)test_state;
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		gid_t groups[3];
		struct control_peer peer = { .uid = peers[i].uid,
					     .gid = peers[i].gid,
					     .groups = groups,
					     .group_count = peers[i].group_count };

		memcpy(groups, peers[i].groups, sizeof(groups));
		assert_int_equal(control_peer_allowed(&peer, 500, 600), peers[i].allowed);
	}
}

/* In a child: change the user, connect, return the kind of answer as "
"the exit code. */
static void connect_as(const struct fixture *f, uid_t uid, gid_t supplementary)
{
	struct sockaddr_un address = address_of(f);
	char answer[256] = "";
	int fd;

	if (setgroups(1, &supplementary) != 0 || setgid(54321) != 0 || setuid(uid) != 0)
		_exit(3);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		_exit(4);
	(void)send(fd, PING, strlen(PING), MSG_NOSIGNAL);
	if (recv(fd, answer, sizeof(answer) - 1, 0) <= 0)
		_exit(5);
	_exit(strstr(answer, "\"ok\":true") != NULL	      ? 0
	      : strstr(answer, "\"code\":\"denied\"") != NULL ? 1
							      : 6);
}

static int result_as(struct fixture *f, uid_t uid, gid_t supplementary)
{
	uint64_t until = clock_now_ms() + PATIENCE_MS;
	pid_t child = fork();
	pid_t ended = 0;
	int status;

	assert_true(child >= 0);
	if (child == 0)
		connect_as(f, uid, supplementary);
	while (ended == 0 && clock_now_ms() < until) {
		turn(f);
		ended = waitpid(child, &status, WNOHANG);
	}
	if (ended == 0) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_credentials(void **test_state)
{
	struct fixture *f = *test_state;
	const struct group *group = getgrnam("sluice");
	gid_t gid = group != NULL ? group->gr_gid : 0;

	if (geteuid() != 0)
		skip();
	/* Somebody has been careless with the modes: the credentials still stand. */
	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_int_equal(chmod(address_of(f).sun_path, 0666), 0);
	assert_int_equal(result_as(f, 0, 12345), 0);
	assert_int_equal(result_as(f, 54321, 12345), 1);
	assert_int_equal(result_as(f, 54321, gid), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_verbs),
		cmocka_unit_test(test_every_verb_is_asked),
		TEST(test_what_changes_something_is_logged),
		TEST(test_publish_results),
		TEST(test_refused_change),
		TEST(test_answers_after_acknowledgement),
		TEST(test_workers_are_silent),
		TEST(test_client_leaves_before_the_answer),
		TEST(test_server_ends_with_commands_under_way),
		TEST(test_pipelining_keeps_order),
		TEST(test_byte_by_byte),
		TEST(test_half_closed_client_is_answered),
		TEST(test_wait_counts_down),
		TEST(test_wait_is_limited),
		TEST(test_two_waits_and_a_resume),
		TEST(test_instance_leaves_while_waiting),
		TEST(test_waiting_client_leaves),
		TEST(test_sizes),
		TEST(test_large_requests_at_once),
		TEST(test_client_that_does_not_read),
		TEST(test_client_that_reads_late),
		TEST(test_many_clients),
		TEST(test_waiting_clients_leave_room),
		TEST(test_idle_client_is_closed),
		TEST(test_random_bytes),
		TEST(test_socket_file),
		TEST(test_socket_is_opened_again),
		TEST(test_socket_of_another),
		cmocka_unit_test(test_who_may),
		TEST(test_credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
