/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cpus [-j FILE]: what the first two CPUs do by themselves, without Sluice. It bounds what two
 * processes can do over shared memory: how fast lines move from one cache to the other, and for how
 * long a CPU is taken away (by interrupts, or by the hypervisor), which a ring has to bridge.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <jansson.h>

#include "config/base/clock.h"

#define TRIPS 100000
#define RING_LINES 1024 /* as in a ring of memif */
#define BATCH 32
#define STREAM_NS 500000000
#define GAP_NS 1000000000LL
#define REPETITIONS 5

struct line {
	_Alignas(64) uint64_t word[8];
};

static struct line ring[RING_LINES];
static _Alignas(128) _Atomic uint64_t head;
static _Alignas(128) _Atomic uint64_t tail;
static _Alignas(128) _Atomic bool over;

static void die(const char *what)
{
	fprintf(stderr, "cpus: %s\n", what);
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("two CPUs are needed");
	/* Refused without root: then other processes disturb more. */
	(void)setpriority(PRIO_PROCESS, 0, -20);
}

/* ---- Round trip of one line ---- */

static void *trip_answer(void *arg)
{
	pin(1);
	for (uint64_t i = 0; i < TRIPS; i++) {
		while (atomic_load_explicit(&head, memory_order_acquire) != i + 1)
			;
		atomic_store_explicit(&tail, i + 1, memory_order_release);
	}
	return arg;
}

static void trip_ask(void)
{
	for (uint64_t i = 0; i < TRIPS; i++) {
		atomic_store_explicit(&head, i + 1, memory_order_release);
		while (atomic_load_explicit(&tail, memory_order_acquire) != i + 1)
			;
	}
}

/* ---- A stream of lines through a ring ---- */

static void *stream_read(void *arg)
{
	uint64_t at = 0, sum = 0;

	pin(1);
	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		uint64_t end = atomic_load_explicit(&head, memory_order_acquire);

		for (; at < end; at++)
			sum += ring[at % RING_LINES].word[0];
		atomic_store_explicit(&tail, at, memory_order_release);
	}
	*(volatile uint64_t *)arg = sum;
	return arg;
}

/* Return: number of lines that went through. */
static uint64_t stream_write(void)
{
	uint64_t until = clock_now_ns() + STREAM_NS;
	uint64_t at = 0;

	while (clock_now_ns() < until) {
		if (at + BATCH - atomic_load_explicit(&tail, memory_order_acquire) > RING_LINES)
			continue;
		for (uint32_t i = 0; i < BATCH; i++, at++)
			memset(&ring[at % RING_LINES], (int)at, sizeof(ring[0]));
		atomic_store_explicit(&head, at, memory_order_release);
	}
	atomic_store(&over, true);
	return atomic_load(&tail);
}

/* Nanoseconds per round trip, and per line of a stream. */
static void pair_measure(double *trip_ns, double *line_ns)
{
	pthread_t other;
	uint64_t sum;
	uint64_t began;

	atomic_store(&head, 0);
	atomic_store(&tail, 0);
	if (pthread_create(&other, NULL, trip_answer, NULL))
		die("no thread");
	began = clock_now_ns();
	trip_ask();
	*trip_ns = (double)(clock_now_ns() - began) / TRIPS;
	pthread_join(other, NULL);

	atomic_store(&head, 0);
	atomic_store(&tail, 0);
	atomic_store(&over, false);
	if (pthread_create(&other, NULL, stream_read, &sum))
		die("no thread");
	*line_ns = (double)STREAM_NS / (double)stream_write();
	pthread_join(other, NULL);
}

/* ---- Gaps: times in which a thread that only polls the clock did not run ---- */

struct gaps {
	uint32_t over_20us, over_100us, over_1ms;
	double longest_us, lost_percent;
};

static void gaps_note(struct gaps *gaps, uint64_t gap_ns)
{
	gaps->lost_percent += 100.0 * (double)gap_ns / (double)GAP_NS;
	gaps->over_20us += gap_ns > 20000;
	gaps->over_100us += gap_ns > 100000;
	gaps->over_1ms += gap_ns > 1000000;
	if ((double)gap_ns / 1e3 > gaps->longest_us)
		gaps->longest_us = (double)gap_ns / 1e3;
}

static void gaps_measure(struct gaps *gaps, int cpu)
{
	uint64_t began, last, now;

	memset(gaps, 0, sizeof(*gaps));
	pin(cpu);
	began = last = clock_now_ns();
	for (now = last; now - began < GAP_NS; last = now) {
		now = clock_now_ns();
		if (now - last > 5000)
			gaps_note(gaps, now - last);
	}
}

static json_t *gaps_pack(int cpu)
{
	struct gaps g;

	gaps_measure(&g, cpu);
	printf("CPU %d: preempted for over 20, 100, 1000 us %u, %u, %u times in a second, longest "
	       "%.0f us, %.2f %% of the time\n",
	       cpu, g.over_20us, g.over_100us, g.over_1ms, g.longest_us, g.lost_percent);
	return json_pack("{s:i, s:i, s:i, s:i, s:f, s:f}", "cpu", cpu, "over_20us",
			 (int)g.over_20us, "over_100us", (int)g.over_100us, "over_1ms",
			 (int)g.over_1ms, "longest_us", g.longest_us, "lost_percent",
			 g.lost_percent);
}

int main(int argc, char **argv)
{
	const char *path = argc == 3 && strcmp(argv[1], "-j") == 0 ? argv[2] : NULL;
	json_t *trips = json_array(), *lines = json_array(), *gaps = json_array(), *report;
	int err = 0;

	if (argc > 1 && !path) {
		fprintf(stderr, "usage: cpus [-j FILE]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* so that an error message comes last */
	pin(0);
	for (uint32_t i = 0; i < REPETITIONS; i++) {
		double trip_ns, line_ns;

		pair_measure(&trip_ns, &line_ns);
		printf("round trip of a line %.0f ns; a stream of lines %.1f M/s\n", trip_ns,
		       1e3 / line_ns);
		json_array_append_new(trips, json_real(trip_ns));
		json_array_append_new(lines, json_real(1e3 / line_ns));
	}
	for (int cpu = 0; cpu < 2; cpu++)
		json_array_append_new(gaps, gaps_pack(cpu));
	report = json_pack("{s:o, s:o, s:o}", "round_trip_ns", trips, "lines_mps", lines, "gaps",
			   gaps);
	if (path)
		err = json_dump_file(report, path, JSON_INDENT(1));
	if (err)
		fprintf(stderr, "cpus: cannot write %s\n", path);
	json_decref(report);
	return err ? 1 : 0;
}
