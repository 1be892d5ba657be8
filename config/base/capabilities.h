/* SPDX-License-Identifier: BSD-3-Clause */
/* The capabilities of this process, capabilities(7): those no longer needed are dropped. */
#ifndef CONFIG_CAPABILITIES_H
#define CONFIG_CAPABILITIES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPABILITY(number) (1ull << (number))

/** Capabilities in effect for the calling thread, as a sum of CAPABILITY(). */
uint64_t capabilities_get(void);

/**
 * Drop all others, permanently: in all threads of this process, and in programs that it executes.
 * @keep: a sum of CAPABILITY(); does not add capabilities that the process doesn't have.
 * Return: 0; -ETIMEDOUT: a thread blocks the signal used for this; another -errno.
 * Context: one thread at a time.
 */
int capabilities_keep(uint64_t keep);

/** Names as in systemd's unit files, separated by blanks; "none". Return: @text. */
const char *capabilities_format(uint64_t set, char *text, size_t size);

#endif
