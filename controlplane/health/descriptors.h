/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * File descriptors: enough for what the configuration has open at once. With none left, the kernel
 * can no longer be queried.
 */
#ifndef CONTROLPLANE_HEALTH_DESCRIPTORS_H
#define CONTROLPLANE_HEALTH_DESCRIPTORS_H

#include <stdint.h>

/**
 * Raise RLIMIT_NOFILE so that @checks checks at once fit beside @clients of the control socket and
 * what is always open. It is never lowered.
 * Return: how many checks fit; fewer, with a warning, if this process may not raise it that far.
 */
uint32_t descriptors_reserve(uint32_t clients, uint32_t checks);

#endif
