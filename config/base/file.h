/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole reads. Context: any thread. */
#ifndef CONFIG_BASE_FILE_H
#define CONFIG_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/** Read to the end, or until @room is full. Return: bytes read, or -errno. */
ssize_t file_read(int fd, void *data, size_t room);

/**
 * Read the first line of a file, without its newline.
 * @line: a string in any case; what does not fit in @size bytes is left out.
 * Return: 0, or -errno and "".
 */
int file_line(const char *path, char *line, size_t size);

#endif
