/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket in the file system, and who may use it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "controlplane/api/peer.h"
#include "tests/support/patience.h"
#include "tests/unit/controlplane/api/fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_socket_file),	      TEST(test_socket_is_opened_again),
		TEST(test_socket_of_another), cmocka_unit_test(test_who_may),
		TEST(test_credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
