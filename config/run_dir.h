/* SPDX-License-Identifier: BSD-3-Clause */
/* The run directory, which both daemons are given with -r. Context: any thread. */
#ifndef CONFIG_RUN_DIR_H
#define CONFIG_RUN_DIR_H

#include <stddef.h>

/**
 * Make sure that no other process of a program uses a run directory: make it if it is missing, and lock
 * DIR/@file, which gets this process's id.
 * @program: its name, for people.
 * @why: set to one sentence, with the other's process id, if it fails.
 * Return: a descriptor that holds the lock, or -errno; -EWOULDBLOCK: another one has it.
 */
int run_dir_claim(const char *run_dir, const char *program, const char *file, char *why,
		  size_t size);

/** Let it go; a negative descriptor is allowed. */
void run_dir_release(int fd);

#endif
