/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IO_SERVE_H
#define IO_SERVE_H

#include "dataplane/io/dataplane.h"

/**
 * The main lcore's work until SIGTERM or SIGINT: control messages, kernel path, statistics.
 * Notifies the service manager when ready.
 * Return: 0, or -errno, logged.
 */
int serve(struct dataplane *dp);

#endif
