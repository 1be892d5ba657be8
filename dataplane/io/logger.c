/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/logger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static int threshold = LOG_INFO;
static char last_error[LINE_MAX_BYTES];

void logger_set_level(int priority)
{
	threshold = priority;
}

bool logger_wants(int priority)
{
	return priority <= threshold;
}

static const char *priority_word(int priority)
{
	switch (priority) {
	case LOG_ERR:
		return "error";
	case LOG_WARNING:
		return "warn";
	case LOG_INFO:
		return "info";
	default:
		return "debug";
	}
}

int logger_level_parse(const char *word)
{
	if (strcmp(word, "error") == 0)
		return LOG_ERR;
	if (strcmp(word, "warning") == 0 || strcmp(word, "warn") == 0)
		return LOG_WARNING;
	if (strcmp(word, "info") == 0)
		return LOG_INFO;
	return strcmp(word, "debug") == 0 ? LOG_DEBUG : -1;
}

static size_t prefix_write(char *text, size_t size, int priority)
{
	struct timespec now;
	struct tm when;
	size_t length;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(text, size, "<%d>", priority);
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &when);
	length = strftime(text, size, "%Y-%m-%d %H:%M:%S", &when);
	return length + (size_t)snprintf(text + length, size - length, ".%03ld %-5s ",
					 now.tv_nsec / 1000000, priority_word(priority));
}

static void __attribute__((format(printf, 1, 0))) error_keep(const char *format, va_list arguments)
{
	va_list copy;

	va_copy(copy, arguments);
	vsnprintf(last_error, sizeof(last_error), format, copy);
	va_end(copy);
}

const char *logger_last_error(void)
{
	return last_error;
}

static void __attribute__((format(printf, 2, 0)))
line_write(int priority, const char *format, va_list arguments)
{
	char line[LINE_MAX_BYTES];
	size_t length;
	int added;

	if (priority == LOG_ERR)
		error_keep(format, arguments);
	if (!logger_wants(priority))
		return;
	length = prefix_write(line, sizeof(line), priority);
	added = vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
	if (added < 0)
		return;
	length += strnlen(line + length, sizeof(line) - length - 1);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[length++] = '\n';
	/* A log that cannot be written must not stop the dataplane. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

#define LOGGER_FUNCTION(name, priority)                                                            \
	void name(const char *format, ...)                                                         \
	{                                                                                          \
		va_list arguments;                                                                 \
                                                                                                   \
		va_start(arguments, format);                                                       \
		line_write(priority, format, arguments);                                           \
		va_end(arguments);                                                                 \
	}

LOGGER_FUNCTION(logger_err, LOG_ERR)
LOGGER_FUNCTION(logger_warn, LOG_WARNING)
LOGGER_FUNCTION(logger_info, LOG_INFO)
LOGGER_FUNCTION(logger_debug, LOG_DEBUG)
