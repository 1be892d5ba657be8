/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp_thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "controlplane/clock.h"
#include "controlplane/xdp_grace.h"
#include "controlplane/xdp_object.h"

#define SWEEP_MS 100
#define SWEEP_ROUND 32 /* sweeps that a round over a whole table takes */

struct xdp_thread {
	const struct xdp_object *object;
	pthread_t thread;
	int ask_fd;    /* the owner writes, the thread reads */
	int answer_fd; /* the other way round */
	bool quit;     /* written before the last ask */
	int result;    /* written before the answer */
	uint32_t cpu_count;
	uint16_t cpus[LB_XDP_REGIONS_MAX];
};

/* A CPU that is off has no packets either; its flows are swept when it is back. */
static void sweep(const struct xdp_thread *t)
{
	for (uint32_t i = 0; i < t->cpu_count; i++) {
		cpu_set_t set;

		/* With queues it does not matter where, and a worker needs all of its CPU. */
		if (t->object->paired) {
			(void)xdp_object_sweep(t->object, i, t->object->n_buckets / SWEEP_ROUND);
			continue;
		}
		CPU_ZERO(&set);
		CPU_SET(t->cpus[i], &set);
		if (sched_setaffinity(0, sizeof(set), &set) == 0)
			(void)xdp_object_sweep(t->object, i, t->object->n_buckets / SWEEP_ROUND);
	}
}

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
	uint64_t next_ns = clock_now_ns(), count;

	while (!__atomic_load_n(&t->quit, __ATOMIC_ACQUIRE)) {
		struct pollfd ask = { .fd = t->ask_fd, .events = POLLIN };
		uint64_t now_ns = clock_now_ns();

		if (now_ns >= next_ns) {
			sweep(t);
			next_ns = now_ns + (uint64_t)SWEEP_MS * CLOCK_NS_PER_MS;
			continue;
		}
		if (poll(&ask, 1, (int)((next_ns - now_ns) / CLOCK_NS_PER_MS) + 1) <= 0)
			continue;
		if (read(t->ask_fd, &count, sizeof(count)) == sizeof(count) &&
		    !__atomic_load_n(&t->quit, __ATOMIC_ACQUIRE))
			answer(t);
	}
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

struct xdp_thread *xdp_thread_create(const struct xdp_object *object, const uint16_t *cpus,
				     uint32_t cpu_count)
{
	struct xdp_thread *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return NULL;
	t->object = object;
	t->cpu_count = cpu_count < LB_XDP_REGIONS_MAX ? cpu_count : LB_XDP_REGIONS_MAX;
	memcpy(t->cpus, cpus, t->cpu_count * sizeof(*cpus));
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
