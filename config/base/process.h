/* SPDX-License-Identifier: BSD-3-Clause */
/* What this process uses. Context: any thread. All return NAN if it cannot be read. */
#ifndef CONFIG_BASE_PROCESS_H
#define CONFIG_BASE_PROCESS_H

double process_resident_bytes(void);

/** Descriptors that are open, and the limit of their number. */
double process_open_files(void);
double process_max_files(void);

#endif
