/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/sweep.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/sluice_xdp.h"
#include "bpf/sluice_xdp.skel.h"
#include "controlplane/xdp/object.h"

#define PAUSE_MS 100
#define ROUND_TURNS 32 /* per round over a whole table */

/*
 * One run per call. For more the kernel puts the program into its XDP dispatcher and takes it out
 * again: two grace periods of RCU under a machine-wide mutex, some ten milliseconds instead of as
 * many microseconds.
 */
int xdp_sweep_part(const struct xdp_object *o, uint32_t queue)
{
	const struct bpf_program *sweep = o->has_handover ? o->skel->progs.lb_sweep_handover
							  : o->skel->progs.sluice_xdp_sweep;
	const uint32_t frame[16] = { queue };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	int err = bpf_prog_test_run_opts(bpf_program__fd(sweep), &opts);

	return err ? err : (int)opts.retval;
}

struct xdp_sweep {
	const struct xdp_object *object;
	pthread_t thread;
	int quit_fd;
	uint32_t cpu_count;
	uint16_t cpus[LB_XDP_REGIONS_MAX];
};

static bool quits(const struct xdp_sweep *s, int wait_ms)
{
	struct pollfd quit = { .fd = s->quit_fd, .events = POLLIN };

	return poll(&quit, 1, wait_ms) > 0;
}

/* With queues the CPU does not matter, and a worker needs all of its CPU. */
static bool is_there(const struct xdp_sweep *s, uint32_t i)
{
	cpu_set_t set;

	if (s->object->has_handover)
		return true;
	CPU_ZERO(&set);
	CPU_SET(s->cpus[i], &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

/* An offline CPU receives no packets either; its flows are swept when it is back. */
static void turn(const struct xdp_sweep *s, uint32_t i)
{
	uint32_t buckets = s->object->n_buckets / ROUND_TURNS + 1, done = 0;
	uint32_t records = s->object->nat_spaces * s->object->nat_room / ROUND_TURNS;
	int n = 1;

	if (!is_there(s, i))
		return;
	for (uint32_t part = 0; n > 0 && !quits(s, 0); part++, done += (uint32_t)n) {
		if (done >= buckets && part * LB_XDP_SWEEP_RECORDS >= records)
			break;
		n = xdp_sweep_part(s->object, i);
	}
}

static void *run(void *arg)
{
	const struct xdp_sweep *s = arg;

	while (!quits(s, PAUSE_MS))
		for (uint32_t i = 0; i < s->cpu_count; i++)
			turn(s, i);
	return NULL;
}

struct xdp_sweep *xdp_sweep_create(const struct xdp_object *object, const uint16_t *cpus,
				   uint32_t cpu_count)
{
	struct xdp_sweep *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return NULL;
	s->object = object;
	s->cpu_count = cpu_count < LB_XDP_REGIONS_MAX ? cpu_count : LB_XDP_REGIONS_MAX;
	memcpy(s->cpus, cpus, s->cpu_count * sizeof(*cpus));
	if (object->has_handover)
		s->cpu_count = object->regions; /* queues, including those without a worker */
	s->quit_fd = eventfd(0, EFD_CLOEXEC);
	err = s->quit_fd < 0 ? errno : pthread_create(&s->thread, NULL, run, s);
	if (!err)
		return s;
	if (s->quit_fd >= 0)
		close(s->quit_fd);
	free(s);
	errno = err;
	return NULL;
}

void xdp_sweep_destroy(struct xdp_sweep *s)
{
	if (!s)
		return;
	(void)eventfd_write(s->quit_fd, 1);
	pthread_join(s->thread, NULL);
	close(s->quit_fd);
	free(s);
}
