/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "config/error.h"

/**
 * Refuse what no configuration file should contain, before any YAML is parsed: invalid UTF-8,
 * control characters (including NUL), a byte order mark, tabs as indentation.
 * @file: for the place.
 * @errors: receives one error, for the first such place.
 * Return: 0, or -EINVAL.
 */
int config_text_check(const void *data, size_t size, enum config_file file,
		      struct config_errors *errors);

#endif
