/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients that ask for much, read late or not at all, stay idle, or are many. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/load/load.h"
#include "tests/support/patience.h"
#include "tests/unit/controlplane/api/fixture.h"

#define IDLE_MS 300
#define LOOP_CLOCK_MS 20 /* libevent's clock is coarse */

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
	/* One that never ends its request gains no time by sending: a byte a millisecond, at most. */
	for (int sent = 0; send(slow, "x", 1, MSG_NOSIGNAL) == 1; sent++) {
		assert_in_range(sent, 0, CONTROL_LINE_MAX - 1);
		usleep(1000);
		turn(f);
	}
	assert_true(clock_now_ms() - began >= IDLE_MS - LOOP_CLOCK_MS);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sizes),
		TEST(test_large_requests_at_once),
		TEST(test_client_that_does_not_read),
		TEST(test_client_that_reads_late),
		TEST(test_many_clients),
		TEST(test_idle_client_is_closed),
		TEST(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
