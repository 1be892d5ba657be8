/* SPDX-License-Identifier: BSD-3-Clause */
/* Why the last start failed: kept in the run directory, for sluiced's status and for the next start. */
#ifndef IO_FAILURE_H
#define IO_FAILURE_H

#include <stdint.h>

/**
 * Keep why this start fails.
 * @why: one line.
 * Return: how many starts in a row have failed for this reason before.
 */
uint32_t failure_record(const char *run_dir, const char *why);

/** It runs, or has been told to end. */
void failure_clear(const char *run_dir);

/** Seconds to wait before the @repeats-th failure for the same reason ends the process. */
uint32_t failure_delay_s(uint32_t repeats, uint32_t most_s);

#endif
