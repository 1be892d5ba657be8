/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log lines to stderr, or to the journal if stderr is connected to it. For start, stop and the main
 * lcore; a worker never logs. A line says what happened to which object, and ends without a period.
 */
#ifndef IO_LOGGER_H
#define IO_LOGGER_H

#include <stdbool.h>

/** @priority: of syslog(3), LOG_ERR to LOG_DEBUG; the default is LOG_INFO. */
void logger_set_level(int priority);

/** Whether a line of that priority would be written. */
bool logger_wants(int priority);

/** Priority of a word: "error", "warning", "info", "debug"; -1 for any other. */
int logger_level_parse(const char *word);

void logger_err(const char *format, ...) __attribute__((format(printf, 1, 2)));
void logger_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void logger_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void logger_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The last line of logger_err(), even if the level suppressed it; empty if there was none. */
const char *logger_last_error(void);

#endif
