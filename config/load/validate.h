/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_VALIDATE_H
#define CONFIG_VALIDATE_H

#include "config/error.h"

/**
 * Check the rules that span several values, and fill in derived values: the pool index and the
 * instance port of each listener.
 * Return: 0, or -EINVAL with the errors.
 */
int config_validate(struct config *config, struct config_errors *errors);

#endif
