/* SPDX-License-Identifier: BSD-3-Clause */
/* Destination of a verifier's log: a file, never the user's terminal. */
#ifndef CONTROLPLANE_XDP_LOG_H
#define CONTROLPLANE_XDP_LOG_H

#include <stdbool.h>

/**
 * Replace a file's contents, if there is something to write and a path.
 * @path: NULL or "": none.
 * Return: whether the file has contents now.
 */
bool xdp_log_save(const char *path, const char *log);

#endif
