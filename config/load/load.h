/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

/* Load a configuration from a file. May be called in any thread. */

#include "config/config.h"
#include "config/error.h"

/* A file of 4096 instances with many comments is well under 1 MiB. */
#define CONFIG_FILE_BYTES_MAX (4u << 20)

/** One of the files of a configuration, in memory. */
struct config_part {
	const char *name; /* in messages */
	const void *data;
	size_t bytes;
};

/**
 * Parse and check a configuration.
 * @commands: what commands have created; NULL: nothing.
 * @errors: filled when it is refused; count is 0 otherwise.
 * Return: the configuration, to be freed with config_free(); NULL and errno.
 */
struct config *config_load_parts(const struct config_part *own, const struct config_part *commands,
				 struct config_errors *errors);

/** The same with what a regular file has that commands have created, if there is such a file. */
struct config *config_load_beside(const struct config_part *own, const char *commands_path,
				  struct config_errors *errors);

/**
 * Read, parse and check two regular files, merged.
 * @commands_path: may be a file that doesn't exist; NULL: none.
 * Otherwise as config_load_file().
 */
struct config *config_load_files(const char *path, const char *commands_path,
				 struct config_errors *errors);

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
