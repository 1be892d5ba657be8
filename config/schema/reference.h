/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include <stdio.h>

/** Write the reference page of all keys (docs/config.md) from the schema. */
void config_reference_print(FILE *to);

#endif
