/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Port properties known to ethtool: the receive queues, and an offload that a dataplane cannot work
 * with. With rxvlan the NIC removes the VLAN tag from a frame and passes it beside the frame. XDP
 * programs and sockets get only the frame, so a tagged frame would be taken for an untagged one and
 * leave to another network. Used by both daemons. Context: one thread.
 */
#ifndef CONFIG_PORT_FEATURE_H
#define CONFIG_PORT_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Have the NIC leave VLAN tags in the frames.
 * Return: 1: it was changed now; 0: nothing to change; -EOPNOTSUPP: not possible; another -errno.
 */
int port_feature_tags_keep(const char *iface);

/**
 * Note in the run directory that a port was changed so, for the successor of a killed process.
 * @ifindex: 0: no port.
 */
void port_feature_tags_note(const char *run_dir, uint32_t ifindex);

/** Whether a predecessor has changed this port so, and not restored it. */
bool port_feature_tags_noted(const char *run_dir, uint32_t ifindex);

/** Number of receive queues in use; 1 if the driver does not say. */
uint32_t port_feature_queues(const char *iface);

/** Restore the NIC's setting. Return: 0 or -errno. */
int port_feature_tags_restore(const char *iface);

#endif
