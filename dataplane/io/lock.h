/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IO_LOCK_H
#define IO_LOCK_H

/**
 * Make sure that no other dataplane uses @run_dir: lock its dataplane.pid, and
 * write the process id there. The directory is made if it is missing.
 * Return: a descriptor that holds the lock, or -errno, logged with the other's pid.
 */
int lock_take(const char *run_dir);

/** Let it go. A negative @fd is allowed. */
void lock_release(int fd);

#endif
