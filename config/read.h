/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "config/error.h"

/**
 * Read YAML into a configuration by the schema, with defaults set. Of YAML only what a configuration
 * needs: one document, mappings, lists and scalars; no anchors, aliases, tags or merge keys.
 * @config: all zero; what was read before an error stays in it, to be freed.
 * @errors: gets all that is wrong, in the order of the file.
 * Return: 0; -ENOTSUP if all is there, but some values belong to a later version; -EINVAL; -ENOMEM.
 */
int config_read(const void *data, size_t size, struct config *config, struct config_errors *errors);

#endif
