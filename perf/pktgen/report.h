/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PKTGEN_REPORT_H
#define PKTGEN_REPORT_H

#include <jansson.h>

#include "perf/pktgen/measure.h"
#include "perf/pktgen/search.h"

/** Print a result for people. */
void report_print(const struct generator *g, const struct result *result);

void report_print_search(const struct search *search);

/** All of a result. */
json_t *report_result(const struct generator *g, const struct result *result);

json_t *report_search(const struct generator *g, const struct search *search);

/** What was asked for, and the machine that it ran on. */
json_t *report_head(const struct generator *g);

/**
 * Faults that count: all but the tolerated ones; lost packets too, if none may be lost or all were.
 */
uint64_t report_verdict(const struct generator *g, const struct result *result);

#endif
