/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/pktgen/instances.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int address_read(const char *text, uint8_t *addr, uint8_t *family)
{
	memset(addr, 0, 16);
	*family = strchr(text, ':') ? 6 : 4;
	return inet_pton(*family == 6 ? AF_INET6 : AF_INET, text, addr) == 1 ? 0 : -EINVAL;
}

static uint32_t last32_of(const uint8_t *addr, uint8_t family)
{
	return lb_be32_to_cpu(lb_load32(addr + (family == 6 ? 12 : 0)));
}

int instances_add(struct instances *instances, const char *text)
{
	struct instances_range *range = &instances->range[instances->n_ranges];
	uint8_t end[16], end_family;
	char first[INET6_ADDRSTRLEN];
	const char *dash = strchr(text, '-');
	size_t length = dash ? (size_t)(dash - text) : strlen(text);

	if (instances->n_ranges == INSTANCES_RANGES_MAX || length >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, length);
	first[length] = '\0';
	if (address_read(first, range->addr, &range->family))
		return -EINVAL;
	range->last32 = last32_of(range->addr, range->family);
	range->first = instances->count;
	range->count = 1;
	if (dash) {
		if (address_read(dash + 1, end, &end_family) || end_family != range->family ||
		    (end_family == 6 && memcmp(end, range->addr, 12) != 0) ||
		    last32_of(end, end_family) < range->last32)
			return -EINVAL;
		range->count = last32_of(end, end_family) - range->last32 + 1;
	}
	if (range->count > INSTANCES_MAX - instances->count)
		return -EINVAL;
	instances->count += range->count;
	instances->n_ranges++;
	return 0;
}

int instances_may_leave(struct instances *instances, const char *text)
{
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text)
			return -EINVAL;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
		}
		if (end == text || last >= INSTANCES_MAX || first > last || (*end && *end != ','))
			return -EINVAL;
		for (unsigned long i = first; i <= last; i++)
			instances->may_leave[i] = true;
		text = *end ? end + 1 : end;
	}
	return 0;
}

const char *instances_text(const struct instances *instances, uint32_t i, char *text, size_t size)
{
	for (uint32_t r = 0; r < instances->n_ranges; r++) {
		const struct instances_range *range = &instances->range[r];
		uint8_t addr[16];

		if (i - range->first >= range->count)
			continue;
		memcpy(addr, range->addr, 16);
		lb_store32(addr + (range->family == 6 ? 12 : 0),
			   lb_cpu_to_be32(range->last32 + i - range->first));
		return inet_ntop(range->family == 6 ? AF_INET6 : AF_INET, addr, text,
				 (socklen_t)size);
	}
	snprintf(text, size, "none");
	return text;
}
