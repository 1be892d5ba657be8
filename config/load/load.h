/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

/* Load a configuration from a file. May be called in any thread. */

#include "config/config.h"
#include "config/error.h"

/* A file of 4096 instances with many comments is well under 1 MiB. */
#define CONFIG_FILE_BYTES_MAX (4u << 20)

/**
 * Read, parse and check a regular file; others are refused, since reading them could block
 * indefinitely.
 * @errors: filled when the file is refused; count is 0 otherwise.
 * Return: the configuration, to be freed with config_free(); NULL and errno if it is refused:
 * EINVAL for its content, ENOMEM, or the error of open(2) or read(2).
 */
struct config *config_load_file(const char *path, struct config_errors *errors);

/**
 * The same from a descriptor of any kind, up to end of file. May block; doesn't close it.
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
