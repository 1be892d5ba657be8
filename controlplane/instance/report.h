/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of sluice-instance on stderr, and what becomes of the kernel's and libbpf's own. */
#ifndef INSTANCE_REPORT_H
#define INSTANCE_REPORT_H

#define REPORT_LOG_PATH "/run/sluice-instance.log"

/** Print one sentence to stderr: what is wrong and how to fix it. */
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Print one sentence to stderr: done, with this caveat. */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * From now on capture libbpf's messages instead of printing them. Call once, before any use of
 * libbpf.
 */
void report_capture_libbpf(void);

/** Discard the messages captured so far. */
void report_capture_reset(void);

/**
 * The kernel's own reason (its extended netlink ack) in the captured messages, or "". Valid until
 * the next reset.
 */
const char *report_kernel_reason(void);

/**
 * Write the captured messages, above all a verifier log, to REPORT_LOG_PATH.
 * Return: 0, or -errno if the file could not be written.
 */
int report_capture_save(void);

#endif
