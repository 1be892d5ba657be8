/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cost of one flow table for both dataplanes (node.dataplane: auto): it is then in a BPF map,
 * on 4 KB pages, and not in hugepages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "perf/cycles/cycles.h"

#define SEED 88172645463325252ULL
#define PACKETS 65536

/* A copy of the table in a map, as sluiced makes it. NULL if the kernel provides none. */
static void *map_make(const void *table, size_t bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "flows", sizeof(uint32_t),
				sizeof(struct lb_bucket),
				(uint32_t)(bytes / sizeof(struct lb_bucket)), &options);
	void *memory;

	if (fd < 0)
		return NULL;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED)
		return NULL;
	memcpy(memory, table, bytes);
	return memory;
}

static void compare(struct world *w, struct report *r, struct measure *rows, uint32_t reps)
{
	const struct traffic t = { CYCLES_HIT, 4, LB_TCP_ACK, w->flows, 0, SEED };
	size_t bytes = flow_table_bytes(w->flows);
	struct lb_bucket *memory[2] = { w->h.flow_memory, map_make(w->h.flow_memory, bytes) };
	double ratio[CYCLES_REPS_MAX], spread[3];
	char name[64];

	if (!memory[1]) {
		printf("no BPF map for the flow table: not root?\n");
		return;
	}
	rows[0] = (struct measure){ "IPv4 l2, flows in hugepages", MEASURE_PIPELINE, LB_FORWARD_L2,
				    t };
	rows[1] = (struct measure){ "IPv4 l2, flows in a map", MEASURE_PIPELINE, LB_FORWARD_L2, t };
	for (uint32_t rep = 0; rep < reps; rep++) {
		for (uint32_t i = 0; i < 2; i++) {
			w->h.flows.table.bucket = memory[i];
			measure_once(w, &rows[i], PACKETS);
		}
		ratio[rep] = rows[1].cycles[rep] / rows[0].cycles[rep];
	}
	w->h.flows.table.bucket = memory[0];
	munmap(memory[1], bytes);
	report_row(r, &rows[0], w->flows);
	report_row(r, &rows[1], w->flows);
	snprintf(name, sizeof(name), "shared.%u", w->flows);
	report_spread(ratio, reps, spread);
	report_figure(r, name, "flow table in a map, against hugepages", spread, "times",
		      "whole pipeline, cycles per packet");
}

void scenario_shared(struct world *w, struct report *r, uint32_t reps)
{
	static const uint32_t sizes[] = { 1000, 1000000 };
	static struct measure rows[2];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(rows, 0, sizeof(rows));
		if (world_table(w, sizes[i]))
			continue;
		world_open_flows(w, 4);
		compare(w, r, rows, reps);
	}
}
