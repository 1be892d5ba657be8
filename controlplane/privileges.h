/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROLPLANE_PRIVILEGES_H
#define CONTROLPLANE_PRIVILEGES_H

#include "config/config.h"

/**
 * Permanently drop the capabilities that the configuration does not need. node.dataplane does not
 * change at run time.
 * Return: 0 or -errno. Context: before there are other threads, or with none that blocks signals.
 */
int privileges_keep(const struct config_node *node);

#endif
