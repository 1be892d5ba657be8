/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IO_OPTIONS_H
#define IO_OPTIONS_H

#include <stdint.h>

#define OPTIONS_GO_ON (-1)
#define OPTIONS_IDLE_SLEEP_US_MAX 10000
#define OPTIONS_HOLD_OFF_S_MAX 60

enum options_hugepages {
	OPTIONS_HUGEPAGES_HERE,	   /* this process takes them and gives them back, if permitted */
	OPTIONS_HUGEPAGES_RESERVE, /* only that, for another process of the same run directory */
	OPTIONS_HUGEPAGES_RELEASE,
};

/* The command line. */
struct options {
	const char *config_path;
	const char *run_dir;
	const char *state_dir;	/* -s; else -r if given; else /var/lib/sluice */
	uint32_t idle_sleep_us; /* 0: busy polling */
	int log_level;		/* of syslog(3) */
	uint32_t hold_off_s;	/* at most, before the process exits after a failed start */
	enum options_hugepages hugepages;
};

/**
 * Read the command line; answer -h and -V.
 * Return: OPTIONS_GO_ON, or the exit code to end with.
 */
int options_parse(int argc, char **argv, struct options *options);

#endif
