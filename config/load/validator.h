/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_VALIDATOR_H
#define CONFIG_VALIDATOR_H

/* The parts of config_validate(), by section. They count errors and continue. */

#include "config/error.h"

struct config_validator {
	struct config *config;
	struct config_errors *errors;
	uint32_t wrong;
};

/** @key: path of the key; @value may be NULL. */
void config_validator_fail(struct config_validator *validator, struct config_place place,
			   const char *key, const char *value, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

void config_validate_services(struct config_validator *validator);

#endif
