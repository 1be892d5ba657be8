/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK's environment: its arguments and its output. */
#ifndef IO_EAL_H
#define IO_EAL_H

#include "dataplane/io/plan.h"

/** The lcore of a worker; the main lcore is 0. */
static inline uint32_t eal_lcore(uint32_t worker)
{
	return worker + 1;
}

/** Name of an interface's device, one for each worker: net_af_xdp0, ... */
#define EAL_XDP_DEVICE "net_af_xdp%u"

/**
 * Start DPDK: memory, lcores, devices.
 * @program: argv[0].
 * Return: 0 or -errno, logged. Context: main thread, once in a process.
 */
int eal_start(const struct plan *plan, const char *program);

void eal_stop(void);

/* Part of a complaint: the kernel does not let this program use the IOMMU for a device. */
#define EAL_COMPLAINT_IOMMU "failed to select IOMMU type"

/**
 * DPDK's last complaint since the last call; empty if there was none.
 * Valid until the next call.
 */
const char *eal_complaint(void);

#endif
