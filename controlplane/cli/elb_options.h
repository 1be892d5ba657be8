/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of the commands of ELB classic. */
#ifndef CONTROLPLANE_CLI_ELB_OPTIONS_H
#define CONTROLPLANE_CLI_ELB_OPTIONS_H

#include "controlplane/cli/cli.h"

enum elb_option {
	ELB_HEADERS,
	ELB_SHOW_LONG,
	ELB_DELIMITER,
	ELB_QUIET,
	ELB_LB,
	ELB_LISTENER,
	ELB_ZONES,
	ELB_VIP,
	ELB_FORWARD,
	ELB_TARGET,
	ELB_INTERVAL,
	ELB_TIMEOUT,
	ELB_UNHEALTHY,
	ELB_HEALTHY,
	ELB_ONLY,
	ELB_INSTANCES,
	ELB_FORCE,
	ELB_CREDENTIAL, /* of Amazon's services: accepted, not used */
	ELB_OPTIONS,
};

#define ELB_LISTENERS_MAX 64
#define ELB_NAMES_MAX 256

/** A command line. The texts belong to argv, but for listeners. */
struct elb_line {
	const char *values[ELB_OPTIONS]; /* "" of a flag; NULL: not given */
	const char *listeners[ELB_LISTENERS_MAX];
	uint32_t listener_count;
	const char *names[ELB_NAMES_MAX]; /* arguments, or that of --lb */
	uint32_t name_count;
};

/**
 * Read the options of a command.
 * @allowed, @required: bits of enum elb_option.
 * Return: -1 to go on, else the exit code.
 */
int elb_options_read(struct cli *cli, int argc, char **argv, unsigned int allowed,
		     unsigned int required, struct elb_line *line);

/**
 * Read --listener "lb-port=443,instance-port=8443,protocol=TCP".
 * @pair: set to "443/8443"; of ELB_PAIR_MAX bytes.
 * @http: set if the protocol is HTTP.
 * Return: -1 to go on, else the exit code.
 */
int elb_listener_read(const struct cli *cli, const char *text, char *pair, bool *http);

#define ELB_PAIR_MAX 24

#endif
