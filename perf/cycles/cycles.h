/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-process cycle benchmark: the real pipeline with its tables and statistics, fed with fresh
 * packets in real mbufs, without a driver. In turns within one run, it also measures what the
 * pipeline is compared with: rte_hash on the same keys, and testpmd's macswap on the same packets.
 *
 * As after a NIC's receive burst, the first lines of the mbufs are in the cache when the clock
 * starts, and the frames are not: CHUNK packets are written ahead, more than the second-level cache
 * holds. Bursts during which another process ran are not counted. That process still affects the
 * caches and the clock: on a shared machine only ratios within one run are meaningful.
 */
#ifndef PERF_CYCLES_H
#define PERF_CYCLES_H

#include <jansson.h>

#include "tests/support/harness.h"

#define CYCLES_CHUNK 16384 /* packets written ahead; a multiple of PIPELINE_BURST */
#define CYCLES_MBUFS 65535
#define CYCLES_INSTANCES 100
#define CYCLES_REPS_MAX 101

enum cycles_kind {
	CYCLES_HIT,    /* ACKs of recorded flows, uniformly random */
	CYCLES_OPEN,   /* SYNs of the flows 0, 1, 2, ... */
	CYCLES_FLOOD,  /* SYNs from random addresses */
	CYCLES_ERRORS, /* ICMP fragmentation-needed about recorded flows */
	CYCLES_BESIDE, /* half CYCLES_FLOOD, half CYCLES_HIT, in no order */
	CYCLES_REPLY,  /* answers of instances on recorded flows, translated: traffic.ends */
	CYCLES_LIFE,   /* whole connections: SYN, ACK, request, FIN, last ACK; many interleaved */
};

#define TRAFFIC_LIFE_PACKETS 5
#define TRAFFIC_LIFE_APART 10000 /* connections begun between two packets of one */

/* The ends of a flow at its instance, as its packets to that have them. */
struct traffic_ends {
	lb_be32 src, dst;
	lb_be16 sport, dport;
};

/* The packets that a chunk consists of. */
struct traffic {
	enum cycles_kind kind;
	uint8_t family; /* 4, 6, or 0: alternating by flow */
	uint8_t tcp_flags;
	uint32_t flows;
	uint64_t next;	 /* of CYCLES_OPEN and CYCLES_LIFE */
	uint64_t random; /* state of the generator; not 0 */
	uint8_t order[TRAFFIC_LIFE_PACKETS];
	const struct traffic_ends *ends; /* of CYCLES_REPLY, by flow */
};

/* ---- traffic.c ---- */

extern const uint8_t traffic_vip4[16], traffic_vip6[16];
#define TRAFFIC_PORT 443

/** Write the next packet into an empty mbuf: the smallest Ethernet frame, padded with payload. */
void traffic_write(struct traffic *t, struct rte_mbuf *m);

/** Key of IPv4 flow @n, as the pipeline computes it for service @id. */
uint64_t traffic_key4(uint32_t n, uint16_t id);

uint64_t traffic_random(uint64_t *state);

/* ---- world.c: tables, memory and packets ---- */

struct world {
	struct harness h;
	uint32_t flows;	      /* rated capacity of the table */
	uint16_t chunk_ticks; /* time advances by this with every chunk */
	enum pipeline_simd simd;
	struct lb_nat_memory nat; /* nat.c */
	struct rte_mbuf *chunk[CYCLES_CHUNK];
};

/**
 * Start EAL, with hugepages if there are enough. Return: whether there are. Ends the process on
 * failure.
 */
bool world_eal_start(const char *program, uint32_t memory_mb);

/** Create instances, pools, parameters and @mbufs. Ends the process if out of memory. */
struct world *world_create(const char *name, uint32_t mbufs, enum pipeline_simd simd);

/**
 * Zeroed memory on hugepages, as sluice-dataplane has for flows and records, if the kernel has any.
 * Return: NULL: no memory; else to be freed.
 */
void *world_memory(size_t bytes);

/** An empty flow table for @flows. Return: 0 or -ENOMEM. */
int world_table(struct world *w, uint32_t flows);

/** Send both services with one way of forwarding; flows are kept. */
void world_forward(struct world *w, enum lb_forward forward);

/** Fill the chunk with packets. */
void world_fill(struct world *w, struct traffic *t);

/** Fill the table with the flows that it is rated for, all established. */
void world_open_flows(struct world *w, uint8_t family);

/* ---- stages.c: pipeline_burst() with a clock between its stages ---- */

enum stage {
	STAGE_PREFETCH,
	STAGE_PARSE,
	STAGE_LOOKUP,
	STAGE_MISS,
	STAGE_REWRITE,
	STAGE_SORT,
	STAGES
};

extern const char *const stage_names[STAGES];

void stages_burst(struct world *w, struct rte_mbuf **pkts, struct pipeline_out *out,
		  uint64_t *cycles);

/* ---- rivals.c: what the pipeline is compared with ---- */

struct rival_keys {
	uint64_t key[CYCLES_CHUNK];
	const void *pointer[CYCLES_CHUNK];
};

struct rte_hash;

/** A table with the keys of @flows flows. Return: NULL if out of memory. */
struct rte_hash *rivals_hash_create(uint32_t flows);
void rivals_hash_destroy(struct rte_hash *hash);

/** Random keys among those of @flows flows. */
void rivals_keys(struct rival_keys *keys, uint32_t flows, uint64_t *random);

/** Look up a burst of keys. Return: how many were found. */
uint32_t rivals_hash_lookup(const struct rte_hash *hash, const struct rival_keys *keys,
			    uint32_t at);
uint32_t rivals_flow_lookup(const struct world *w, const struct rival_keys *keys, uint32_t at);

/** Swap the addresses of a burst, as testpmd does. */
void rivals_macswap(struct rte_mbuf **pkts);

/** Only the unavoidable memory accesses of forwarding by IPv4 ipip. */
void rivals_floor(struct world *w, struct rte_mbuf **pkts);

/* ---- measure.c ---- */

enum measure_what {
	MEASURE_PIPELINE,
	MEASURE_STAGES,
	MEASURE_MACSWAP,
	MEASURE_FLOOR,
	MEASURE_HASH,
	MEASURE_FLOWS,
};

/* One row of the result: what is measured, and the values. */
struct measure {
	const char *name;
	enum measure_what what;
	enum lb_forward forward;
	struct traffic traffic;
	const struct rte_hash *hash;
	uint32_t reps;
	double cycles[CYCLES_REPS_MAX]; /* per packet or key */
	double stage[STAGES][CYCLES_REPS_MAX];
	double hit_rate;
	uint64_t interrupted;	      /* bursts not counted, since another process ran meanwhile */
	uint32_t bytes_in, bytes_out; /* of a frame, without FCS; 0: there is none */
};

/** Once, before any measurement: determine the cost of reading the clock. */
void measure_calibrate(void);

/** One repetition of @packets packets or keys. */
void measure_once(struct world *w, struct measure *m, uint32_t packets);

/* ---- scenarios.c: measurements with more than one kind of packet ---- */

struct report;

/** Connections per second, counting all packets of their lifetimes. */
void scenario_connections(struct world *w, struct report *r, uint32_t reps);

/**
 * A SYN flood at the table's rating: its cost, alone and beside established flows, and its effect
 * on them.
 */
void scenario_flood(struct world *w, struct report *r, uint32_t reps);

/* shared.c: the cost of a flow table that is shared with the XDP program. */
void scenario_shared(struct world *w, struct report *r, uint32_t reps);

/* nat.c: IPv4 packets of translated flows, in both directions, and ipip beside them. */
void scenario_nat(struct world *w, struct report *r, uint32_t flows, uint32_t reps);

/* access.c: SYNs to services with lists of clients of several lengths. */
void scenario_access(struct world *w, struct report *r, uint32_t reps);

/** Bytes of the flow table per flow in it. */
void scenario_memory(struct world *w, struct report *r);

/** Two workers at once, on two CPUs, compared with each of them alone. */
void scenario_workers(struct world *w, struct report *r, uint32_t reps);

/* ---- report.c ---- */

/*
 * The JSON file: { "machine": {cpu, cpus, tsc_ghz, hugepages, load, dpdk, commit, time},
 * "rows": [{name, flows, frame_in, frame_out, hit_rate, cycles, cycles_p10, cycles_p90, ns,
 * repetitions, interrupted, "stages": {name: cycles} in rows that have them}], cycles per packet or
 * key; "figures": {KEY: {value, unit, low, high, note}} with low and high null where nothing
 * varies. }
 * KEY: connections.4, flood.moved, flood.lost, flood.kept, flood.beside, memory.slot,
 * memory.flow.4, memory.flow.6, memory.flow (the larger of both), workers.2. Names and keys are
 * stable.
 */

struct report {
	json_t *rows;
	json_t *figures;
	double tsc_ghz;
};

void report_section(const char *title);
void report_row(struct report *r, struct measure *m, uint32_t flows);

/** A figure that is not the cost of a packet. @low, @high: its spread; NAN for none. */
void report_figure(struct report *r, const char *key, const char *what, const double value[3],
		   const char *unit, const char *note);

/** Median, 10th and 90th percentile of @n values. */
void report_spread(const double *values, uint32_t n, double spread[3]);

/** Print the machine's properties. Return: the same for report_write(). */
json_t *report_machine(double tsc_ghz, bool hugepages, enum pipeline_simd simd);

/** Write all rows to @path if it is not NULL. Return: 0 or -errno. */
int report_write(const struct report *r, json_t *machine, const char *path);

#endif
