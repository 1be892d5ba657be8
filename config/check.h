/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/error.h"

/**
 * Check what no single value can tell, and fill in what follows from others: the pool index and the
 * instance port of each listener.
 * Return: 0, or -EINVAL with the errors.
 */
int config_check(struct config *config, struct config_errors *errors);

/** The parts of it, by section. They count errors, and keep checking. */
struct config_checker {
	struct config *config;
	struct config_errors *errors;
	uint32_t wrong;
};

void config_check_services(struct config_checker *checker);

/** @key: path of the key; @value may be NULL. */
void config_check_fail(struct config_checker *checker, struct config_place place, const char *key,
		       const char *value, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
