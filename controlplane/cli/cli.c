/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/scalar.h"
#include "config/base/version.h"
#include "config/error.h"
#include "controlplane/api/protocol.h"

#define CLI_CONFIRM_DEFAULT_MS (5u * 60 * 1000)
#define CLI_JSON_REAL JSON_REAL_PRECISION(9)

static const char cli_head[] = "usage: sluicectl [-r DIR] [-o table|json] VERB ...\n"
			       "\n"
			       "  -r, --run-dir DIR        of the daemon (" CLI_DIR_DEFAULT ")\n"
			       "  -o, --output table|json  for people (default), or for programs\n"
			       "  -h, --help               of a verb: sluicectl VERB -h\n"
			       "  -V, --version\n"
			       "\n"
			       "Verbs:\n";
static const char cli_tail[] = "\nExit codes: 0 done, 1 refused, 2 wrong usage, 3 no daemon.\n";

static const struct option cli_options[] = {
	{ "run-dir", required_argument, NULL, 'r' },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "wait", optional_argument, NULL, 'a' },
	{ "force", no_argument, NULL, 'F' },
	{ "follow", no_argument, NULL, 'f' },
	{ "since", required_argument, NULL, 's' },
	{ "object", required_argument, NULL, 'O' },
	{ "origin", no_argument, NULL, 'g' },
	{ "confirm", optional_argument, NULL, 'k' },
	{ "node", required_argument, NULL, 'n' },
	{ "vip", required_argument, NULL, 'v' },
	{ "forward", required_argument, NULL, 'm' },
	{ "write", required_argument, NULL, 'w' },
	{ "port", required_argument, NULL, 'p' },
	{ "dataplane", required_argument, NULL, 'd' },
	{ "cpus", required_argument, NULL, 'u' },
	{ "config", required_argument, NULL, 'c' },
	{ "at", required_argument, NULL, 't' },
	{ "reverse", required_argument, NULL, 'R' },
	{ "instance", required_argument, NULL, 'i' },
	{ "client", required_argument, NULL, 'C' },
	{ "service", required_argument, NULL, 'S' },
	{ "older", required_argument, NULL, 'e' },
	{ "limit", required_argument, NULL, 'l' },
	{ "once", no_argument, NULL, '1' },
	{ "interval", required_argument, NULL, 'I' },
	{ "root", required_argument, NULL, 'D' },
	{ "drops", no_argument, NULL, 'x' },
	{ "reason", required_argument, NULL, 'q' },
	{ "count", required_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

int cli_refuse(const struct cli *cli, const char *format, ...)
{
	va_list arguments;

	fprintf(cli->err, "%s: ", cli->program);
	va_start(arguments, format);
	vfprintf(cli->err, format, arguments);
	va_end(arguments);
	fputc('\n', cli->err);
	return CLI_REFUSED;
}

/* What precedes a verb on the command line. */
static const char *cli_prefix(const struct cli *cli)
{
	return cli->program == cli->verb->name ? "" : "sluicectl ";
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list arguments;

	fprintf(cli->err, "%s: ", cli->program);
	va_start(arguments, format);
	vfprintf(cli->err, format, arguments);
	va_end(arguments);
	if (cli->verb != NULL)
		fprintf(cli->err, "\nusage: %s%s%s\n", cli_prefix(cli), cli->verb->name,
			cli->verb->synopsis);
	else
		fputs("\nusage: sluicectl [-r DIR] [-o table|json] VERB ...; sluicectl -h lists the "
		      "verbs\n",
		      cli->err);
	return CLI_USAGE;
}

void cli_print_json(const struct cli *cli, const json_t *value, size_t flags)
{
	json_dumpf(value, cli->out, flags | CLI_JSON_REAL);
	fputc('\n', cli->out);
}

static void cli_print_help(const struct cli *cli)
{
	const struct cli_verb *verb = cli->verb;

	if (verb != NULL) {
		fprintf(cli->out, "usage: %s%s%s\n\n%c%s.\n", cli_prefix(cli), verb->name,
			verb->synopsis, toupper((unsigned char)verb->summary[0]),
			verb->summary + 1);
		if (verb->help != NULL)
			fprintf(cli->out, "\n%s", verb->help);
		fprintf(cli->out, "\nExamples:\n%s", verb->examples);
		return;
	}
	fputs(cli_head, cli->out);
	for (verb = cli_verbs; verb->name != NULL; verb++)
		fprintf(cli->out, "  %s%s\n      %s\n", verb->name, verb->synopsis, verb->summary);
	fputs(cli_tail, cli->out);
}

static int cli_read_output(struct cli *cli, const char *word)
{
	if (strcmp(word, "table") != 0 && strcmp(word, "json") != 0)
		return cli_usage(cli, "-o %s: expected table or json", word);
	cli->json = strcmp(word, "json") == 0;
	return -1;
}

/*
 * Accept "--wait 5m" like "--wait=5m": the next word is its value, unless it has a character that is
 * @foreign to a time: it is an instance or a file then.
 */
static void cli_take_time(char **argv, const char *foreign)
{
	const char *next = argv[optind];

	if (optarg != NULL || next == NULL || !isdigit((unsigned char)next[0]) ||
	    next[strcspn(next, foreign)] != '\0')
		return;
	optarg = argv[optind];
	optind++;
}

static int cli_read_wait(struct cli *cli, char **argv)
{
	uint32_t ms;

	cli->wait = true;
	cli->wait_ms = 0;
	cli_take_time(argv, "/");
	if (optarg == NULL)
		return -1;
	if (config_scalar_duration(optarg, &ms) != 0 || ms == 0 || ms > CONTROL_WAIT_MAX_MS)
		return cli_usage(cli, "--wait %s: expected a time up to 24h, such as 90s or 5m",
				 optarg);
	cli->wait_ms = ms;
	return -1;
}

static int cli_read_confirm(struct cli *cli, char **argv)
{
	uint32_t ms = CLI_CONFIRM_DEFAULT_MS;

	cli_take_time(argv, "/.");
	if (optarg != NULL && (config_scalar_duration(optarg, &ms) != 0 ||
			       ms < CONTROL_CONFIRM_MIN_MS || ms > CONTROL_CONFIRM_MAX_MS))
		return cli_usage(cli, "--confirm %s: expected a time from 1s to 24h, such as 5m",
				 optarg);
	cli->confirm_ms = ms;
	return -1;
}

static int cli_read_since(struct cli *cli)
{
	if (config_scalar_duration(optarg, &cli->since_ms) != 0 || cli->since_ms == 0)
		return cli_usage(cli, "--since %s: expected a time, such as 10m or 24h", optarg);
	return -1;
}

/* The word before getopt's next one is the option's value. */
static int cli_unknown(const struct cli *cli, int option)
{
	const struct option *known = cli_options;

	while (known->name != NULL && known->val != option)
		known++;
	return cli_usage(cli, "unknown option --%s", known->name);
}

/* An option of some verbs. */
struct cli_owned {
	int option;
	unsigned int of; /* enum cli_option */
	size_t text;	 /* place in struct cli of its value, if that is taken as it is */
};

static const struct cli_owned cli_owned[] = {
	{ 'a', CLI_OPTION_WAIT, 0 },
	{ 'F', CLI_OPTION_FORCE | CLI_OPTION_INIT, 0 },
	{ 'f', CLI_OPTION_EVENTS, 0 },
	{ 's', CLI_OPTION_EVENTS, 0 },
	{ 'k', CLI_OPTION_CONFIRM, 0 },
	{ 'g', CLI_OPTION_ORIGIN, 0 },
	{ 'O', CLI_OPTION_EVENTS, offsetof(struct cli, object) },
	{ 'n', CLI_OPTION_CONVERT, offsetof(struct cli, node) },
	{ 'v', CLI_OPTION_CONVERT, offsetof(struct cli, vip) },
	{ 'm', CLI_OPTION_CONVERT, offsetof(struct cli, forward) },
	{ 'w', CLI_OPTION_INIT | CLI_OPTION_CAPTURE, offsetof(struct cli, write) },
	{ 'p', CLI_OPTION_INIT, offsetof(struct cli, port) },
	{ 'd', CLI_OPTION_INIT, offsetof(struct cli, dataplane) },
	{ 'u', CLI_OPTION_INIT, offsetof(struct cli, cpus) },
	{ 'c', CLI_OPTION_EXPLAIN | CLI_OPTION_DOCTOR, offsetof(struct cli, config) },
	{ 'D', CLI_OPTION_DOCTOR, offsetof(struct cli, root) },
	{ 't', CLI_OPTION_EXPLAIN, offsetof(struct cli, at) },
	{ 'R', CLI_OPTION_EXPLAIN, offsetof(struct cli, reverse) },
	{ 'i', CLI_OPTION_FLOWS | CLI_OPTION_CAPTURE, offsetof(struct cli, instance) },
	{ 'C', CLI_OPTION_FLOWS | CLI_OPTION_CAPTURE, offsetof(struct cli, client) },
	{ 'S', CLI_OPTION_FLOWS, offsetof(struct cli, service) },
	{ 'e', CLI_OPTION_FLOWS, offsetof(struct cli, older) },
	{ 'l', CLI_OPTION_FLOWS, offsetof(struct cli, limit) },
	{ '1', CLI_OPTION_TOP, 0 },
	{ 'I', CLI_OPTION_TOP, offsetof(struct cli, interval) },
	{ 'x', CLI_OPTION_CAPTURE, 0 },
	{ 'q', CLI_OPTION_CAPTURE, offsetof(struct cli, reason) },
	{ 'j', CLI_OPTION_CAPTURE, offsetof(struct cli, count) },
};

/* The option; one that no verb has if it is none of these. */
static struct cli_owned cli_owned_find(int option)
{
	for (size_t i = 0; i < sizeof(cli_owned) / sizeof(cli_owned[0]); i++)
		if (cli_owned[i].option == option)
			return cli_owned[i];
	return (struct cli_owned){ .of = 0 };
}

/* Options of single verbs. Return: -1: taken; -2: not one of this verb's; else an exit code. */
static int cli_read_verb_option(struct cli *cli, int option, char **argv)
{
	unsigned int allowed = cli->verb != NULL ? cli->verb->options : 0;
	struct cli_owned owned = cli_owned_find(option);

	if ((allowed & owned.of) == 0)
		return owned.of != 0 && optarg != NULL ? cli_unknown(cli, option) : -2;
	if (option == 'a')
		return cli_read_wait(cli, argv);
	if (option == 'k')
		return cli_read_confirm(cli, argv);
	if (option == 's')
		return cli_read_since(cli);
	if (owned.text != 0)
		*(const char **)((char *)cli + owned.text) = optarg;
	cli->origin |= option == 'g';
	cli->force |= option == 'F';
	cli->follow |= option == 'f';
	cli->once |= option == '1';
	cli->drops |= option == 'x';
	return -1;
}

int cli_read_option(struct cli *cli, int option, char **argv)
{
	int code;

	switch (option) {
	case 'r':
		cli->dir = optarg;
		return -1;
	case 'o':
		return cli_read_output(cli, optarg);
	case 'h':
		cli_print_help(cli);
		return CLI_DONE;
	case 'V':
		fputs("sluicectl " SLUICE_VERSION "\n", cli->out);
		return CLI_DONE;
	case ':':
		return cli_usage(cli, "%s: a value is missing", argv[optind - 1]);
	default:
		code = cli_read_verb_option(cli, option, argv);
		if (code != -2)
			return code;
		break;
	}
	/* Within "-xy" getopt has not moved past the word yet. */
	if (optopt != 0 && option == '?')
		return cli_usage(cli, "unknown option -%c", isprint(optopt) ? optopt : '?');
	return cli_usage(cli, "unknown option %s", argv[optind - 1]);
}

/* Return: -1 and optind at the first argument, else the program's exit code. */
static int cli_read_options(struct cli *cli, int argc, char **argv, const char *letters)
{
	int option, code;

	optind = 0; /* restarts getopt */
	opterr = 0;
	while ((option = getopt_long(argc, argv, letters, cli_options, NULL)) != -1) {
		code = cli_read_option(cli, option, argv);
		if (code >= 0)
			return code;
	}
	return -1;
}

/* Return: number of words of the verb, 0 if @argv doesn't begin with it. */
static int cli_verb_words(const struct cli_verb *verb, int argc, char **argv)
{
	const char *space = strchr(verb->name, ' ');
	size_t length = space != NULL ? (size_t)(space - verb->name) : strlen(verb->name);

	if (strlen(argv[0]) != length || memcmp(argv[0], verb->name, length) != 0)
		return 0;
	if (space == NULL)
		return 1;
	return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

/*
 * The first word of a two-word verb came alone, or with a wrong second one. Return: whether there
 * is such a verb.
 */
static bool cli_usage_second(const struct cli *cli, const char *first)
{
	size_t length = strlen(first), used = 0;
	const char *last = NULL;
	char words[128] = "";

	for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
		if (strncmp(verb->name, first, length) != 0 || verb->name[length] != ' ')
			continue;
		if (last != NULL && used < sizeof(words))
			used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%s",
						 used > 0 ? ", " : "", last);
		last = verb->name + length + 1;
	}
	if (last != NULL)
		cli_usage(cli, "%s: expected %s%s%s", first, words, used > 0 ? " or " : "", last);
	return last != NULL;
}

static int cli_find_verb(struct cli *cli, int argc, char **argv)
{
	struct config_guess guess = { .word = argv[0] };

	for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
		int words = cli_verb_words(verb, argc, argv);

		if (words > 0) {
			cli->verb = verb;
			return words;
		}
		config_guess_offer(&guess, verb->name);
	}
	if (!cli_usage_second(cli, argv[0]))
		cli_usage(cli, "there is no verb \"%s\"%s%s%s", argv[0],
			  guess.best ? "; did you mean \"" : "", guess.best ? guess.best : "",
			  guess.best ? "\"?" : "");
	return 0;
}

static int cli_run_verb(struct cli *cli, int argc, char **argv)
{
	int code;

	if (cli->verb->own_options)
		return cli->verb->run(cli, argc, argv);
	code = cli_read_options(cli, argc, argv, ":hVfr:o:w:c:");
	if (code >= 0)
		return code;
	argc -= optind;
	argv += optind;
	if (argc < cli->verb->arguments_min)
		return cli_usage(cli, "%s: an argument is missing", cli->verb->name);
	if (argc > cli->verb->arguments_max)
		return cli_usage(cli, "%s: \"%s\" is one argument too many", cli->verb->name,
				 argv[cli->verb->arguments_max]);
	return cli->verb->run(cli, argc, argv);
}

static bool cli_wants_colour(const struct cli *cli)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return cli->tty && (no_colour == NULL || no_colour[0] == '\0') && terminal != NULL &&
	       strcmp(terminal, "dumb") != 0;
}

/* The verb that the program is called by, as a link to it, or NULL. */
static const struct cli_verb *cli_program_verb(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash != NULL ? slash + 1 : program;

	for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++)
		if (verb->own_options && strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

static int cli_run_words(struct cli *cli, int argc, char **argv)
{
	int words, code;

	cli->verb = argc > 0 ? cli_program_verb(argv[0]) : NULL;
	if (cli->verb != NULL) {
		cli->program = cli->verb->name;
		return cli_run_verb(cli, argc, argv);
	}
	code = cli_read_options(cli, argc, argv, "+:hVr:o:");
	if (code >= 0)
		return code;
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return cli_usage(cli, "a verb is missing");
	words = cli_find_verb(cli, argc, argv);
	if (words == 0)
		return CLI_USAGE;
	/* The verb's last word replaces the program name. */
	return cli_run_verb(cli, argc - words + 1, argv + words - 1);
}

int cli_run(int argc, char **argv, FILE *out, FILE *err)
{
	struct cli cli = { .program = "sluicectl", .dir = CLI_DIR_DEFAULT, .out = out, .err = err };
	int code;

	cli.tty = fileno(out) >= 0 && isatty(fileno(out));
	cli.colour = cli_wants_colour(&cli);
	cli.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	code = cli_run_words(&cli, argc, argv);
	if ((fflush(out) != 0 || ferror(out)) && code == CLI_DONE)
		code = cli_refuse(&cli, "cannot write the answer: %s", strerror(errno));
	return code;
}
