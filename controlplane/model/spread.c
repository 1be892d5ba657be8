/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/spread.h"

#include <stdio.h>

#define LONG_NS 10000000000ull

/*
 * Flows per worker that the others must have received meanwhile. If flows were spread evenly at
 * random, the probability that one of n workers gets none of 64 n flows would be below e^-64; with
 * a NIC that gives it a quarter of its share, below e^-16. One client's single flow, or a few,
 * prove nothing.
 */
#define FLOWS_PER_WORKER 64

static uint64_t flows_of_all(const struct spread_worker *workers, uint32_t n)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < n; i++)
		all += workers[i].flows;
	return all;
}

static void begin(struct spread *s, uint64_t boot_id, uint32_t n)
{
	*s = (struct spread){ .boot_id = boot_id, .n = n };
	for (uint32_t i = 0; i < n; i++)
		s->worker[i].flows = UINT64_MAX;
}

static void note_write(struct spread *s, const struct spread_worker *workers)
{
	size_t at = 0;

	s->note[0] = '\0';
	for (uint32_t i = 0; i < s->n && at < sizeof(s->note) / 2; i++)
		if (s->worker[i].is_idle)
			at += (size_t)snprintf(s->note + at, sizeof(s->note) - at, "%s%u",
					       at ? "," : "no flows on CPU ", workers[i].cpu);
	if (at)
		snprintf(
			s->note + at, sizeof(s->note) - at,
			" of node.cpus, but many on the others: the NIC does not distribute them (RSS)");
}

bool spread_look(struct spread *s, uint64_t boot_id, const struct spread_worker *workers,
		 uint32_t n, uint64_t now_ns)
{
	const uint64_t all = flows_of_all(workers, n);
	bool news = false;

	if (s->boot_id != boot_id || s->n != n)
		begin(s, boot_id, n);
	for (uint32_t i = 0; i < n; i++) {
		bool was_idle = s->worker[i].is_idle;

		if (s->worker[i].flows != workers[i].flows) {
			s->worker[i].flows = workers[i].flows;
			s->worker[i].all = all;
			s->worker[i].since_ns = now_ns;
		}
		s->worker[i].is_idle = all - s->worker[i].all >= (uint64_t)n * FLOWS_PER_WORKER &&
				       now_ns - s->worker[i].since_ns >= LONG_NS;
		news |= s->worker[i].is_idle && !was_idle;
	}
	note_write(s, workers);
	return news;
}
