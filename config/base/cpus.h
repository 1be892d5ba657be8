/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's CPUs, regardless of this process's affinity. */
#ifndef CONFIG_BASE_CPUS_H
#define CONFIG_BASE_CPUS_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/** Parse the kernel's "0-3,8". Return: 0, -ERANGE, -EINVAL if it names no CPU. */
int cpus_parse(const char *text, cpu_set_t *set);

/** The CPUs that are online. Return: 0 or -errno. */
int cpus_online(cpu_set_t *set);

/**
 * Report which CPUs of node.cpus are not online.
 * @note: set to one sentence about them, or "".
 */
void cpus_absent_note(const cpu_set_t *online, const uint16_t *cpus, uint32_t n, char *note,
		      size_t size);

#endif
