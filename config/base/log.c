/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_PREFIX_MAX 64

static atomic_int log_threshold = LOG_INFO;
static _Thread_local char log_error[LOG_LINE_MAX];

void log_set_level(int priority)
{
	atomic_store_explicit(&log_threshold, priority, memory_order_relaxed);
}

int log_level(void)
{
	return atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

int log_level_parse(const char *word)
{
	if (strcmp(word, "error") == 0)
		return LOG_ERR;
	if (strcmp(word, "warning") == 0 || strcmp(word, "warn") == 0)
		return LOG_WARNING;
	if (strcmp(word, "info") == 0)
		return LOG_INFO;
	return strcmp(word, "debug") == 0 ? LOG_DEBUG : -1;
}

const char *log_last_error(void)
{
	return log_error;
}

static const char *log_priority_name(int priority)
{
	static const char *const names[] = { "emerg", "alert",	"crit", "error",
					     "warn",  "notice", "info", "debug" };

	return names[priority & 7];
}

static size_t log_prefix(char *text, size_t size, int priority)
{
	struct timespec now;
	struct tm when;
	int length;

	if (getenv("JOURNAL_STREAM") != NULL)
		return (size_t)snprintf(text, size, "<%d>", priority & 7);

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &when);
	length = (int)strftime(text, size, "%Y-%m-%d %H:%M:%S", &when);
	length += snprintf(text + length, size - (size_t)length, ".%03ld %-5s ",
			   now.tv_nsec / 1000000, log_priority_name(priority));
	return (size_t)length;
}

static void log_write(const char *line, size_t length)
{
	while (length > 0) {
		ssize_t written = write(STDERR_FILENO, line, length);

		if (written < 0 && errno == EINTR)
			continue;
		/* There is nowhere left to report it; a failing log must not stop the daemon. */
		if (written <= 0)
			return;
		line += written;
		length -= (size_t)written;
	}
}

void log_line(int priority, const char *line)
{
	char text[LOG_PREFIX_MAX + LOG_LINE_MAX];
	size_t length;
	int saved = errno;

	if (!log_wants(priority))
		return;

	length = log_prefix(text, LOG_PREFIX_MAX, priority);
	for (; *line != '\0' && length < sizeof(text) - 1; line++)
		text[length++] = (unsigned char)*line < ' ' || *line == 0x7f ? '?' : *line;
	text[length++] = '\n';
	log_write(text, length);
	errno = saved;
}

static void __attribute__((format(printf, 2, 0)))
log_vformat(int priority, const char *format, va_list arguments)
{
	char line[LOG_LINE_MAX];
	int saved = errno;

	if (!log_wants(priority) && priority != LOG_ERR)
		return;
	vsnprintf(line, sizeof(line), format, arguments);
	if (priority == LOG_ERR)
		memcpy(log_error, line, strlen(line) + 1);
	log_line(priority, line);
	errno = saved;
}

void log_err(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vformat(LOG_ERR, format, arguments);
	va_end(arguments);
}

void log_warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vformat(LOG_WARNING, format, arguments);
	va_end(arguments);
}

void log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vformat(LOG_INFO, format, arguments);
	va_end(arguments);
}

void log_debug(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vformat(LOG_DEBUG, format, arguments);
	va_end(arguments);
}
