/* SPDX-License-Identifier: BSD-3-Clause */
/* Hugepages, and the limits of the daemons. */
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "controlplane/doctor/internal.h"

#define POOL "/sys/kernel/mm/hugepages"
#define MB (1u << 20)
/* Of a flow: a bucket of 64 bytes has five slots, half of them used; with NAT a record and a quarter. */
#define FLOW_BYTES 26u
#define NAT_BYTES 40u
#define WORKER_MB 28u /* buffers */
#define ALWAYS_MB 34u
#define POOL_BYTES_PER_SLOT 8u /* two tables, in four generations */
/* Of sluiced: what is always open, clients of its sockets, and two for each check. */
#define FILES_ALWAYS 512u
#define FILES_PER_CHECK 4u

uint32_t doctor_hugepages_mb(const struct config *config)
{
	const struct config_node *node = &config->node;
	uint64_t flow_bytes = config_may_have_nat(config) ? FLOW_BYTES + NAT_BYTES : FLOW_BYTES;
	uint64_t bytes = (uint64_t)config->pool_count * node->table_slots * POOL_BYTES_PER_SLOT;

	if (node->hugepages_mb)
		return node->hugepages_mb;
	if (!config_node_has_handover(node))
		bytes += node->flows * flow_bytes;
	return ALWAYS_MB + node->cpu_count * WORKER_MB + (uint32_t)(bytes / MB);
}

static uint64_t pages(const struct doctor *doctor, const char *what)
{
	char text[32];

	(void)doctor_line(doctor, text, sizeof(text), POOL "/%s", what);
	return strtoull(text, NULL, 10);
}

/* Pages that are missing are made at the start, of memory that is free then. */
static void hugepages_look(struct doctor *doctor)
{
	uint32_t needed = doctor_hugepages_mb(doctor->config);
	struct doctor_finding *finding;
	struct memory memory;
	char meminfo[PATH_MAX];
	uint64_t free_mb;

	if (doctor_dataplane_pid(doctor) > 0)
		return; /* it has them */
	free_mb = pages(doctor, "hugepages-2048kB/free_hugepages") * 2 +
		  pages(doctor, "hugepages-1048576kB/free_hugepages") * 1024;
	snprintf(meminfo, sizeof(meminfo), "%s" MEMORY_MEMINFO, doctor->root);
	if (memory_read(meminfo, &memory)) {
		doctor_say(doctor, DOCTOR_SKIPPED, "", "free memory cannot be read");
		return;
	}
	if (free_mb + memory.takeable_mb >= needed)
		return;
	finding = doctor_find(doctor, DOCTOR_WRONG, "");
	doctor_text(finding->found,
		    "%" PRIu64 " MB of free hugepages, and %" PRIu64
		    " MB of memory that could become some",
		    free_mb, memory.takeable_mb);
	doctor_text(finding->expected, "about %u MB, for %u flows and %u workers", needed,
		    doctor->config->node.flows, doctor->config->node.cpu_count);
	doctor_text(finding->mend,
		    "lower node.flows, add memory, or reserve at boot: hugepages=%u "
		    "on the kernel's command line",
		    (needed + 1) / 2);
}

/* ---- Limits ---- */

/* Whether a process may lock memory regardless of its limit. */
static bool may_lock(const struct doctor *doctor, int pid)
{
	char path[PATH_MAX], line[128];
	uint64_t capabilities = 0;
	FILE *file;

	if (pid > 0)
		snprintf(path, sizeof(path), "%s/proc/%d/status", doctor->root, pid);
	else
		snprintf(path, sizeof(path), "%s/proc/self/status", doctor->root);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "CapEff:", 7) == 0)
			capabilities = strtoull(line + 7, NULL, 16);
	if (file)
		fclose(file);
	return capabilities & (1ull << CAP_IPC_LOCK);
}

/* Before the start: of the process that asks, which may be the one that starts the daemon. */
static void memlock_look(struct doctor *doctor)
{
	uint64_t needed = (uint64_t)doctor_hugepages_mb(doctor->config) * MB, limit;
	struct doctor_finding *finding;

	if (doctor_dataplane_pid(doctor) > 0)
		return; /* it has locked what it needs */
	if (doctor_limit(doctor, 0, "Max locked memory", &limit)) {
		doctor_say(doctor, DOCTOR_SKIPPED, "", "cannot be read");
		return;
	}
	if (limit >= needed || may_lock(doctor, 0))
		return;
	finding = doctor_find(doctor, DOCTOR_ADVICE, "");
	doctor_text(finding->found, "RLIMIT_MEMLOCK is %" PRIu64 " kB here", limit / 1024);
	doctor_text(finding->expected, "unlimited, where sluice-dataplane is started");
	doctor_text(finding->mend, "start it by its unit, which has LimitMEMLOCK=infinity; or: "
				   "ulimit -l unlimited");
}

static uint64_t files_needed(const struct config *config)
{
	return FILES_ALWAYS + (uint64_t)config->node.checks_in_flight * FILES_PER_CHECK;
}

static void nofile_look(struct doctor *doctor)
{
	int pid = doctor_sluiced_pid(doctor);
	uint64_t needed = files_needed(doctor->config), limit;
	struct doctor_finding *finding;

	if (doctor_limit(doctor, pid, "Max open files", &limit)) {
		doctor_say(doctor, DOCTOR_SKIPPED, "sluiced", "cannot be read");
		return;
	}
	if (limit >= needed)
		return;
	finding = doctor_find(doctor, pid > 0 ? DOCTOR_WRONG : DOCTOR_ADVICE, "sluiced");
	doctor_text(finding->found, "RLIMIT_NOFILE is %" PRIu64 "%s", limit,
		    pid > 0 ? "" : " here");
	doctor_text(finding->expected, "%" PRIu64 " or more, for %u checks in flight", needed,
		    doctor->config->node.checks_in_flight);
	doctor_text(finding->mend,
		    "LimitNOFILE=%" PRIu64 " in the unit of sluiced, or: ulimit -n "
		    "%" PRIu64,
		    needed, needed);
}

const struct doctor_check doctor_checks_memory[] = {
	{ .name = "hugepages",
	  .title = "there is memory for hugepages",
	  .applies = doctor_has_dpdk,
	  .run = hugepages_look },
	{ .name = "memlock",
	  .title = "memory can be locked",
	  .applies = doctor_has_dpdk,
	  .run = memlock_look },
	{ .name = "nofile", .title = "enough files can be open", .run = nofile_look },
	{ 0 },
};
