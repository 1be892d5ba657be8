/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The reserve for other programs: a sixteenth of the memory, and at least this. */
#define STAYS_MB 128
#define STAYS_PART 16

/* "MemTotal:       24683620 kB" */
static bool line_read(const char *line, const char *name, uint64_t *kb)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length) != 0)
		return false;
	*kb = strtoull(line + length, NULL, 10);
	return true;
}

int memory_read(const char *meminfo, struct memory *memory)
{
	uint64_t total_kb = 0, available_kb = 0;
	FILE *file = fopen(meminfo, "re");
	bool knows_available = false;
	uint64_t stays_mb;
	char line[128];

	*memory = (struct memory){ .takeable_mb = UINT64_MAX };
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		(void)line_read(line, "MemTotal:", &total_kb);
		if (line_read(line, "MemAvailable:", &available_kb))
			knows_available = true;
	}
	fclose(file);
	if (!knows_available)
		return -ENODATA;
	memory->total_mb = total_kb / 1024;
	memory->available_mb = available_kb / 1024;
	stays_mb = memory->total_mb / STAYS_PART;
	if (stays_mb < STAYS_MB)
		stays_mb = STAYS_MB;
	memory->takeable_mb = memory->available_mb > stays_mb ? memory->available_mb - stays_mb : 0;
	return 0;
}
