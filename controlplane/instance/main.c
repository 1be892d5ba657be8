/* SPDX-License-Identifier: BSD-3-Clause */
/* sluice-instance: unwrap a balancer's tunnels on an instance, without a tunnel device. */
#include <stdio.h>
#include <string.h>

#include "config/base/version.h"
#include "controlplane/instance/report.h"
#include "controlplane/instance/verb.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
	const char *help;
} verbs[] = {
	{ "attach", verb_attach,
	  "IFACE --vip ADDR[,ADDR...] [--from ADDR[/LEN],...]\n"
	  "                         [--gue-port PORT] [--map PORT:INSTANCE_PORT[@VIP],...] "
	  "[--mss auto|BYTES]\n"
	  "                         [--mode auto|native|generic] [--no-addr] [--no-sysctl]",
	  "unwrap IPIP and GUE for these VIPs; if already attached, change them" },
	{ "detach", verb_detach, "IFACE", "undo what attach did" },
	{ "status", verb_status, "[IFACE] [-o table|json]",
	  "counters, and faults that were found" },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void print_usage(FILE *out)
{
	fprintf(out, "usage:\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(out, "  sluice-instance %s %s\n      %s\n", verbs[i].name, verbs[i].usage,
			verbs[i].help);
}

static int wants(int argc, char **argv, const char *letter, const char *word)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], letter) || !strcmp(argv[i], word))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	if (wants(argc, argv, "-h", "--help") || (argc > 1 && !strcmp(argv[1], "help"))) {
		print_usage(stdout);
		return VERB_DONE;
	}
	if (wants(argc, argv, "-V", "--version")) {
		puts("sluice-instance " SLUICE_VERSION);
		return VERB_DONE;
	}
	for (size_t i = 0; argc > 1 && i < VERB_COUNT; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		report_capture_libbpf();
		return verbs[i].run(argc - 1, argv + 1);
	}
	if (argc > 1)
		report_error("there is no verb '%s'", argv[1]);
	print_usage(stderr);
	return VERB_USAGE;
}
