/* SPDX-License-Identifier: BSD-3-Clause */
/* What this process may do, as capabilities(7): what is not needed any more is given up. */
#ifndef CONFIG_CAPABILITIES_H
#define CONFIG_CAPABILITIES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPABILITY(number) (1ull << (number))

/** Those that are in effect for the calling thread, as a sum of CAPABILITY(). */
uint64_t capabilities_get(void);

/**
 * Give up all others, for good: in all threads of this process, and in what it may execute.
 * @keep: a sum of CAPABILITY(); what is not had already isn't got by it.
 * Return: 0; -ETIMEDOUT: a thread blocks the signal by which it is asked; another -errno.
 * Context: one thread at a time.
 */
int capabilities_keep(uint64_t keep);

/** Names as in systemd's unit files, with blanks between them; "none". Return: @text. */
const char *capabilities_format(uint64_t set, char *text, size_t size);

#endif
