/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

/*
 * The table of all keys. The reader, the defaults, the diff and the reference page are all driven
 * by it, so a new key is one row here and one field in config.h.
 */

#include "config/schema/item.h"

extern const struct config_item config_schema[];
extern const size_t config_schema_count;
extern const struct config_section_info config_sections[CONFIG_SECTION_COUNT];

/** The rows of a section are contiguous. Return: the first; @count: their number. */
const struct config_item *config_schema_section(enum config_section section, size_t *count);

/** The row of a key, or NULL. */
const struct config_item *config_schema_find(enum config_section section, const char *key);

#endif
