/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of a block before a worker may read it. The control plane is another process: nothing that
 * it writes is trusted.
 *
 * All functions are pure and return 0 or an enum lb_refusal.
 */
#ifndef ENGINE_TABLES_CHECK_H
#define ENGINE_TABLES_CHECK_H

#include "dataplane/abi/lb_abi.h"

/** Whether kind, index, buffer, count and length of a block's command are consistent. */
int tables_check_bounds(const struct lb_cmd *cmd);

int tables_check_params(const struct lb_params *params);

/** Also that a lookup finds each entry, so no chain is too long and no entry is a duplicate. */
int tables_check_services(const struct lb_service_table *table, uint32_t slots);

int tables_check_instances(const struct lb_instance *instance, uint32_t count);

/** @max: the highest instance index; 0 if there are no slots. */
int tables_check_slots(const uint16_t *slot, uint32_t count, uint16_t *max);

#endif
