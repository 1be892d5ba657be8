/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/grace.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>

#include "config/base/cpus.h"

#define CPUS_MAX CPU_SETSIZE

static bool kernel_is_rt(void)
{
	FILE *f = fopen("/sys/kernel/realtime", "r");
	bool rt = f ? fgetc(f) == '1' : errno != ENOENT; /* if unknown, assume yes */

	if (f)
		fclose(f);
	return rt;
}

static int cpu_visit(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
}

/* Visit the CPU that the thread came from last: there it can continue with its own priority. */
static int cpus_visit(const cpu_set_t *online)
{
	int home = sched_getcpu(), err = 0;

	for (int cpu = 0; cpu < CPUS_MAX && !err; cpu++)
		if (CPU_ISSET(cpu, online) && cpu != home)
			err = cpu_visit(cpu);
	if (home >= 0 && !err)
		err = cpu_visit(home);
	return err;
}

int xdp_grace_urgent(void)
{
	const struct sched_param urgent = { .sched_priority = sched_get_priority_max(SCHED_FIFO) };

	return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &urgent) ? -errno : 0;
}

static int visit_urgently(const cpu_set_t *online)
{
	struct sched_param before;
	int policy = sched_getscheduler(0);
	bool is_urgent = policy == (SCHED_FIFO | SCHED_RESET_ON_FORK);
	bool changed =
		policy >= 0 && !is_urgent && !sched_getparam(0, &before) && !xdp_grace_urgent();
	int err = cpus_visit(online);

	if (changed)
		(void)sched_setscheduler(0, policy, &before);
	return err;
}

int xdp_grace_wait(void)
{
	cpu_set_t online = { { 0 } }, mine = { { 0 } };
	int err = kernel_is_rt() ? -EOPNOTSUPP : cpus_online(&online);

	if (!err && sched_getaffinity(0, sizeof(mine), &mine))
		err = -errno;
	if (!err) {
		err = visit_urgently(&online);
		(void)sched_setaffinity(0, sizeof(mine), &mine);
	}
	if (!err)
		return 0;
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}
