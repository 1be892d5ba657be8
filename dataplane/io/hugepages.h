/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IO_HUGEPAGES_H
#define IO_HUGEPAGES_H

#include <stdint.h>

/**
 * See that @megabytes of hugepages are free; if not, ask the kernel for more 2 MB
 * pages, and say so.
 * Return: 0 or -ENOMEM, logged with what to do.
 */
int hugepages_ensure(uint32_t megabytes);

#endif
