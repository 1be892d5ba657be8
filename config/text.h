/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "config/error.h"

/**
 * Look for what no configuration file should have, before any YAML is read: bad UTF-8, control
 * characters (NUL among them), a byte order mark, tabs as indentation.
 * @errors: gets one error, for the first such place.
 * Return: 0, or -EINVAL.
 */
int config_text_check(const void *data, size_t size, struct config_errors *errors);

#endif
