/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/hugepages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/io/logger.h"

#define SYS_DIR "/sys/kernel/mm/hugepages/hugepages-"
#define PAGE_MB 2

/* A number of one size of pages; 0 if the kernel doesn't have that size. */
static uint64_t pages_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[32] = "";

	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return strtoull(text, NULL, 10);
}

static uint64_t free_megabytes(void)
{
	return pages_read(SYS_DIR "2048kB/free_hugepages") * PAGE_MB +
	       pages_read(SYS_DIR "1048576kB/free_hugepages") * 1024;
}

/* The kernel gives what it can find; how much is read afterwards. */
static void pages_set(uint64_t pages)
{
	FILE *file = fopen(SYS_DIR "2048kB/nr_hugepages", "we");

	if (!file)
		return;
	fprintf(file, "%llu\n", (unsigned long long)pages);
	fclose(file);
}

int hugepages_ensure(uint32_t megabytes)
{
	uint64_t before = pages_read(SYS_DIR "2048kB/nr_hugepages");
	uint64_t missing_mb, wanted;

	if (free_megabytes() >= megabytes)
		return 0;
	missing_mb = megabytes - free_megabytes();
	wanted = before + (missing_mb + PAGE_MB - 1) / PAGE_MB;
	pages_set(wanted);
	if (free_megabytes() >= megabytes) {
		logger_info(
			"hugepages: raised vm.nr_hugepages from %llu to %llu, %u MB were needed",
			(unsigned long long)before, (unsigned long long)wanted, megabytes);
		return 0;
	}
	logger_err("hugepages: %u MB are needed and %llu MB are free; run"
		   " 'sysctl -w vm.nr_hugepages=%llu', or free some memory before",
		   megabytes, (unsigned long long)free_megabytes(), (unsigned long long)wanted);
	return -ENOMEM;
}
