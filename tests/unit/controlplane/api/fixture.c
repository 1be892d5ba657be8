/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/controlplane/api/fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/log.h"
#include "tests/support/patience.h"

void turn(struct fixture *f)
{
	event_base_loop(f->base, EVLOOP_NONBLOCK);
}

void turn_until_quiet(struct fixture *f)
{
	for (int i = 0; i < 100; i++)
		turn(f);
}

void start(struct fixture *f, uint32_t idle_ms, uint32_t stall_ms)
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

int setup(void **test_state)
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

int teardown(void **test_state)
{
	struct fixture *f = *test_state;
	int left;

	control_destroy(f->control);
	event_base_free(f->base);
	left = rmdir(f->dir); /* fails if the server left anything */
	free(f);
	return left;
}

struct sockaddr_un address_of(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%s", f->dir,
		 CONTROL_SOCKET_NAME);
	return address;
}

int dial(struct fixture *f)
{
	struct sockaddr_un address = address_of(f);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turn(f);
	return fd;
}

bool say_bytes(struct fixture *f, int fd, const char *text, size_t size)
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

void say(struct fixture *f, int fd, const char *text)
{
	assert_true(say_bytes(f, fd, text, strlen(text)));
}

const char *hear(struct fixture *f, int fd)
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

void expect(struct fixture *f, int fd, const char *part)
{
	const char *line = hear(f, fd);

	if (strstr(line, part) == NULL)
		fail_msg("\"%.500s\" has no %s", line, part);
}

void expect_in_the_end(struct fixture *f, int fd, const char *part)
{
	const char *line = hear(f, fd);

	while (strncmp(line, "{\"flows\":", 9) == 0)
		line = hear(f, fd);
	if (strstr(line, part) == NULL)
		fail_msg("\"%.500s\" has no %s", line, part);
}

void expect_end(struct fixture *f, int fd)
{
	assert_string_equal(hear(f, fd), "");
	close(fd);
	turn(f);
}

uint32_t clients(const struct fixture *f)
{
	struct control_stats stats;

	control_stats_get(f->control, &stats);
	return stats.clients;
}
