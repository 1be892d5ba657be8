/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded file of lines: appended to, and at its limit renamed to NAME.1, whose predecessor is
 * replaced. After a failed write it is as before; what a crash has left of the last line is removed.
 * One thread. Waits for the disk only as write(2) does.
 */
#ifndef CONTROLPLANE_EVENTS_FILE_H
#define CONTROLPLANE_EVENTS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTS_FILE_NAME "events.jsonl"
#define EVENTS_FILE_OLD_NAME EVENTS_FILE_NAME ".1"
#define EVENTS_FILE_BYTES_MAX (1u << 20) /* of each of the two */

struct events_file;

/** Return: NULL and errno ENOMEM. The file is opened by the first append or read. */
struct events_file *events_file_create(const char *dir, uint32_t bytes_max);
void events_file_destroy(struct events_file *file);

/**
 * Read all lines, the oldest first, and remove the beginning of a line at the end.
 * @each: takes a line, whose end is a NUL, in place of the newline. Return: whether it is valid.
 * @damaged: set to the number of lines that are not, with the incomplete one.
 * Return: 0 or -errno; what could be read was read.
 */
int events_file_read(struct events_file *file, bool (*each)(void *arg, char *line), void *arg,
		     uint32_t *damaged);

/** Append whole lines. Return: 0; -errno and the file is as before. */
int events_file_append(struct events_file *file, const char *lines, size_t bytes);

#endif
