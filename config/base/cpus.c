/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/cpus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/base/file.h"
#include "config/base/scalar.h"

/* "4" or "2-5". Return: 0, or as cpus_parse(); @end: what follows. */
static int range_parse(const char *text, cpu_set_t *set, uint32_t *twice, const char **end)
{
	uint32_t first, last;

	if (config_scalar_number_prefix(text, &first, end))
		return -EINVAL;
	last = first;
	if (**end == '-' && config_scalar_number_prefix(*end + 1, &last, end))
		return -EINVAL;
	if (last < first)
		return -EINVAL;
	if (last >= CPU_SETSIZE)
		return -ERANGE;
	for (uint32_t cpu = first; cpu <= last; cpu++) {
		*twice = cpu;
		if (CPU_ISSET(cpu, set))
			return -EEXIST;
		CPU_SET(cpu, set);
	}
	return 0;
}

int cpus_parse(const char *text, cpu_set_t *set, uint32_t *twice)
{
	int err;

	CPU_ZERO(set);
	err = range_parse(text, set, twice, &text);
	while (!err && *text == ',')
		err = range_parse(text + 1, set, twice, &text);
	return err ? err : *text ? -EINVAL : 0;
}

void cpus_format(const cpu_set_t *set, char *text, size_t size)
{
	size_t length = 0;

	text[0] = '\0';
	for (int cpu = 0, last; cpu < CPU_SETSIZE; cpu = last + 1) {
		char range[16];
		int n;

		last = cpu;
		if (!CPU_ISSET(cpu, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		n = snprintf(range, sizeof(range), "%s%d", length ? "," : "", cpu);
		if (last > cpu)
			n += snprintf(range + n, sizeof(range) - (size_t)n, "-%d", last);
		if (length + (size_t)n >= size)
			return;
		memcpy(text + length, range, (size_t)n + 1);
		length += (size_t)n;
	}
}

int cpus_online(cpu_set_t *set)
{
	char text[CPUS_TEXT_MAX];
	uint32_t twice;
	int err = file_line("/sys/devices/system/cpu/online", text, sizeof(text));

	return err ? err : cpus_parse(text, set, &twice);
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
