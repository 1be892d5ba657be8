/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cost of an XDP program per packet, above a bare XDP_TX that is timed the same way. Errors end
 * the program: nothing here continues after one. Context: one thread, bound to one CPU.
 */
#ifndef PERF_XDP_BENCH_H
#define PERF_XDP_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_TARGETS_MAX 4
#define BENCH_ROUNDS_MAX 99
#define BENCH_FLOWS_MAX 1000000u /* rated capacity of our table */
#define BENCH_INSERTS 100000u	 /* new flows in one round */
#define BENCH_INSTANCES 100u	 /* of each pool */

/** Print what failed, with errno's text if there is one, and exit. */
__attribute__((noreturn)) void die(const char *what);

/* ---- own.c ---- */

/**
 * Load our program, with a flow table for BENCH_FLOWS_MAX flows on @cpu, and two services with a
 * pool each: 203.0.113.10:443 to instances that are reached by IPv4, [2001:db8:f::10]:443 by IPv6.
 * @regions: number of flow tables: this CPU's, and those of others, which get no packets here.
 * Return: its descriptor.
 */
int own_load(bool l2, uint32_t cpu, uint32_t regions);

/** Forget all flows. */
void own_empty(void);

/* ---- trial.c ---- */

/* A program that is timed. */
struct target {
	char name[32];
	int fd;
	uint32_t per_second; /* new flows that it accepts; 0: any number */
	uint32_t len_out;    /* of the last frame that it sent */
	char sent[64];	     /* description of that frame */
};

/* Nanoseconds per packet of each round. */
struct figures {
	double bare[BENCH_ROUNDS_MAX];
	double target[BENCH_TARGETS_MAX][BENCH_ROUNDS_MAX];
	uint32_t rounds;
};

/** Load the program that restores the packet. */
void trial_init(void);

/** Let a target record @flows flows of @family, established, that no trial uses. */
void trial_fill(struct target *t, uint32_t family, uint32_t flows);

/** Packets of @flows flows that every target has recorded as established. */
void trial_hit(struct target *targets, uint32_t n, uint32_t family, uint32_t flows,
	       struct figures *f);

/**
 * BENCH_INSERTS packets that each begin a flow. Call after trial_hit(), whose flows are in the
 * table too.
 */
void trial_insert(struct target *targets, uint32_t n, uint32_t family, struct figures *f);

/* ---- report.c ---- */

struct report;

struct report *report_begin(const struct target *targets, uint32_t n, uint32_t rounds);
void report_row(struct report *r, const struct target *targets, const char *what, uint32_t family,
		uint32_t flows, const struct figures *f);

/** Write all rows to @path too, as JSON, unless it is NULL; free the report. */
void report_end(struct report *r, const char *path);

#endif
