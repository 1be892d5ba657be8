/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a block must be before a worker may read it. The control plane is another
 * process: nothing that it wrote is believed.
 *
 * All functions are pure and return 0 or an enum lb_refusal.
 */
#ifndef ENGINE_TABLES_CHECK_H
#define ENGINE_TABLES_CHECK_H

#include "dataplane/abi/lb_abi.h"

/** Kind, index, buffer, count and length of a block's command agree with each other. */
int tables_check_bounds(const struct lb_cmd *cmd);

int tables_check_params(const struct lb_params *params);

/** Also that each entry is found by a lookup, so no chain is too long and none is double. */
int tables_check_services(const struct lb_service_table *table, uint32_t slots);

int tables_check_instances(const struct lb_instance *instance, uint32_t count);

/** @max: the highest instance named; 0 if there are no slots. */
int tables_check_slots(const uint16_t *slot, uint32_t count, uint16_t *max);

#endif
