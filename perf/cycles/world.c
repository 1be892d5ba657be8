/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "perf/cycles/cycles.h"
#include "perf/machine.h"

#define HUGE_BYTES (2u << 20)
#define SLOTS LB_POOL_SLOTS_DEFAULT
#define FLAGS_ALL                                                                                  \
	(LB_INSTANCE_SERVES | LB_INSTANCE_ACCEPTS | LB_INSTANCE_RESOLVED | LB_INSTANCE_ON_LINK)

static void die(const char *what)
{
	fprintf(stderr, "cycles: %s\n", what);
	exit(1);
}

bool world_eal_start(const char *program, uint32_t memory_mb)
{
	bool huge = machine_hugepages_free_mb() >= memory_mb;
	char memory[16];
	char *argv[] = { (char *)(uintptr_t)program,
			 "-m",
			 memory,
			 "--no-pci",
			 "--no-telemetry",
			 "--no-shconf",
			 "--log-level=3",
			 "--iova-mode=va",
			 "--lcores=0@0-1",
			 huge ? "--in-memory" : "--no-huge",
			 NULL };

	snprintf(memory, sizeof(memory), "%u", memory_mb);
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0)
		die(rte_strerror(rte_errno));
	return huge;
}

/* Pool 0 has outer IPv4 headers, pool 1 outer IPv6. */
static void instances_put(struct world *w)
{
	static struct lb_instance instances[2 * CYCLES_INSTANCES];
	static uint16_t slots[SLOTS];

	for (uint16_t i = 0; i < 2 * CYCLES_INSTANCES; i++) {
		harness_instance(&instances[i], i, i < CYCLES_INSTANCES ? 4 : 6, FLAGS_ALL);
		instances[i].pool = i / CYCLES_INSTANCES;
	}
	harness_put(&w->h, LB_BLOCK_INSTANCES, 0, instances, sizeof(instances),
		    2 * CYCLES_INSTANCES);
	for (uint16_t pool = 0; pool < 2; pool++) {
		for (uint32_t i = 0; i < SLOTS; i++)
			slots[i] = (uint16_t)(pool * CYCLES_INSTANCES + i % CYCLES_INSTANCES);
		harness_put(&w->h, LB_BLOCK_POOL, pool, slots, sizeof(slots), SLOTS);
	}
}

void world_forward(struct world *w, enum lb_forward forward)
{
	struct harness_service services[2] = {
		{ .family = 4, .port = TRAFFIC_PORT, .id = 1, .pool = 0 },
		{ .family = 6, .port = TRAFFIC_PORT, .id = 2, .pool = 1 },
	};

	memcpy(services[0].addr, traffic_vip4, 16);
	memcpy(services[1].addr, traffic_vip6, 16);
	services[0].forward = services[1].forward = (uint8_t)forward;
	if (lb_forward_has_port(forward))
		services[0].instance_port = services[1].instance_port = 6080;
	if (forward == LB_FORWARD_NAT)
		services[0].instance_port = services[1].instance_port = 8443;
	services[0].access = services[1].access = w->h.access_words != 0;
	harness_services(&w->h, services, 2);
}

struct world *world_create(const char *name, uint32_t mbufs, enum pipeline_simd simd)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		die("no memory");
	/* A ring, so that mbufs are reused in turn and not the warm ones first. */
	w->h.pool = rte_pktmbuf_pool_create(name, mbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					    SOCKET_ID_ANY);
	w->h.instance_stats =
		rte_zmalloc(NULL, LB_INSTANCES_MAX * sizeof(*w->h.instance_stats), 64);
	w->h.tables = tables_create(NULL);
	if (!w->h.pool || !w->h.instance_stats || !w->h.tables)
		die("no memory for packets and tables");
	harness_params(&w->h);
	instances_put(w);
	w->h.peers[0] = &w->h.flows.table;
	w->h.pl = (struct pipeline){
		.flows = &w->h.flows,
		.stats = &w->h.stats,
		.instance_stats = w->h.instance_stats,
		.peers = w->h.peers,
		.n_peers = 1,
		.port_mac = lb_mac_load(harness_port_mac),
	};
	w->simd = simd;
	pipeline_init(&w->h.pl, simd);
	pipeline_rate_set(&w->h.pl.kernel_rate, 1);
	pipeline_rate_set(&w->h.pl.icmp_rate, 1);
	world_forward(w, LB_FORWARD_L2);
	return w;
}

void *world_memory(size_t bytes)
{
	size_t rounded = (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
	void *memory = aligned_alloc(HUGE_BYTES, rounded);

	if (!memory)
		return NULL;
	(void)madvise(memory, rounded, MADV_HUGEPAGE);
	memset(memory, 0, rounded);
	return memory;
}

int world_table(struct world *w, uint32_t flows)
{
	size_t bytes = flow_table_bytes(flows);

	if (w->flows != flows) {
		free(w->h.flow_memory);
		w->h.flow_memory = world_memory(bytes);
		w->flows = w->h.flow_memory ? flows : 0;
	}
	if (!w->h.flow_memory)
		return -ENOMEM;
	memset(w->h.flow_memory, 0, bytes);
	memset(w->h.instance_stats, 0, LB_INSTANCES_MAX * sizeof(*w->h.instance_stats));
	w->h.stats.flows = 0;
	flow_table_init(&w->h.flows, w->h.flow_memory, flows, &w->h.stats, w->h.instance_stats);
	return 0;
}

void world_fill(struct world *w, struct traffic *t)
{
	if (rte_pktmbuf_alloc_bulk(w->h.pool, w->chunk, CYCLES_CHUNK))
		die("packet buffers are missing");
	for (uint32_t i = 0; i < CYCLES_CHUNK; i++)
		traffic_write(t, w->chunk[i]);
	w->h.now += w->chunk_ticks;
}

static void chunk_send(struct world *w)
{
	struct pipeline_out out;

	for (uint32_t i = 0; i < CYCLES_CHUNK; i += PIPELINE_BURST) {
		pipeline_burst(&w->h.pl, w->h.tables, w->h.now, &w->chunk[i], PIPELINE_BURST, &out);
		rte_pktmbuf_free_bulk(out.tx, out.n_tx);
	}
}

/* All flows of a table that is smaller than a chunk, in random order, or the next chunk's. */
static void flows_send(struct world *w, struct traffic t, uint8_t tcp_flags)
{
	t.tcp_flags = tcp_flags;
	world_fill(w, &t);
	chunk_send(w);
}

/* Chunk by chunk, since unconfirmed flows may evict each other. */
void world_open_flows(struct world *w, uint8_t family)
{
	struct traffic t = {
		.kind = w->flows < CYCLES_CHUNK ? CYCLES_HIT : CYCLES_OPEN,
		.family = family,
		.flows = w->flows,
		.random = 88172645463325252ULL,
	};

	for (; t.next < w->flows; t.next += CYCLES_CHUNK) {
		/* The last chunk overlaps the one before rather than open more flows. */
		if (t.kind == CYCLES_OPEN && t.next + CYCLES_CHUNK > w->flows)
			t.next = w->flows - CYCLES_CHUNK;
		flows_send(w, t, LB_TCP_SYN);
		flows_send(w, t, LB_TCP_ACK);
	}
}
