/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_version.h>

#include "config/base/version.h"

static void cpu_name(char *name, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(name, size, "?");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) != 0 || !strchr(line, ':'))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(name, size, "%s", strchr(line, ':') + 2);
		break;
	}
	if (f)
		fclose(f);
}

uint32_t machine_hugepages_free_mb(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long pages = 0, kb = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "HugePages_Free:", 15) == 0)
			pages = strtoul(line + 15, NULL, 10);
		if (strncmp(line, "Hugepagesize:", 13) == 0)
			kb = strtoul(line + 13, NULL, 10);
	}
	if (f)
		fclose(f);
	return (uint32_t)(pages * kb / 1024);
}

void machine_look(struct machine *machine, double tsc_ghz, bool hugepages)
{
	*machine = (struct machine){
		.n_cpus = sysconf(_SC_NPROCESSORS_ONLN),
		.tsc_ghz = tsc_ghz,
		.hugepages = hugepages,
	};
	cpu_name(machine->cpu, sizeof(machine->cpu));
	if (getloadavg(&machine->load, 1) != 1)
		machine->load = -1;
}

json_t *machine_pack(const struct machine *machine)
{
	const char *commit = getenv("SLUICE_COMMIT");

	return json_pack("{s:s, s:i, s:f, s:b, s:f, s:s, s:s, s:s, s:I}", "cpu", machine->cpu,
			 "cpus", (int)machine->n_cpus, "tsc_ghz", machine->tsc_ghz, "hugepages",
			 machine->hugepages, "load", machine->load, "dpdk", rte_version(),
			 "version", SLUICE_VERSION, "commit", commit ? commit : "", "time",
			 (json_int_t)time(NULL));
}
