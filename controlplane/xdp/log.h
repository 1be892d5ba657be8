/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a verifier's log goes: into a file, never to the user.
 */
#ifndef CONTROLPLANE_XDP_LOG_H
#define CONTROLPLANE_XDP_LOG_H

#include <stdbool.h>

/**
 * Write a file anew, if there is something to write and somewhere to write it.
 * @path: NULL or "": nowhere.
 * Return: whether there is something to read in it now.
 */
bool xdp_log_save(const char *path, const char *log);

#endif
