/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROLPLANE_PRIVILEGES_H
#define CONTROLPLANE_PRIVILEGES_H

#include "config/config.h"

/**
 * Give up, for good, what this process may do and a configuration has no use for. node.dataplane does not change while it
 * runs.
 * Return: 0 or -errno. Context: before there are other threads, or with none that blocks signals.
 */
int privileges_keep(const struct config_node *node);

#endif
