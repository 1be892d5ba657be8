/* SPDX-License-Identifier: BSD-3-Clause */
/* What sluice-instance says on stderr, and where the kernel's and libbpf's own words go. */
#ifndef INSTANCE_REPORT_H
#define INSTANCE_REPORT_H

#define REPORT_LOG_PATH "/run/sluice-instance.log"

/** Print one sentence to stderr: what is wrong and what to do. */
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Print one sentence to stderr: done, but this is worth knowing. */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** From now on collect what libbpf says instead of printing it. Call once, before any libbpf use. */
void report_capture_libbpf(void);

/** Forget what libbpf has said so far. */
void report_capture_reset(void);

/**
 * The kernel's own reason (its extended netlink ack) in what libbpf said, or "".
 * Valid until the next reset.
 */
const char *report_kernel_reason(void);

/**
 * Write what libbpf said, a verifier log above all, to REPORT_LOG_PATH.
 * Return: 0, or -errno if the file could not be written.
 */
int report_capture_save(void);

#endif
