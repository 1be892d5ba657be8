/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK, and the device that packets are sent and received on. */
#ifndef PKTGEN_DEVICE_H
#define PKTGEN_DEVICE_H

#include "perf/pktgen/generator.h"

/** Start DPDK. Return: 0 or -errno, explained on stderr. */
int device_eal_start(const struct options *options, const char *program);

/** Find the device and start it; wait for its link. Return: 0 or -errno, explained. */
int device_start(struct generator *g);

/** Whether the buffers are large enough for the frames. Return: 0, or -EMSGSIZE. */
int device_check(const struct generator *g);

/** Fill the buffers with the frames' pattern, once the kinds of packets are known. */
void device_fill(struct generator *g);

/** The lcore to launch generator_run() on. */
unsigned int device_worker(void);

bool device_has_hugepages(void);
const char *device_driver(const struct generator *g);

/** Whether the other end is still there; prints an error if not. */
bool device_has_link(const struct generator *g);

/** The device's error counters: packets that it could not deliver. */
uint64_t device_missed(const struct generator *g);

void device_stop(struct generator *g);

#endif
