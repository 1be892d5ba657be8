/* SPDX-License-Identifier: BSD-3-Clause */
/* The ports that the kernel chooses for connections of this machine. */
#ifndef CONTROLPLANE_NET_LOCAL_PORTS_H
#define CONTROLPLANE_NET_LOCAL_PORTS_H

#include "config/config.h"

#define LOCAL_PORTS_DIR "/proc/sys/net/ipv4"
#define LOCAL_PORTS_NOTE_MAX 320

/**
 * Check whether the kernel may choose one of node.nat_ports, at an address that is both the node's
 * own and a NAT address.
 * @dir: of the sysctls, LOCAL_PORTS_DIR.
 * @note: of LOCAL_PORTS_NOTE_MAX bytes; one sentence, or "" if it may not.
 */
void local_ports_note(const struct config *config, const char *dir, char *note);

#endif
