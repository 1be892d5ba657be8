/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "controlplane/xdp/grace.h"

struct xdp_thread {
	pthread_t thread;
	int ask_fd;    /* the owner writes, the thread reads */
	int answer_fd; /* the other way round */
	bool quit;     /* written before the last ask */
	int result;    /* written before the answer */
};

static void answer(struct xdp_thread *t)
{
	const uint64_t one = 1;
	int result = xdp_grace_wait();

	__atomic_store_n(&t->result, result, __ATOMIC_RELEASE);
	while (write(t->answer_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *run(void *arg)
{
	struct xdp_thread *t = arg;
	uint64_t count;

	(void)xdp_grace_urgent(); /* from its wake-up on */
	while (!__atomic_load_n(&t->quit, __ATOMIC_ACQUIRE))
		if (read(t->ask_fd, &count, sizeof(count)) == sizeof(count) &&
		    !__atomic_load_n(&t->quit, __ATOMIC_ACQUIRE))
			answer(t);
	return NULL;
}

static void free_all(struct xdp_thread *t)
{
	if (t->ask_fd >= 0)
		close(t->ask_fd);
	if (t->answer_fd >= 0)
		close(t->answer_fd);
	free(t);
}

struct xdp_thread *xdp_thread_create(void)
{
	struct xdp_thread *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return NULL;
	t->ask_fd = eventfd(0, EFD_CLOEXEC);
	t->answer_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = t->ask_fd < 0 || t->answer_fd < 0 ? errno : pthread_create(&t->thread, NULL, run, t);
	if (!err)
		return t;
	free_all(t);
	errno = err;
	return NULL;
}

int xdp_thread_sync(struct xdp_thread *t)
{
	const uint64_t one = 1;

	return write(t->ask_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

void xdp_thread_destroy(struct xdp_thread *t)
{
	if (!t)
		return;
	__atomic_store_n(&t->quit, true, __ATOMIC_RELEASE);
	(void)xdp_thread_sync(t);
	pthread_join(t->thread, NULL);
	free_all(t);
}

int xdp_thread_fd(const struct xdp_thread *t)
{
	return t->answer_fd;
}

int xdp_thread_answer(struct xdp_thread *t)
{
	uint64_t count;

	if (read(t->answer_fd, &count, sizeof(count)) != sizeof(count))
		return -errno;
	return __atomic_load_n(&t->result, __ATOMIC_ACQUIRE);
}
