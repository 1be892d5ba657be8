/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IO_OPTIONS_H
#define IO_OPTIONS_H

#include <stdint.h>

#define OPTIONS_GO_ON (-1)
#define OPTIONS_IDLE_SLEEP_US_MAX 10000

/* The command line. */
struct options {
	const char *config_path;
	const char *run_dir;
	uint32_t idle_sleep_us; /* 0: workers poll without a break */
	int log_level;		/* of syslog(3) */
};

/**
 * Read the command line; answer -h and -V.
 * Return: OPTIONS_GO_ON, or the exit code to end with.
 */
int options_parse(int argc, char **argv, struct options *options);

#endif
