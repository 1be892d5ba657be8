/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

/* From a file to a configuration. May be called in any thread. */

#include "config/config.h"
#include "config/error.h"

/* A file of 4096 instances, generously commented, is well under 1 MiB. */
#define CONFIG_FILE_BYTES_MAX (4u << 20)

/**
 * Read, parse and check a regular file; others are refused, as reading them could take any time.
 * @errors: filled when the file is refused; count is 0 otherwise.
 * Return: the configuration, to be freed with config_free(); NULL and errno if it is refused:
 * EINVAL for what it says, ENOMEM, or what open(2) and read(2) said.
 */
struct config *config_load_file(const char *path, struct config_errors *errors);

/**
 * The same from a descriptor of any kind, up to its end. May block; doesn't close it.
 * @name: the file's name in messages.
 */
struct config *config_load_fd(int fd, const char *name, struct config_errors *errors);

/**
 * The same from memory.
 * @name: the file's name in messages.
 */
struct config *config_load_buffer(const void *data, size_t size, const char *name,
				  struct config_errors *errors);

#endif
