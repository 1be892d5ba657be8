/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of CPUs, and the machine's, regardless of this process's affinity. Context: any thread. */
#ifndef CONFIG_BASE_CPUS_H
#define CONFIG_BASE_CPUS_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/* Any list fits: each second CPU alone. */
#define CPUS_TEXT_MAX (CPU_SETSIZE / 2 * 5)

/**
 * Parse "0-3,8", as in the kernel's files and in node.cpus.
 * Return: 0; -EINVAL: malformed, or no CPU; -ERANGE: beyond a cpu_set_t; -EEXIST: @twice is listed
 * twice.
 */
int cpus_parse(const char *text, cpu_set_t *set, uint32_t *twice);

/** The reverse; ranges that do not fit are left out. */
void cpus_format(const cpu_set_t *set, char *text, size_t size);

/** The CPUs that are online. Return: 0 or -errno. */
int cpus_online(cpu_set_t *set);

/**
 * Report which CPUs of node.cpus are not online.
 * @note: set to one sentence about them, or "".
 */
void cpus_absent_note(const cpu_set_t *online, const uint16_t *cpus, uint32_t n, char *note,
		      size_t size);

#endif
