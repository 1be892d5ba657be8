/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line, read and checked before anything is changed. */
#ifndef INSTANCE_OPTIONS_H
#define INSTANCE_OPTIONS_H

#include <stdbool.h>

#include "bpf/sluice_instance.h"
#include "controlplane/instance/ports.h"
#include "controlplane/instance/program.h"

struct options {
	const char *iface; /* NULL: none given */
	int ifindex;
	enum program_mode mode;
	bool no_addr;
	bool no_sysctl;
	bool json;
	bool mss_auto;
	__u16 gue_port;
	__u32 vip_count;
	__u32 from_count;
	struct lb_unwrap_addr vips[LB_UNWRAP_VIPS_MAX];
	struct lb_unwrap_prefix from[LB_UNWRAP_FROM_MAX];
	struct ports ports;
};

/**
 * Read the arguments of a verb; @argv[0] is the verb.
 * Return: 0, or the exit code after the reason was printed: 1 if there is no such interface, 2 for
 * wrong usage.
 */
int options_parse_attach(struct options *options, int argc, char **argv);
int options_parse_detach(struct options *options, int argc, char **argv);
int options_parse_status(struct options *options, int argc, char **argv);

#endif
