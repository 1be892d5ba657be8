/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Strict parsers of single values. The whole text must be the value: no space, sign, leading zero,
 * other base, exponent or separator. All return 0, -EINVAL if malformed, -ERANGE if out of range.
 */

/** A decimal number, "443". */
int config_scalar_number(const char *text, uint32_t *value);

/**
 * The decimal number at the start of a text.
 * @end: the first character after it.
 */
int config_scalar_number_prefix(const char *text, uint32_t *value, const char **end);

/** A number with a unit of ms, s, m or h: "500ms". */
int config_scalar_duration(const char *text, uint32_t *ms);

/** "true" or "false". */
int config_scalar_bool(const char *text, bool *value);

/** @size bytes, from twice as many hex digits. */
int config_scalar_hex(const char *text, uint8_t *bytes, size_t size);

/** Write a duration in its largest whole unit, "5m"; @text holds 16 bytes. Return: text. */
const char *config_scalar_duration_format(uint32_t ms, char *text);

#endif
