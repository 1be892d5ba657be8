/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"
#include "config/base/version.h"
#include "config/load/last_good.h"
#include "controlplane/sluiced.h"

#define RUN_DIR "/run/sluice"
#define STATE_DIR "/var/lib/sluice"

static const char usage[] =
	"usage: sluiced [-c FILE] [-r DIR] [-s STATEDIR] [--log-level LEVEL]\n"
	"       sluiced --detach [-c FILE | PORT]\n"
	"\n"
	"  -c FILE             configuration (" CONFIG_DEFAULT_PATH ")\n"
	"  -r DIR              sockets and pid file (" RUN_DIR ")\n"
	"  -s STATEDIR         administrative state, kept over restarts (" STATE_DIR
	", or DIR with -r)\n"
	"  --detach            remove the XDP program, addresses and routes from PORT (node.port) and exit\n"
	"  --log-level LEVEL   error, warning, info or debug (info)\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },    { "run-dir", required_argument, NULL, 'r' },
	{ "state-dir", required_argument, NULL, 's' }, { "detach", no_argument, NULL, 'd' },
	{ "log-level", required_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },	       { NULL, 0, NULL, 0 },
};

static int level_set(const char *word)
{
	const int priority = log_level_parse(word);

	if (priority >= 0) {
		log_set_level(priority);
		return 0;
	}
	fprintf(stderr, "sluiced: --log-level %s: expected error, warning, info or debug\n", word);
	return -EINVAL;
}

/* So that it can be told from other files. Symlinks are kept: their target may change. */
static const char *path_absolute(const char *path)
{
	static char absolute[PATH_MAX];
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	int length = here ? snprintf(absolute, sizeof(absolute), "%s/%s", here, path) : 0;

	free(here);
	return length > 0 && length < (int)sizeof(absolute) ? absolute : path;
}

/* Return: an enum options_exit, or -1: continue. */
static int option_take(struct sluiced *sluiced, int option)
{
	switch (option) {
	case 'c':
		sluiced->config_path = optarg;
		return -1;
	case 'r':
		sluiced->run_dir = optarg;
		return -1;
	case 's':
		sluiced->state_dir = optarg;
		return -1;
	case 'd':
		sluiced->detach = true;
		return -1;
	case 'l':
		return level_set(optarg) ? OPTIONS_EXIT_USAGE : -1;
	case 'V':
		puts("sluiced " SLUICE_VERSION);
		return OPTIONS_EXIT_DONE;
	case 'h':
		fputs(usage, stdout);
		return OPTIONS_EXIT_DONE;
	default:
		fputs(usage, stderr);
		return OPTIONS_EXIT_USAGE;
	}
}

int options_read(struct sluiced *sluiced, int argc, char **argv)
{
	int option, code = -1;

	sluiced->config_path = CONFIG_DEFAULT_PATH;
	while (code < 0 && (option = getopt_long(argc, argv, "c:r:s:hV", long_options, NULL)) != -1)
		code = option_take(sluiced, option);
	if (code < 0 && sluiced->detach && optind + 1 == argc)
		sluiced->detach_port = argv[optind++];
	if (code < 0 && optind < argc) {
		fprintf(stderr, "sluiced: unexpected argument: %s\n", argv[optind]);
		code = OPTIONS_EXIT_USAGE;
	}
	sluiced->config_path = path_absolute(sluiced->config_path);
	if (!sluiced->state_dir)
		sluiced->state_dir = sluiced->run_dir ? sluiced->run_dir : STATE_DIR;
	if (!sluiced->run_dir)
		sluiced->run_dir = RUN_DIR;
	if (snprintf(sluiced->commands_path, sizeof(sluiced->commands_path), "%s/%s",
		     sluiced->state_dir,
		     CONFIG_COMMANDS_NAME) >= (int)sizeof(sluiced->commands_path)) {
		fputs("sluiced: the name of the state directory is too long\n", stderr);
		code = OPTIONS_EXIT_USAGE;
	}
	return code;
}
