/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the XDP dataplane of a port is pinned, and what that says without loading anything.
 */
#ifndef CONTROLPLANE_XDP_PINS_H
#define CONTROLPLANE_XDP_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/abi/lb_pins.h"

#define XDP_PIN_DOOR "door" /* the map behind our door in libxdp's dispatcher */

/**
 * Find bpffs at LB_PIN_ROOT, or mount it there.
 * Return: 0; -errno, and @why says it in one sentence.
 */
int xdp_pins_mount(char *why, size_t size);

/**
 * Claim a port's folder for this process, as long as the descriptor is open; made if it is not there.
 * Return: the descriptor; -EBUSY: another process has it; -errno.
 */
int xdp_pins_claim(const char *port);

/**
 * Let a group use what is pinned: the one that the run directory belongs to, if it is another than this process's. It is
 * sluice-dataplane's, which is another user then.
 * Return: 0, or the first -errno.
 */
int xdp_pins_share(const char *port, const char *run_dir);

/** The program on an interface's hook, whosever it is. @id: its id; 0: none. Return: 0; -errno: not known. */
int xdp_pins_holder(uint32_t ifindex, uint32_t *id);

/** The interface that the program of this folder is on. Return: 0; -ENODEV: none; another -errno: not known. */
int xdp_pins_ifindex(const char *port, uint32_t *ifindex);

/**
 * Whether our program is on the port now, alone or in libxdp's dispatcher.
 * @port: whose folder; @ifindex: where it has that number.
 * Return: 1, 0; -errno: not known.
 */
int xdp_pins_carry(const char *port, uint32_t ifindex);

#endif
