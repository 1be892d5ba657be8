/* SPDX-License-Identifier: BSD-3-Clause */
/* The run directory, option -r of both daemons. Context: any thread. */
#ifndef CONFIG_RUN_DIR_H
#define CONFIG_RUN_DIR_H

#include <stddef.h>

/**
 * Make sure that no other process of a program uses a run directory: create it if it is missing,
 * and lock DIR/@file, to which this process's id is written.
 * @program: its name, for messages.
 * @why: set on failure to one sentence, with the process id of the lock's holder.
 * Return: a descriptor that holds the lock, or -errno; -EWOULDBLOCK: another process has it.
 */
int run_dir_claim(const char *run_dir, const char *program, const char *file, char *why,
		  size_t size);

/** Release the lock; a negative descriptor is allowed. */
void run_dir_release(int fd);

#endif
