/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's CPUs, whichever of them this process may run on. */
#ifndef CONTROLPLANE_BASE_CPUS_H
#define CONTROLPLANE_BASE_CPUS_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/** Parse the kernel's "0-3,8". Return: 0, -ERANGE, -EINVAL if there is none in it. */
int cpus_parse(const char *text, cpu_set_t *set);

/** Those that are online. Return: 0 or -errno. */
int cpus_online(cpu_set_t *set);

/**
 * Say which CPUs of node.cpus are not online.
 * @note: set to one sentence about them, or "".
 */
void cpus_absent_note(const cpu_set_t *online, const uint16_t *cpus, uint32_t n, char *note,
		      size_t size);

#endif
