/* SPDX-License-Identifier: BSD-3-Clause */
/* Privileges of this process: enough to start on its port, and few from then on. */
#ifndef IO_PRIVILEGES_H
#define IO_PRIVILEGES_H

#include "dataplane/io/plan.h"

/**
 * Check whether this process has the privileges to start on the plan's port; also lift the limit of
 * locked memory, and raise the priority of this thread and of those that it will create.
 * Return: 0 or -EPERM, logged with what is missing.
 */
int privileges_check(const struct plan *plan);

/**
 * Drop, in all threads, the privileges needed only to start. To be called before a worker sees its
 * first packet.
 * Return: 0 or -errno, logged.
 */
int privileges_drop(const struct plan *plan);

#endif
