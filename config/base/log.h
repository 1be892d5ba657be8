/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log lines to stderr. Under the journal they carry its "<N>" priority, otherwise a time stamp and
 * the priority's name. A line is one write(2), so lines of several threads never mix. Rate limiting
 * is left to the caller.
 *
 * Every function may be called in any thread, but not in a signal handler.
 */
#ifndef CONFIG_BASE_LOG_H
#define CONFIG_BASE_LOG_H

#include <stdbool.h>
#include <syslog.h>

/* Longer lines are truncated. */
#define LOG_LINE_MAX 2048

/**
 * Show lines up to this priority.
 * @priority: of syslog(3), LOG_ERR to LOG_DEBUG; LOG_INFO before the first call.
 */
void log_set_level(int priority);

/** The level set last. */
int log_level(void);

/** Whether a line of that priority would be written. */
static inline bool log_wants(int priority)
{
	return priority <= log_level();
}

/** Priority of a word: "error", "warning" ("warn"), "info", "debug"; -1 for any other. */
int log_level_parse(const char *word);

/**
 * Write one line. Bytes that could control a terminal, or begin another line, become '?'.
 * @priority: of syslog(3).
 * @line: without newline, not a format.
 */
void log_line(int priority, const char *line);

void log_err(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** This thread's last line of log_err(), even if the level suppressed it; "" if there was none. */
const char *log_last_error(void);

#endif
