/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "config/base/log.h"
#include "config/base/version.h"
#include "config/config.h"

#define RUN_DIR "/run/sluice"
#define STATE_DIR "/var/lib/sluice"
#define EXIT_USAGE 2

enum { OPT_LOG_LEVEL = 256, OPT_IDLE_SLEEP, OPT_HOLD_OFF, OPT_HUGEPAGES };

static const char usage[] =
	"usage: sluice-dataplane [-c FILE] [-r DIR] [-s STATEDIR] [--log-level LEVEL] [--idle-sleep-us N]\n"
	"                        [--hold-off S]\n"
	"       sluice-dataplane [-c FILE] [-r DIR] [-s STATEDIR] --hugepages reserve|release\n"
	"\n"
	"  -c FILE             configuration (" CONFIG_DEFAULT_PATH ")\n"
	"  -r DIR              socket and pid file (" RUN_DIR ")\n"
	"  -s STATEDIR         where sluiced keeps the last good configuration (" STATE_DIR
	", or DIR with -r)\n"
	"  --log-level LEVEL   error, warning, info or debug (info)\n"
	"  --idle-sleep-us N   sleep of a worker without packets (0: it polls)\n"
	"  --hold-off S        delay the exit by up to S seconds when the start fails again (0)\n"
	"  --hugepages WHAT    reserve hugepages for another process, or release them, and exit\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ "state-dir", required_argument, NULL, 's' },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "idle-sleep-us", required_argument, NULL, OPT_IDLE_SLEEP },
	{ "hold-off", required_argument, NULL, OPT_HOLD_OFF },
	{ "hugepages", required_argument, NULL, OPT_HUGEPAGES },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int refuse(const char *why, const char *value)
{
	fprintf(stderr, "sluice-dataplane: %s: %s\n", why, value);
	return EXIT_USAGE;
}

static int number_parse(const char *text, uint32_t most, const char *expected, uint32_t *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > most)
		return refuse(expected, text);
	*number = (uint32_t)value;
	return OPTIONS_GO_ON;
}

static int hugepages_parse(const char *word, enum options_hugepages *what)
{
	if (strcmp(word, "reserve") == 0)
		*what = OPTIONS_HUGEPAGES_RESERVE;
	else if (strcmp(word, "release") == 0)
		*what = OPTIONS_HUGEPAGES_RELEASE;
	else
		return refuse("--hugepages: expected reserve or release, not", word);
	return OPTIONS_GO_ON;
}

static int option_apply(int option, struct options *options)
{
	switch (option) {
	case 'c':
		options->config_path = optarg;
		return OPTIONS_GO_ON;
	case 'r':
		options->run_dir = optarg;
		return OPTIONS_GO_ON;
	case 's':
		options->state_dir = optarg;
		return OPTIONS_GO_ON;
	case OPT_LOG_LEVEL:
		options->log_level = log_level_parse(optarg);
		if (options->log_level < 0)
			return refuse("--log-level: expected error, warning, info or debug, not",
				      optarg);
		return OPTIONS_GO_ON;
	case OPT_IDLE_SLEEP:
		return number_parse(optarg, OPTIONS_IDLE_SLEEP_US_MAX,
				    "--idle-sleep-us: expected a number from 0 to 10000, not",
				    &options->idle_sleep_us);
	case OPT_HOLD_OFF:
		return number_parse(optarg, OPTIONS_HOLD_OFF_S_MAX,
				    "--hold-off: expected a number from 0 to 60, not",
				    &options->hold_off_s);
	case OPT_HUGEPAGES:
		return hugepages_parse(optarg, &options->hugepages);
	case 'h':
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	case 'V':
		puts("sluice-dataplane " SLUICE_VERSION);
		return EXIT_SUCCESS;
	default:
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
}

int options_parse(int argc, char **argv, struct options *options)
{
	int option, verdict;

	*options = (struct options){
		.config_path = CONFIG_DEFAULT_PATH,
		.log_level = LOG_INFO,
	};
	while ((option = getopt_long(argc, argv, "c:r:s:hV", long_options, NULL)) != -1) {
		verdict = option_apply(option, options);
		if (verdict != OPTIONS_GO_ON)
			return verdict;
	}
	if (optind < argc)
		return refuse("unexpected argument", argv[optind]);
	if (!options->state_dir)
		options->state_dir = options->run_dir ? options->run_dir : STATE_DIR;
	if (!options->run_dir)
		options->run_dir = RUN_DIR;
	return OPTIONS_GO_ON;
}
