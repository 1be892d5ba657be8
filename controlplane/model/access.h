/* SPDX-License-Identifier: BSD-3-Clause */
/* From allow_from and deny_from of services to the words behind their table (core/lb_access.h). */
#ifndef CONTROLPLANE_MODEL_ACCESS_H
#define CONTROLPLANE_MODEL_ACCESS_H

#include "config/config.h"
#include "dataplane/abi/lb_abi.h"

/**
 * Add the words of all services to their table.
 * @table: of @config's listeners, allocated; moved. Bytes: its length, updated.
 * Return: 0; -ENOMEM, -ENOSPC: @table is as before.
 */
int model_access_add(const struct config *config, struct lb_service_table **table, uint32_t *bytes);

#endif
