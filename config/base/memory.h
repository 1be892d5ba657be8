/* SPDX-License-Identifier: BSD-3-Clause */
/* How much of this machine's memory may be taken. */
#ifndef CONFIG_MEMORY_H
#define CONFIG_MEMORY_H

#include <stdint.h>

#define MEMORY_MEMINFO "/proc/meminfo"

struct memory {
	uint64_t total_mb;
	uint64_t available_mb; /* without swapping, as the kernel estimates it */
	uint64_t takeable_mb;  /* of that, less a reserve for all other programs */
};

/**
 * @meminfo: MEMORY_MEMINFO, or a file like it.
 * Return: 0 or -errno; on an error, and if the kernel doesn't say, everything is takeable.
 */
int memory_read(const char *meminfo, struct memory *memory);

#endif
