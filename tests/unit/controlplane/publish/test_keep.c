/* SPDX-License-Identifier: BSD-3-Clause */
/* What sluiced holds for the successor of a dataplane that dies, and that indices go on meaning the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "controlplane/publish/publish.h"
#include "dataplane/abi/lb_kept.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/model_fixture.h"
#include "tests/support/patience.h"

#define LONG_MS 600000 /* node.idle_timeout, which no test waits for */

struct fixture {
	char dir[64];
	struct event_base *base;
	struct model *model;
	struct publish *publish;
	struct fake_dataplane *fake;
	int fds[LB_KEPT_FDS];
};

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	struct fixture *f = arg;

	if (f->publish)
		publish_mark(f->publish, what, pool_id);
}

static const struct model_ops ops = { .changed = on_changed };

static int begin(void **state, uint32_t idle_timeout_ms)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct publish_options options = { .arg = f };
	struct config *config = fixture_web(4);

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_keep.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	log_set_level(LOG_EMERG);
	f->fds[0] = f->fds[1] = -1;
	f->base = event_base_new();
	f->fake = fake_dataplane_start(f->dir, 0);
	f->model = model_create(&ops, f);
	config->node.idle_timeout_ms = idle_timeout_ms;
	assert_int_equal(model_apply(f->model, config, 0), 0);
	options.base = f->base;
	options.model = f->model;
	options.run_dir = f->dir;
	f->publish = publish_create(&options);
	assert_non_null(f->publish);
	fixture_up(f->model);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return begin(state, LONG_MS);
}

/* For a test that waits for it. */
static int setup_short(void **state)
{
	return begin(state, 1000);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[96];

	publish_destroy(f->publish);
	model_destroy(f->model);
	if (f->fake)
		fake_dataplane_kill(f->fake);
	event_base_free(f->base);
	snprintf(path, sizeof(path), "%s/dataplane.sock", f->dir);
	unlink(path);
	assert_int_equal(rmdir(f->dir), 0); /* so the other socket is gone */
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	const struct timeval ms = { .tv_usec = 1000 };

	event_base_loopexit(f->base, &ms);
	event_base_dispatch(f->base);
}

#define UNTIL(f, condition)                                                                        \
	do {                                                                                       \
		uint64_t end = clock_now_ms() + PATIENCE_MS;                                       \
                                                                                                   \
		while (!(condition)) {                                                             \
			assert_true(clock_now_ms() < end);                                         \
			turn(f);                                                                   \
		}                                                                                  \
	} while (0)

static bool is_settled(struct fixture *f)
{
	struct publish_info info;

	publish_info_get(f->publish, &info);
	return info.connected && !info.pending;
}

static void kill_dataplane(struct fixture *f)
{
	fake_dataplane_kill(f->fake);
	f->fake = NULL;
	UNTIL(f, !publish_segment(f->publish));
}

/* ---- A dataplane that starts ---- */

static int ask(struct fixture *f)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/" LB_KEPT_SOCKET, f->dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Return: whether descriptors have come; they are in f->fds. */
static bool answer_take(struct fixture *f, int fd)
{
	struct lb_hello hello;
	struct iovec iov = { &hello, sizeof(hello) };
	union {
		char bytes[CMSG_SPACE(sizeof(f->fds))];
		struct cmsghdr align;
	} rights;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = rights.bytes,
			      .msg_controllen = sizeof(rights.bytes) };
	const struct cmsghdr *cmsg;
	ssize_t bytes;

	UNTIL(f, (bytes = recvmsg(fd, &msg, 0)) >= 0);
	close(fd);
	assert_int_equal(bytes, sizeof(hello));
	assert_true(hello.magic == LB_ABI_MAGIC);
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg)
		return false;
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(sizeof(f->fds)));
	memcpy(f->fds, CMSG_DATA(cmsg), sizeof(f->fds));
	return true;
}

static uint64_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* ---- Tests ---- */

static void nothing_is_held_before_there_was_one(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[96];

	snprintf(path, sizeof(path), "%s/" LB_KEPT_SOCKET, f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	kill_dataplane(f);
	assert_false(answer_take(f, ask(f)));
}

static void successor_gets_what_was_left(void **state)
{
	struct fixture *f = *state;
	uint64_t first;

	UNTIL(f, is_settled(f));
	kill_dataplane(f);
	assert_true(answer_take(f, ask(f)));
	first = inode(f->fds[1]);
	close(f->fds[0]);
	close(f->fds[1]);
	/* One that dies before it has connected leaves no gap. */
	assert_true(answer_take(f, ask(f)));
	assert_int_equal(inode(f->fds[1]), first);
	f->fake = fake_dataplane_succeed(f->dir, f->fds);
	UNTIL(f, is_settled(f));
	kill_dataplane(f);
	assert_true(answer_take(f, ask(f)));
	assert_int_equal(inode(f->fds[1]), first);
	close(f->fds[0]);
	close(f->fds[1]);
	/* One that starts empty replaces it. */
	f->fake = fake_dataplane_start(f->dir, 0);
	UNTIL(f, is_settled(f));
	assert_true(answer_take(f, ask(f)));
	assert_int_not_equal(inode(f->fds[1]), first);
	close(f->fds[0]);
	close(f->fds[1]);
}

static uint32_t index_of(struct fixture *f, const char *path)
{
	return model_instance_find(f->model, path)->index;
}

/* Flows name indices: they must go on meaning the same, whatever has joined and left meanwhile. */
static void indices_stay(void **state)
{
	struct fixture *f = *state;
	struct config *config = fixture_config("  web:\n    instances:\n"
					       "      web-1: { address: 10.0.1.2 }\n"
					       "      web-2: { address: 10.0.1.3 }\n"
					       "      web-3: { address: 10.0.1.4 }\n"
					       "      new: { address: 10.0.1.9 }\n",
					       "  www:\n    vip: [198.51.100.10]\n    forward: l2\n"
					       "    listeners: [ { port: 80, pool: web } ]\n");
	uint32_t before[4], gone;
	const struct model_instance *left;

	UNTIL(f, is_settled(f));
	for (uint32_t i = 0; i < 4; i++)
		before[i] = index_of(f, (const char *[]){ "web/web-1", "web/web-2", "web/web-3",
							  "web/web-4" }[i]);
	gone = before[3];
	lb_segment_instance_stats(fake_dataplane_segment(f->fake), 1)[gone].flows = 7;
	kill_dataplane(f);
	/* web-4 leaves, and another one comes */
	config->node.idle_timeout_ms = LONG_MS;
	assert_int_equal(model_apply(f->model, config, 0), 0);
	fixture_up(f->model);
	assert_true(answer_take(f, ask(f)));
	f->fake = fake_dataplane_succeed(f->dir, f->fds);
	UNTIL(f, is_settled(f));
	assert_int_equal(index_of(f, "web/web-1"), before[0]);
	assert_int_equal(index_of(f, "web/web-2"), before[1]);
	assert_int_equal(index_of(f, "web/web-3"), before[2]);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_not_equal(index_of(f, "web/new"), before[i]);
	left = model_gone_next(f->model, NULL);
	assert_non_null(left);
	assert_string_equal(left->path, "web/web-4");
	assert_int_equal(left->index, gone);
}

/* What runs is what is to run: nothing is sent, so no table changes. */
static void nothing_changes_by_a_restart(void **state)
{
	struct fixture *f = *state;
	struct publish_info before, after;

	UNTIL(f, is_settled(f));
	publish_info_get(f->publish, &before);
	kill_dataplane(f);
	assert_true(answer_take(f, ask(f)));
	f->fake = fake_dataplane_succeed(f->dir, f->fds);
	UNTIL(f, is_settled(f));
	publish_info_get(f->publish, &after);
	assert_int_equal(after.published, before.published);
	assert_int_equal(after.generation, before.generation);
}

/* After node.idle_timeout no flow is alive, and the memory is of use to others. */
static void memory_is_released_in_the_end(void **state)
{
	struct fixture *f = *state;
	uint64_t began = 0;
	bool is_held = true;

	UNTIL(f, is_settled(f));
	kill_dataplane(f);
	began = clock_now_ms();
	while (is_held) {
		assert_true(clock_now_ms() - began < PATIENCE_MS);
		is_held = answer_take(f, ask(f));
		if (is_held) {
			close(f->fds[0]);
			close(f->fds[1]);
		}
	}
	assert_true(clock_now_ms() - began >= model_idle_timeout_ms(f->model) - 100);
}

int main(void)
{
#define KEEP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		KEEP_TEST(nothing_is_held_before_there_was_one),
		KEEP_TEST(successor_gets_what_was_left),
		KEEP_TEST(indices_stay),
		KEEP_TEST(nothing_changes_by_a_restart),
		cmocka_unit_test_setup_teardown(memory_is_released_in_the_end, setup_short,
						teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
