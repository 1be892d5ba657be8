/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROLPLANE_ELB_VIP_H
#define CONTROLPLANE_ELB_VIP_H

#include "config/config.h"

/**
 * The first address of node.vip_pool that nothing else in the configuration has.
 * Return: 0, -ENOSPC.
 */
int elb_vip_choose(const struct config *config, struct config_address *vip);

#endif
