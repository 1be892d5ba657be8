/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/cpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int cpus_parse(const char *text, cpu_set_t *set)
{
	char *rest = NULL;

	CPU_ZERO(set);
	for (; *text >= '0' && *text <= '9'; text = rest + (*rest == ',')) {
		unsigned long first = strtoul(text, &rest, 10);
		unsigned long last = *rest == '-' ? strtoul(rest + 1, &rest, 10) : first;

		if (last >= CPU_SETSIZE)
			return -ERANGE;
		for (; first <= last; first++)
			CPU_SET(first, set);
	}
	return CPU_COUNT(set) > 0 ? 0 : -EINVAL;
}

int cpus_online(cpu_set_t *set)
{
	FILE *f = fopen("/sys/devices/system/cpu/online", "r");
	char text[4096] = "";

	if (!f)
		return -errno;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	return cpus_parse(text, set);
}

void cpus_absent_note(const cpu_set_t *online, const uint16_t *cpus, uint32_t n, char *note,
		      size_t size)
{
	size_t at = 0;

	note[0] = '\0';
	for (uint32_t i = 0; i < n && at < size; i++)
		if (cpus[i] >= CPU_SETSIZE || !CPU_ISSET(cpus[i], online))
			at += (size_t)snprintf(note + at, size - at, "%s%u",
					       at ? "," : "node.cpus: not online: CPU ", cpus[i]);
	if (at && at < size)
		snprintf(note + at, size - at, "; its part of the flow table is not used");
}
