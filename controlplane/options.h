/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of sluiced. */
#ifndef CONTROLPLANE_OPTIONS_H
#define CONTROLPLANE_OPTIONS_H

struct sluiced;

enum options_exit { OPTIONS_EXIT_DONE, OPTIONS_EXIT_FAILED, OPTIONS_EXIT_USAGE };

/**
 * Read the command line into config_path, run_dir and state_dir, and set the log level.
 * Return: -1: continue; or the exit code of a command line that is wrong, or that needs no daemon.
 */
int options_read(struct sluiced *sluiced, int argc, char **argv);

#endif
