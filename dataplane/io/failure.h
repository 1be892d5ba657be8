/* SPDX-License-Identifier: BSD-3-Clause */
/* Why the last start failed: kept in the run directory, for sluiced's status and the next start. */
#ifndef IO_FAILURE_H
#define IO_FAILURE_H

#include <stdint.h>

/**
 * Record why this start fails.
 * @why: one line.
 * Return: number of consecutive earlier starts that failed for the same reason.
 */
uint32_t failure_record(const char *run_dir, const char *why);

/** To be called when the dataplane runs, or was told to end. */
void failure_clear(const char *run_dir);

/** Seconds to wait before the @repeats-th failure for the same reason ends the process. */
uint32_t failure_delay_s(uint32_t repeats, uint32_t most_s);

#endif
