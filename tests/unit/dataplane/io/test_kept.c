/* SPDX-License-Identifier: BSD-3-Clause */
/* What a successor finds at sluiced or systemd, and what it takes. This test is both of them. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/engine/recover.h"
#include "dataplane/io/kept.h"

#define WORKERS 2
#define BUCKETS 1000
#define TIMEOUT_TICKS 9000
#define MARK 0x1122334455667788ULL

struct fixture {
	char dir[64];
	struct config_node node;
	struct plan plan;
	struct segment segment; /* the predecessor's */
	struct flow_memory flows;
	int segment_fd, flows_fd; /* sluiced's */
	int listen_fd;
	pthread_t sluiced;
	struct kept kept;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- A predecessor, which has run tables ---- */

static void predecessor_run(struct fixture *f)
{
	struct lb_directory *directory =
		lb_segment_at(f->segment.shared, f->segment.shared->directory);
	struct lb_params *params = lb_segment_at(f->segment.shared, f->segment.shared->params[1]);

	*params = (struct lb_params){ .mtu = 1500,
				      .timeouts.ticks = { 0, 100, TIMEOUT_TICKS, 600, 50 } };
	memcpy(params->secret, f->node.secret, sizeof(params->secret));
	directory->params_buffer = LB_DIRECTORY_RUNS | 1;
	f->segment.node_stats->generation = 7;
	f->segment.node_stats->heartbeat_ns = now_ns();
	flow_memory_table(&f->flows, 1)->key[0] = MARK;
}

static void predecessor_start(struct fixture *f)
{
	assert_int_equal(segment_create(&f->segment, WORKERS), 0);
	assert_int_equal(flow_memory_create(&f->flows, WORKERS, BUCKETS, 0), 0);
	flow_memory_seal(&f->flows, f->segment.boot_id);
	f->segment_fd = dup(f->segment.memfd);
	f->flows_fd = dup(f->flows.fd);
	predecessor_run(f);
}

static int fixture_start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_kept.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	memcpy(f->node.secret, "0123456789abcdef", sizeof(f->node.secret));
	f->plan = (struct plan){ .node = &f->node, .n_workers = WORKERS, .flow_buckets = BUCKETS };
	f->listen_fd = -1;
	predecessor_start(f);
	*state = f;
	return 0;
}

static int fixture_stop(void **state)
{
	struct fixture *f = *state;

	kept_drop(&f->kept);
	segment_destroy(&f->segment);
	flow_memory_destroy(&f->flows);
	close(f->segment_fd);
	close(f->flows_fd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* ---- sluiced ---- */

/* Answer one connection. Without descriptors if they are -1. */
static void *sluiced_run(void *arg)
{
	struct fixture *f = arg;
	int fd = accept(f->listen_fd, NULL, NULL);
	const int fds[] = { f->segment_fd, f->flows_fd };
	struct lb_hello hello = { .magic = LB_ABI_MAGIC };
	struct iovec iov = { &hello, sizeof(hello) };
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} rights = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (fds[0] >= 0) {
		msg.msg_control = rights.bytes;
		msg.msg_controllen = sizeof(rights.bytes);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
		memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	}
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		abort();
	close(fd);
	return NULL;
}

static void address_make(const struct fixture *f, const char *name, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", f->dir, name);
}

static void sluiced_listen(struct fixture *f)
{
	struct sockaddr_un address;

	address_make(f, LB_KEPT_SOCKET, &address);
	f->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(f->listen_fd, 4), 0);
}

static void sluiced_end(struct fixture *f)
{
	struct sockaddr_un address;

	address_make(f, LB_KEPT_SOCKET, &address);
	close(f->listen_fd);
	unlink(address.sun_path);
}

/* Ask a sluiced that answers once. Return: whether something fits. */
static bool found_at_sluiced(struct fixture *f)
{
	kept_drop(&f->kept);
	sluiced_listen(f);
	assert_int_equal(pthread_create(&f->sluiced, NULL, sluiced_run, f), 0);
	assert_int_equal(kept_find(&f->kept, &f->plan, f->dir, -1), 0);
	pthread_join(f->sluiced, NULL);
	sluiced_end(f);
	return f->kept.is_found;
}

static void sluiced_has_it(void **state)
{
	struct fixture *f = *state;

	/* The predecessor's process is gone, the memory is not. */
	uint64_t boot_id = f->segment.boot_id;

	segment_destroy(&f->segment);
	flow_memory_destroy(&f->flows);
	assert_true(found_at_sluiced(f));
	assert_string_equal(f->kept.keeper, "sluiced");
	assert_false(f->kept.is_stored);
	assert_int_equal(f->kept.segment.boot_id, boot_id);
	assert_true(flow_memory_table(&f->kept.flows, 1)->key[0] == MARK);
	assert_int_equal(f->kept.segment.node_stats->generation, 7);
	assert_memory_equal(recover_params(&f->kept.segment)->secret, f->node.secret, 16);

	/* Commands of the predecessor's time are not the successor's. */
	f->kept.segment.cmd_ring->prod.tail += 3;
	assert_int_equal(segment_adopt(&f->kept.segment), 0);
	assert_int_equal(f->kept.segment.cmd_ring->prod.tail, 0);
	assert_int_equal(f->kept.segment.shared->boot_id, boot_id);
	assert_int_equal(f->kept.segment.shared->pid, getpid());
	assert_int_equal(f->kept.segment.node_stats->generation, 7);
}

/* ---- What is not used, and why ---- */

#define refused(f, why)                                                                            \
	do {                                                                                       \
		assert_false(found_at_sluiced(f));                                                 \
		assert_string_equal((f)->kept.note, why);                                          \
	} while (0)

static void what_does_not_fit_is_said(void **state)
{
	struct fixture *f = *state;
	struct lb_directory *directory =
		lb_segment_at(f->segment.shared, f->segment.shared->directory);

	f->node.secret[3] ^= 1;
	refused(f, "node.secret has changed");
	f->node.secret[3] ^= 1;
	f->plan.flow_buckets++;
	refused(f, "node.flows has changed");
	f->plan.flow_buckets--;
	f->plan.n_workers = 3;
	refused(f, "node.cpus has changed, from 2 workers to 3");
	f->plan.n_workers = WORKERS;
	f->segment.shared->abi_hash ^= 1;
	refused(f, "the segment that sluiced had is damaged");
	f->segment.shared->abi_hash ^= 1;
	directory->params_buffer = 1;
	refused(f, "the predecessor never had its tables");
	directory->params_buffer = LB_DIRECTORY_RUNS | 1;
	assert_true(found_at_sluiced(f));
}

static void another_release_is_said(void **state)
{
	struct fixture *f = *state;
	struct lb_kept *tail =
		(struct lb_kept *)(void *)(f->flows.map + f->flows.bytes - sizeof(*tail));

	tail->abi_hash ^= 1;
	assert_false(found_at_sluiced(f));
	assert_non_null(strstr(f->kept.note, "of another release"));
	tail->abi_hash ^= 1;
	tail->magic = 0;
	refused(f, "what sluiced had is incomplete");
	tail->magic = LB_KEPT_MAGIC;
	tail->boot_id++;
	assert_false(found_at_sluiced(f));
	assert_non_null(strstr(f->kept.note, "damaged"));
}

static void flows_expire_while_there_is_no_dataplane(void **state)
{
	struct fixture *f = *state;
	uint64_t *heartbeat_ns = &f->segment.node_stats->heartbeat_ns;
	uint64_t timeout_ns = TIMEOUT_TICKS * LB_FLOW_TICK_NS;

	/* This machine may have booted less than that long ago. */
	if (now_ns() < timeout_ns + 20000000000ull)
		skip();
	f->segment.shared->started_ns = 0;
	*heartbeat_ns = now_ns() - timeout_ns + 10000000000ull;
	assert_true(found_at_sluiced(f));
	*heartbeat_ns = now_ns() - timeout_ns - 1000000000ull;
	refused(f, "all had expired: there was no dataplane for 901 s");
}

static void nobody_has_anything(void **state)
{
	struct fixture *f = *state;
	int fds[] = { f->segment_fd, f->flows_fd };

	assert_int_equal(kept_find(&f->kept, &f->plan, f->dir, -1), 0);
	assert_false(f->kept.is_found);
	assert_string_equal(f->kept.note, "neither sluiced nor systemd had any");
	f->segment_fd = -1;
	refused(f, "neither sluiced nor systemd had any");
	f->segment_fd = fds[0];
	f->plan.has_handover = true; /* sluiced has the flows, and is not asked */
	assert_int_equal(kept_find(&f->kept, &f->plan, f->dir, -1), 0);
	assert_false(f->kept.is_found);
	assert_string_equal(f->kept.note, "");
}

/* A sluiced that does not answer delays the start, which can still be cancelled. */
static void start_can_be_cancelled(void **state)
{
	struct fixture *f = *state;
	int stop_fd = eventfd(1, 0);

	sluiced_listen(f);
	assert_int_equal(kept_find(&f->kept, &f->plan, f->dir, stop_fd), -ECANCELED);
	sluiced_end(f);
	close(stop_fd);
}

/* ---- systemd ---- */

/* Receive a notification. Return: its descriptor or -1. */
static int notified(int from, char *text, size_t size)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 4)];
		struct cmsghdr align;
	} rights = { .bytes = { 0 } };
	struct iovec iov = { text, size - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = rights.bytes,
			      .msg_controllen = sizeof(rights.bytes) };
	ssize_t bytes = recvmsg(from, &msg, 0);
	int fd = -1;

	assert_true(bytes > 0);
	text[bytes] = '\0';
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		if (cmsg->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* As systemd starts a service that has stored descriptors. Return: exit code. */
static int start_with(struct fixture *f, int first, const char *first_name, int second,
		      const char *second_name)
{
	char names[128], pid[16];
	pid_t child = fork();
	int status;

	if (child == 0) {
		int a = fcntl(first, F_DUPFD, 10), b = fcntl(second, F_DUPFD, 10);

		dup2(a, 3);
		dup2(b, 4);
		snprintf(names, sizeof(names), "%s:%s", first_name, second_name);
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "2", 1);
		setenv("LISTEN_FDNAMES", names, 1);
		if (kept_find(&f->kept, &f->plan, f->dir, -1) || !f->kept.is_found)
			_exit(1);
		_exit(f->kept.is_stored && strcmp(f->kept.keeper, "systemd") == 0 &&
				      flow_memory_table(&f->kept.flows, 1)->key[0] == MARK
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void systemd_keeps_it(void **state)
{
	static const char *const names[] = { LB_KEPT_NAME_SEGMENT, LB_KEPT_NAME_FLOWS };
	struct fixture *f = *state;
	int fds[2], from = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un address;
	char text[256], expected[256];

	address_make(f, "notify", &address);
	assert_int_equal(bind(from, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	kept_store(&f->segment, &f->flows);
	unsetenv("NOTIFY_SOCKET");
	for (uint32_t i = 0; i < 2; i++) {
		/* What it had before is of no use any more. */
		assert_int_equal(notified(from, text, sizeof(text)), -1);
		snprintf(expected, sizeof(expected), "FDSTOREREMOVE=1\nFDNAME=%s", names[i]);
		assert_string_equal(text, expected);
		fds[i] = notified(from, text, sizeof(text));
		snprintf(expected, sizeof(expected), "FDSTORE=1\nFDNAME=%s", names[i]);
		assert_string_equal(text, expected);
		assert_true(fds[i] >= 0);
	}
	close(from);
	unlink(address.sun_path);

	assert_int_equal(start_with(f, fds[0], names[0], fds[1], names[1]), 0);
	assert_int_equal(start_with(f, fds[1], names[1], fds[0], names[0]), 0);
	assert_int_equal(start_with(f, fds[0], names[0], fds[1], "other"), 1);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
#define KEPT_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)
	const struct CMUnitTest tests[] = {
		KEPT_TEST(sluiced_has_it),
		KEPT_TEST(what_does_not_fit_is_said),
		KEPT_TEST(another_release_is_said),
		KEPT_TEST(flows_expire_while_there_is_no_dataplane),
		KEPT_TEST(nobody_has_anything),
		KEPT_TEST(start_can_be_cancelled),
		KEPT_TEST(systemd_keeps_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
