/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers, each with its own mbufs, tables and flows, as in the dataplane: each alone in turn,
 * then both at once. Packets per cycle of the pipeline are compared; each worker writes its packets
 * in between, as the other one does.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "perf/cycles/cycles.h"

#define FLOWS 1000000
#define MBUFS 32767
#define PACKETS (8 * CYCLES_CHUNK)
#define SEED 88172645463325252ULL

struct runner {
	struct world *w;
	struct measure m;
	pthread_barrier_t *start;
	int cpu;
};

static void cpu_take(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *runner_main(void *arg)
{
	struct runner *runner = arg;

	cpu_take(runner->cpu);
	if (runner->start)
		pthread_barrier_wait(runner->start);
	measure_once(runner->w, &runner->m, PACKETS);
	return NULL;
}

/* Return: packets per cycle, summed over the workers that ran. */
static double run(struct runner *runners, uint32_t n)
{
	pthread_barrier_t barrier;
	pthread_t threads[2];
	double sum = 0;

	pthread_barrier_init(&barrier, NULL, n);
	for (uint32_t i = 0; i < n; i++) {
		runners[i].m.reps = 0;
		runners[i].start = &barrier;
		if (pthread_create(&threads[i], NULL, runner_main, &runners[i]))
			return 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		sum += 1 / runners[i].m.cycles[0];
	}
	pthread_barrier_destroy(&barrier);
	return sum;
}

void scenario_workers(struct world *w, struct report *r, uint32_t reps)
{
	struct runner runners[2] = { { .w = w, .cpu = 0 },
				     { .w = world_create("cycles1", MBUFS, w->simd), .cpu = 1 } };
	double gain[CYCLES_REPS_MAX], spread[3];

	for (uint32_t i = 0; i < 2; i++) {
		runners[i].m = (struct measure){
			.what = MEASURE_PIPELINE,
			.forward = LB_FORWARD_IPIP,
			.traffic = { CYCLES_HIT, 4, LB_TCP_ACK, FLOWS, 0, SEED + i },
		};
		if (world_table(runners[i].w, FLOWS)) {
			printf("no memory for two workers\n");
			return;
		}
		world_forward(runners[i].w, LB_FORWARD_IPIP);
		world_open_flows(runners[i].w, 4);
	}
	for (uint32_t rep = 0; rep < reps; rep++) {
		double alone = run(&runners[0], 1) + run(&runners[1], 1);

		gain[rep] = run(runners, 2) / (alone / 2);
	}
	report_spread(gain, reps, spread);
	report_figure(r, "workers.2", "two workers, of one", spread, "times",
		      "IPv4 ipip, 1 M flows each; 2 CPUs");
}
