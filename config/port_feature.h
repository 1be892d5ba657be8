/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ethtool knows of a port: its receive queues, and a feature that a dataplane cannot live with. With
 * rxvlan the NIC takes the VLAN tag out of a frame and hands it over beside it. XDP programs and sockets get
 * the frame alone, so a tagged one would be taken for an untagged one and leave into another network. Both
 * daemons use this. Context: one thread.
 */
#ifndef CONFIG_PORT_FEATURE_H
#define CONFIG_PORT_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Have the NIC leave the tags in the frames.
 * Return: 1: it was told so now; 0: it does so anyway; -EOPNOTSUPP: it cannot; another -errno.
 */
int port_feature_tags_keep(const char *iface);

/** Note in the run directory that a port was told so, for the successor of who is killed. @ifindex: 0: no port. */
void port_feature_tags_note(const char *run_dir, uint32_t ifindex);

/** Whether a predecessor has told this port so, and not undone it. */
bool port_feature_tags_noted(const char *run_dir, uint32_t ifindex);

/** How many receive queues are in use; 1 if the driver does not say. */
uint32_t port_feature_queues(const char *iface);

/** As before: undo what was done. Return: 0 or -errno. */
int port_feature_tags_restore(const char *iface);

#endif
