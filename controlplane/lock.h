/* SPDX-License-Identifier: BSD-3-Clause */
/* One daemon per run directory. Context: any thread. */
#ifndef CONTROLPLANE_LOCK_H
#define CONTROLPLANE_LOCK_H

/**
 * Make the directory if it is missing, and lock DIR/sluiced.pid, which gets this process's id.
 * Return: a descriptor that holds the lock, or -errno, logged; -EWOULDBLOCK: another one has it.
 */
int lock_take(const char *run_dir);

/** Let go; a negative descriptor is allowed. */
void lock_release(int fd);

#endif
