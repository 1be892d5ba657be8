/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine that a benchmark ran on: without it the figures mean nothing. */
#ifndef PERF_MACHINE_H
#define PERF_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct machine {
	char cpu[128]; /* its model */
	long n_cpus;   /* online */
	double tsc_ghz;
	bool hugepages;
	double load; /* average of the last minute; -1: unknown */
};

/** Free hugepages of the default size, in MB. */
uint32_t machine_hugepages_free_mb(void);

void machine_look(struct machine *machine, double tsc_ghz, bool hugepages);

/** The same as JSON, with versions, commit (SLUICE_COMMIT) and time. Return: a new reference. */
json_t *machine_pack(const struct machine *machine);

#endif
