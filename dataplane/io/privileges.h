/* SPDX-License-Identifier: BSD-3-Clause */
/* What this process may do: enough to start on its port, and little of it from then on. */
#ifndef IO_PRIVILEGES_H
#define IO_PRIVILEGES_H

#include "dataplane/io/plan.h"

/**
 * Whether this process may do what it takes to start on the plan's port; also lift the limit of
 * locked memory, and raise the priority of this thread and those that it will make.
 * Return: 0 or -EPERM, logged with what is missing.
 */
int privileges_check(const struct plan *plan);

/**
 * Give up, in all threads, what is needed only to start. To be called before a worker sees its first packet.
 * Return: 0 or -errno, logged.
 */
int privileges_drop(const struct plan *plan);

#endif
