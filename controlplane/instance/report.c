/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "controlplane/instance/report.h"

/* A verifier log grows to megabytes; the reason is at its end. */
#define CAPTURE_BYTES (4u << 20)

static const char kernel_prefix[] = "Kernel error message: ";

static struct {
	char *text;
	size_t len;
	char reason[160];
} capture;

static void report_print(const char *what, const char *format, va_list args)
{
	fprintf(stderr, "sluice-instance: %s", what);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void report_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report_print("", format, args);
	va_end(args);
}

void report_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report_print("note: ", format, args);
	va_end(args);
}

static void capture_reason(const char *text)
{
	const char *at = strstr(text, kernel_prefix);

	if (!at)
		return;
	at += sizeof(kernel_prefix) - 1;
	snprintf(capture.reason, sizeof(capture.reason), "%.*s", (int)strcspn(at, "\n"), at);
}

__attribute__((format(printf, 2, 0))) static int capture_print(enum libbpf_print_level level,
							       const char *format, va_list args)
{
	char *line;
	int len;

	if (level == LIBBPF_DEBUG)
		return 0;
	len = vasprintf(&line, format, args);
	if (len < 0)
		return 0;
	capture_reason(line);
	if (!capture.text)
		capture.text = malloc(CAPTURE_BYTES);
	if (capture.text && (size_t)len <= CAPTURE_BYTES - capture.len) {
		memcpy(capture.text + capture.len, line, len);
		capture.len += len;
	}
	free(line);
	return len;
}

void report_capture_libbpf(void)
{
	libbpf_set_print(capture_print);
}

void report_capture_reset(void)
{
	capture.len = 0;
	capture.reason[0] = '\0';
}

const char *report_kernel_reason(void)
{
	return capture.reason;
}

int report_capture_save(void)
{
	int fd, ret = 0;

	fd = open(REPORT_LOG_PATH, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (capture.len && write(fd, capture.text, capture.len) != (ssize_t)capture.len)
		ret = -EIO;
	close(fd);
	return ret;
}
