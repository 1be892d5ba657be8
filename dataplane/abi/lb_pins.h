/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the XDP program and the maps of a port are pinned, and what the DPDK process opens there.
 * Flows and records of translated connections are divided evenly among the queues, the first of
 * which have a worker each. Counts have
 * rows of LB_INSTANCES_MAX, the workers' rows last. The workers' statistics have one entry more
 * than there are workers: the main thread's.
 */
#ifndef LB_PINS_H
#define LB_PINS_H

#include <stdio.h>
#include <string.h>

#include "dataplane/core/lb_base.h"

#define LB_PIN_ROOT "/sys/fs/bpf"
#define LB_PIN_DIR_MAX 448 /* bytes; an interface name has at most 127 characters */
#define LB_PIN_PATH_MAX (LB_PIN_DIR_MAX + 32)
#define LB_PIN_FLOWS "flows"
#define LB_PIN_COUNTS "counts"
#define LB_PIN_NAT_AREAS "nat_areas"
#define LB_PIN_NAT_RECORDS "nat_records"
#define LB_PIN_QUEUES "queues"
#define LB_PIN_WORKERS "workers"
#define LB_PIN_LINK "link"

/**
 * The directory of a port. bpffs allows no dots in names, and a name no slashes.
 * @port: as configured.
 * @path: LB_PIN_DIR_MAX bytes.
 */
LB_INLINE void lb_pin_dir(const char *port, char *path)
{
	size_t at = (size_t)snprintf(path, LB_PIN_DIR_MAX, LB_PIN_ROOT "/sluice-");

	for (; *port && at + 4 <= LB_PIN_DIR_MAX; port++) {
		const char *format = strchr("./%", *port) ? "%%%02x" : "%c";

		at += (size_t)snprintf(path + at, LB_PIN_DIR_MAX - at, format,
				       (unsigned char)*port);
	}
}

#endif
