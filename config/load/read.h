/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "config/error.h"

/**
 * Read YAML into a configuration according to the schema, with defaults set. Only the part of YAML
 * that a configuration needs is accepted: one document, mappings, lists and scalars; no anchors,
 * aliases, tags or merge keys.
 * @file: CONFIG_FILE_COMMANDS adds to what CONFIG_FILE_OWN has; a name in both is an error.
 * @config: all zero before the first file; values read before an error stay in it, to be freed.
 * @errors: receives all errors, in the order of the file.
 * Return: 0; -ENOTSUP if nothing is missing, but some values belong to a later version; -EINVAL;
 * -ENOMEM.
 */
int config_read(const void *data, size_t size, enum config_file file, struct config *config,
		struct config_errors *errors);

#endif
