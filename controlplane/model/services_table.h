/* SPDX-License-Identifier: BSD-3-Clause */
/* Builder of the services block (dataplane/core/lb_service.h). Context: any thread. */
#ifndef CONTROLPLANE_MODEL_SERVICES_TABLE_H
#define CONTROLPLANE_MODEL_SERVICES_TABLE_H

#include "dataplane/abi/lb_abi.h"

/**
 * Build a table.
 * @entries: @n of them, at most LB_SERVICES_MAX, no two with the same address, port and protocol;
 * they are sorted, so that the table doesn't depend on their order.
 * @bytes: set to the size of the block.
 * Return: the block, to be freed with free(); NULL and errno: EINVAL, ENOMEM, or ENOSPC if no seed
 * makes all chains short enough.
 */
struct lb_service_table *services_table_build(struct lb_service *entries, uint32_t n,
					      uint32_t *bytes);

#endif
