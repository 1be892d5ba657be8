/* SPDX-License-Identifier: BSD-3-Clause */
/* A small file that is replaced as a whole: a crash leaves either the old one or the new one. */
#ifndef CONTROLPLANE_STATE_FILE_H
#define CONTROLPLANE_STATE_FILE_H

#include <stddef.h>

/* More than STATE_ENTRIES_MAX entries take, or a configuration with a line that says whose it is. */
#define STATE_FILE_BYTES_MAX ((4u << 20) + 8192)

/**
 * Read a file.
 * @text: set; ends with a NUL after @size bytes; to be freed.
 * Return: 0; -EFBIG: over STATE_FILE_BYTES_MAX; -ENOMEM; errors of open(2) and read(2).
 */
int state_file_read(const char *dir, const char *name, char **text, size_t *size);

/**
 * Write DIR/NAME.new, 0600. DIR/NAME stays as it is.
 * Return: a descriptor for state_file_commit() or state_file_abort(); errors of open(2) and
 * write(2), and then there is no NAME.new.
 */
int state_file_prepare(const char *dir, const char *name, const char *text, size_t size);

/**
 * Sync NAME.new and rename it to NAME. Closes @fd in any case.
 * Return: 0; errors of fsync(2) and rename(2): NAME is as before.
 */
int state_file_commit(const char *dir, const char *name, int fd);

/* Remove NAME.new and close @fd. */
void state_file_abort(const char *dir, const char *name, int fd);

/** Rename NAME to @to in the same directory. Return: 0 or -errno. */
int state_file_rename(const char *dir, const char *name, const char *to);

#endif
