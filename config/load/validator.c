/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/validator.h"

#include <stdarg.h>
#include <stdio.h>

void config_validator_fail(struct config_validator *validator, struct config_place place,
			   const char *key, const char *value, const char *format, ...)
{
	struct config_reason reason;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason.text, sizeof(reason.text), format, arguments);
	va_end(arguments);
	config_error_add(validator->errors, place, key, value, "%s", reason.text);
	validator->wrong++;
}
