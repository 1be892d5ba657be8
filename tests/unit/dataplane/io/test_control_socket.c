/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket: what a controller gets, and what happens when it dies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_ring_elem.h>

#include "config/base/log.h"
#include "dataplane/abi/lb_abi_hash.h"
#include "dataplane/abi/lb_crc.h"
#include "dataplane/io/control_socket.h"
#include "tests/support/rig.h"

struct fixture {
	char dir[64];
	struct rig *rig;
	struct control_socket control;
};

static int fixture_start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_control_socket.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->rig = rig_create(RIG_RINGS, 16, 16);
	assert_int_equal(
		control_socket_open(&f->control, f->dir, &f->rig->segment, &f->rig->consumer), 0);
	*state = f;
	return 0;
}

static int fixture_stop(void **state)
{
	struct fixture *f = *state;

	control_socket_close(&f->control);
	rig_destroy(f->rig);
	assert_int_equal(rmdir(f->dir), 0); /* so the socket is gone */
	free(f);
	return 0;
}

static int controller_connect(struct fixture *f)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	assert_int_equal(
		connect(fd, (struct sockaddr *)&f->control.address, sizeof(f->control.address)), 0);
	return fd;
}

/* Return: whether there was a message; if so, it came with all descriptors. */
static bool hello_receive(int fd, struct lb_hello *hello, int *fds)
{
	union {
		char bytes[CMSG_SPACE(LB_HELLO_FDS * sizeof(int))];
		struct cmsghdr align;
	} rights;
	struct iovec iov = { hello, sizeof(*hello) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = rights.bytes };
	const struct cmsghdr *cmsg;

	msg.msg_controllen = sizeof(rights.bytes);
	memset(hello, 0, sizeof(*hello));
	for (int i = 0; i < LB_HELLO_FDS; i++)
		fds[i] = -1;
	if (recvmsg(fd, &msg, 0) != sizeof(*hello))
		return false;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || (cmsg->cmsg_len != CMSG_LEN(LB_HELLO_FDS * sizeof(int)) &&
		      cmsg->cmsg_len != CMSG_LEN((LB_HELLO_FDS - 1) * sizeof(int))))
		return false;
	memcpy(fds, CMSG_DATA(cmsg), cmsg->cmsg_len - CMSG_LEN(0));
	return true;
}

static void fds_close(const int *fds)
{
	for (int i = 0; i < LB_HELLO_FDS; i++)
		close(fds[i]);
}

static void socket_is_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->control.address.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_false(control_socket_accept(&f->control));
}

static void controller_gets_the_segment(void **state)
{
	struct fixture *f = *state;
	struct lb_hello hello;
	const struct lb_segment *seg;
	int fds[LB_HELLO_FDS], fd = controller_connect(f);
	uint64_t one = 1;

	assert_true(control_socket_accept(&f->control));
	assert_true(hello_receive(fd, &hello, fds));
	assert_int_equal(hello.magic, LB_ABI_MAGIC);
	assert_int_equal(hello.abi_hash, lb_abi_hash());
	assert_int_equal(hello.boot_id, f->rig->segment.boot_id);
	seg = mmap(NULL, hello.bytes, PROT_READ, MAP_SHARED, fds[0], 0);
	assert_ptr_not_equal(seg, MAP_FAILED);
	assert_int_equal(seg->boot_id, hello.boot_id);
	munmap((void *)(uintptr_t)seg, hello.bytes);
	assert_int_equal(write(fds[1], &one, sizeof(one)), sizeof(one));
	assert_int_equal(read(f->rig->segment.cmd_fd, &one, sizeof(one)), sizeof(one));
	fds_close(fds);

	/* Nothing that it says matters; that it goes does. */
	assert_false(control_socket_watch(&f->control));
	assert_int_equal(send(fd, "hello?", 6, 0), 6);
	assert_false(control_socket_watch(&f->control));
	close(fd);
	assert_true(control_socket_watch(&f->control));
	assert_int_equal(f->control.controller_fd, -1);
}

static void only_one_controller_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct lb_hello hello;
	int fds[LB_HELLO_FDS], first = controller_connect(f), second = controller_connect(f);

	assert_true(control_socket_accept(&f->control));
	assert_false(control_socket_accept(&f->control));
	assert_true(hello_receive(first, &hello, fds));
	fds_close(fds);
	assert_false(hello_receive(second, &hello, fds));
	close(second);

	/* The successor need not wait until the death of the first has been noticed. */
	close(first);
	second = controller_connect(f);
	assert_true(control_socket_accept(&f->control));
	assert_true(hello_receive(second, &hello, fds));
	fds_close(fds);
	close(second);
}

static void successor_finds_rings_in_order(void **state)
{
	struct fixture *f = *state;
	struct lb_cmd cmd = { .type = LB_CMD_RETIRE, .flags = LB_CMD_MORE, .generation = 1 };
	int fd = controller_connect(f);

	assert_true(control_socket_accept(&f->control));
	rig_publish(f->rig);

	/* It dies in the middle of a generation, and in the middle of an entry. */
	cmd.generation = f->rig->generation + 1;
	lb_cmd_seal(&cmd);
	assert_int_equal(rte_ring_sp_enqueue_elem(f->rig->segment.cmd_ring, &cmd, sizeof(cmd)), 0);
	f->rig->segment.cmd_ring->prod.head += 1;
	close(fd);
	fd = controller_connect(f);
	assert_true(control_socket_accept(&f->control));
	assert_null(f->rig->consumer.staged);
	rig_publish(f->rig);
	close(fd);
}

static void stale_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct control_socket other;
	int fd;

	assert_int_equal(control_socket_open(&other, f->dir, &f->rig->segment, &f->rig->consumer),
			 0);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&other.address, sizeof(other.address)), 0);
	assert_true(control_socket_accept(&other));
	close(fd);
	control_socket_close(&other);
	assert_int_equal(control_socket_open(&other, "/nonexistent", &f->rig->segment, NULL),
			 -ENOENT);
}

/* Removed by someone, or something else in its place: who is connected stays, and a successor finds it. */
static void removed_socket_is_made_again(void **state)
{
	struct fixture *f = *state;
	const char *path = f->control.address.sun_path;
	int first = controller_connect(f), second, fds[LB_HELLO_FDS];
	struct lb_hello hello;
	struct stat file;

	assert_true(control_socket_accept(&f->control));
	assert_true(hello_receive(first, &hello, fds));
	fds_close(fds);
	assert_false(control_socket_restore(&f->control));
	assert_int_equal(unlink(path), 0);
	assert_true(control_socket_restore(&f->control));
	assert_false(control_socket_restore(&f->control));
	assert_int_equal(lstat(path, &file), 0);
	assert_int_equal(file.st_mode, S_IFSOCK | 0660);
	assert_false(control_socket_watch(&f->control)); /* the first one is still there */
	close(first);
	assert_true(control_socket_watch(&f->control));

	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nonexistent", path), 0);
	assert_true(control_socket_restore(&f->control));
	second = controller_connect(f);
	assert_true(control_socket_accept(&f->control));
	assert_true(hello_receive(second, &hello, fds));
	fds_close(fds);
	close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(socket_is_private),
		TEST(controller_gets_the_segment),
		TEST(only_one_controller_at_a_time),
		TEST(successor_finds_rings_in_order),
		TEST(stale_socket_is_replaced),
		TEST(removed_socket_is_made_again),
	};

	(void)argc;
	rig_eal_start(argv[0]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
