/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IO_PRIVILEGES_H
#define IO_PRIVILEGES_H

/**
 * Whether this process may do what a dataplane does; also lift the limit of
 * locked memory, and raise the priority of this thread and those that it will make.
 * Return: 0 or -EPERM, logged.
 */
int privileges_check(void);

#endif
