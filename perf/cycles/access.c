/* SPDX-License-Identifier: BSD-3-Clause */
/* New flows of services with lists of clients. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/lb_access.h"
#include "perf/cycles/cycles.h"

#define FLOWS 1000000
#define CLIENTS (FLOWS / 16)
#define CLIENT_FIRST 0x0b000000u /* traffic.c */
#define SEED 88172645463325252ULL

/* One list for both services: the prefixes are spread over the clients, and none of them is refused. */
static void lists_make(struct world *w, uint32_t prefixes)
{
	static uint64_t word[8 + 2 * LB_ACCESS_PREFIXES_MAX + 4 + LB_ACCESS_UNIT];
	uint32_t n = 2 * prefixes + 1, at = 5;

	memset(word, 0, sizeof(word));
	w->h.access = word;
	w->h.access_words = 0;
	if (!prefixes)
		return;
	word[0] = 2;
	word[1] = 1ULL << LB_ACCESS_ID_SHIFT | 3;
	word[2] = 2ULL << LB_ACCESS_ID_SHIFT | 3;
	word[3] = (uint64_t)at << LB_ACCESS_HALF_SHIFT | n;
	word[4] = (uint64_t)(at + n) << LB_ACCESS_HALF_SHIFT | 1; /* IPv6: one, without a prefix */
	for (uint32_t i = 1; i < n; i++)
		word[at + i] = (uint64_t)(CLIENT_FIRST + (uint64_t)i * CLIENTS / n)
				       << LB_ACCESS_HALF_SHIFT |
			       (i % 2 ? LB_ACCESS_LISTED | 30 : 0);
	at += n + LB_ACCESS_WORDS_IPV6;
	w->h.access_words = (at + LB_ACCESS_UNIT - 1) / LB_ACCESS_UNIT * LB_ACCESS_UNIT;
}

void scenario_access(struct world *w, struct report *r, uint32_t reps)
{
	static const struct {
		const char *name;
		uint32_t prefixes;
	} cases[] = {
		{ "SYN IPv4 l2, no lists", 0 },
		{ "SYN IPv4 l2, 10 prefixes", 10 },
		{ "SYN IPv4 l2, 10,000 prefixes", LB_ACCESS_PREFIXES_MAX },
	};
	enum { N = sizeof(cases) / sizeof(cases[0]) };
	static struct measure rows[N];

	for (uint32_t i = 0; i < N; i++)
		rows[i] = (struct measure){
			.name = cases[i].name,
			.what = MEASURE_PIPELINE,
			.forward = LB_FORWARD_L2,
			.traffic = { CYCLES_OPEN, 4, LB_TCP_SYN, FLOWS, 0, SEED },
		};
	for (uint32_t rep = 0; rep < reps; rep++) {
		for (uint32_t i = 0; i < N; i++) {
			if (world_table(w, FLOWS))
				return;
			lists_make(w, cases[i].prefixes);
			rows[i].traffic.next = 0;
			measure_once(w, &rows[i], FLOWS);
		}
	}
	lists_make(w, 0);
	for (uint32_t i = 0; i < N; i++)
		report_row(r, &rows[i], FLOWS);
}
