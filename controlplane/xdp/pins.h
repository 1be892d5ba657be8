/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the XDP dataplane of a port is pinned, and what the pins tell without loading anything. */
#ifndef CONTROLPLANE_XDP_PINS_H
#define CONTROLPLANE_XDP_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/abi/lb_pins.h"

#define XDP_PIN_DOOR "door" /* the map behind our door in libxdp's dispatcher */

/**
 * Find bpffs at LB_PIN_ROOT, or mount it there.
 * Return: 0; -errno, and @why gives the reason in one sentence.
 */
int xdp_pins_mount(char *why, size_t size);

/**
 * Lock a port's pin directory for this process, as long as the descriptor is open; created if
 * missing.
 * Return: the descriptor; -EBUSY: another process has it; -errno.
 */
int xdp_pins_claim(const char *port);

/**
 * Give a group access to the pins: the run directory's group, if it differs from this process's. It
 * is the group of sluice-dataplane, which then runs as another user.
 * Return: 0, or the first -errno.
 */
int xdp_pins_share(const char *port, const char *run_dir);

/**
 * The program on an interface's hook, ours or not. @id: its id; 0: none.
 * Return: 0; -errno: unknown.
 */
int xdp_pins_holder(uint32_t ifindex, uint32_t *id);

/**
 * The interface that the program of this directory is attached to.
 * Return: 0; -ENODEV: none; another -errno: unknown.
 */
int xdp_pins_ifindex(const char *port, uint32_t *ifindex);

/**
 * Whether our program is on the port now, alone or in libxdp's dispatcher.
 * @port: selects the pin directory; @ifindex: the port's index.
 * Return: 1, 0; -errno: unknown.
 */
int xdp_pins_carry(const char *port, uint32_t ifindex);

#endif
