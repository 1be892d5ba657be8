/* SPDX-License-Identifier: BSD-3-Clause */
/* What each verb answers, what is logged of it, and in which order. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/log.h"
#include "tests/unit/controlplane/api/fixture.h"

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
	{ "{\"verb\":\"config-rollback\",\"back\":2}\n", "\"workers\":4" },
	{ "{\"verb\":\"config-rollback\",\"back\":50}\n", "\\\"back\\\": expected a number" },
	{ "{\"verb\":\"config-confirm\"}\n", "\"ok\":true" },
	{ "{\"verb\":\"history\"}\n", "\"ok\":true" },
	{ "{\"verb\":\"explain\",\"client\":\"192.0.2.1\",\"vip\":\"192.0.2.9:80\",\"at\":1}\n",
	  "\"ok\":true" },
	{ "{\"verb\":\"explain\",\"reverse\":\"web/web-1:1024\"}\n", "\"ok\":true" },
	{ "{\"verb\":\"flows\",\"instance\":\"web/web-1\",\"older_ms\":60000}\n", "\"ok\":true" },
	{ "{\"verb\":\"clients\"}\n", "\"ok\":true" },
	{ "{\"verb\":\"capture\",\"drops\":true,\"client\":\"192.0.2.1\"}\n", "\"ok\":true" },
	{ "{\"verb\":\"capture\",\"drops\":1}\n", "\\\"drops\\\": expected" },
	{ "{\"verb\":\"flows\",\"limit\":1001}\n",
	  "\\\"limit\\\": expected a number from 0 to 1000" },
	{ "{\"verb\":\"explain\",\"client\":\"192.0.2.1\"}\n",
	  "\\\"client\\\" and \\\"vip\\\" must be given together" },
	{ "{\"verb\":\"explain\",\"client\":\"x\",\"vip\":\"y\",\"at\":50}\n",
	  "\\\"at\\\": expected a number" },
	{ "{\"verb\":\"events\",\"since_ms\":5}\n", "\"ok\":true" },

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
