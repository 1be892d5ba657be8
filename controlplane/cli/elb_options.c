/* SPDX-License-Identifier: BSD-3-Clause */
/* Options as ELB's own tools took them: also with one dash, "-region us-east-1". */
#include <ctype.h>
#include <getopt.h>
#include <string.h>

#include "config/base/scalar.h"
#include "controlplane/cli/elb_options.h"

#define ELB_LETTER 256 /* beyond all letters: an option without one */

static const struct option elb_options[] = {
	{ "headers", no_argument, NULL, ELB_LETTER + ELB_HEADERS },
	{ "show-long", no_argument, NULL, ELB_LETTER + ELB_SHOW_LONG },
	{ "delimiter", required_argument, NULL, ELB_LETTER + ELB_DELIMITER },
	{ "quiet", no_argument, NULL, ELB_LETTER + ELB_QUIET },
	{ "lb", required_argument, NULL, ELB_LETTER + ELB_LB },
	{ "listener", required_argument, NULL, ELB_LETTER + ELB_LISTENER },
	{ "availability-zones", required_argument, NULL, ELB_LETTER + ELB_ZONES },
	{ "vip", required_argument, NULL, ELB_LETTER + ELB_VIP },
	{ "forward", required_argument, NULL, ELB_LETTER + ELB_FORWARD },
	{ "target", required_argument, NULL, ELB_LETTER + ELB_TARGET },
	{ "interval", required_argument, NULL, ELB_LETTER + ELB_INTERVAL },
	{ "timeout", required_argument, NULL, ELB_LETTER + ELB_TIMEOUT },
	{ "unhealthy-threshold", required_argument, NULL, ELB_LETTER + ELB_UNHEALTHY },
	{ "healthy-threshold", required_argument, NULL, ELB_LETTER + ELB_HEALTHY },
	{ "only", no_argument, NULL, ELB_LETTER + ELB_ONLY },
	{ "instances", required_argument, NULL, ELB_LETTER + ELB_INSTANCES },
	{ "force", no_argument, NULL, ELB_LETTER + ELB_FORCE },
	{ "region", required_argument, NULL, ELB_LETTER + ELB_CREDENTIAL },
	{ "aws-credential-file", required_argument, NULL, ELB_LETTER + ELB_CREDENTIAL },
	{ "ec2-private-key-file-path", required_argument, NULL, ELB_LETTER + ELB_CREDENTIAL },
	{ "ec2-cert-file-path", required_argument, NULL, ELB_LETTER + ELB_CREDENTIAL },
	{ "run-dir", required_argument, NULL, 'r' },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* Letters of ELB's own tools, and of sluicectl. */
static const struct {
	char letter;
	enum elb_option option;
} elb_letters[] = {
	{ 'H', ELB_HEADERS },	 { 'l', ELB_LISTENER },	  { 'z', ELB_ZONES },
	{ 't', ELB_TARGET },	 { 'f', ELB_FORCE },	  { 'K', ELB_CREDENTIAL },
	{ 'C', ELB_CREDENTIAL }, { 'I', ELB_CREDENTIAL }, { 'S', ELB_CREDENTIAL },
	{ 'U', ELB_CREDENTIAL },
};

static const char elb_short[] = ":r:o:hVHl:z:t:fK:C:I:S:U:";

/* Every command has these. */
#define ELB_GENERAL                                                                                \
	(1u << ELB_HEADERS | 1u << ELB_SHOW_LONG | 1u << ELB_DELIMITER | 1u << ELB_QUIET |         \
	 1u << ELB_LB | 1u << ELB_CREDENTIAL)

static const char *elb_option_name(enum elb_option option)
{
	const struct option *at = elb_options;

	while (at->val != ELB_LETTER + (int)option)
		at++;
	return at->name;
}

/* Return: ELB_OPTIONS: it is none of ours. */
static enum elb_option elb_option_of(int code)
{
	if (code >= ELB_LETTER)
		return (enum elb_option)(code - ELB_LETTER);
	for (size_t i = 0; i < sizeof(elb_letters) / sizeof(elb_letters[0]); i++)
		if (elb_letters[i].letter == code)
			return elb_letters[i].option;
	return ELB_OPTIONS;
}

static int elb_take(struct cli *cli, enum elb_option option, unsigned int allowed,
		    struct elb_line *line)
{
	const char *value = optarg != NULL ? optarg : "";

	if ((allowed & 1u << option) == 0)
		return cli_usage(cli, "unknown option --%s", elb_option_name(option));
	if (option == ELB_LISTENER && line->listener_count == ELB_LISTENERS_MAX)
		return cli_usage(cli, "expected at most %d listeners", ELB_LISTENERS_MAX);
	if (option == ELB_LISTENER)
		line->listeners[line->listener_count++] = value;
	else if (line->values[option] != NULL && option != ELB_CREDENTIAL)
		return cli_usage(cli, "--%s is given twice", elb_option_name(option));
	line->values[option] = value;
	return -1;
}

static int elb_take_names(struct cli *cli, int argc, char **argv, struct elb_line *line)
{
	for (int i = optind; i < argc; i++) {
		if (line->name_count == ELB_NAMES_MAX)
			return cli_usage(cli, "expected at most %d names", ELB_NAMES_MAX);
		line->names[line->name_count++] = argv[i];
	}
	if (line->values[ELB_LB] == NULL)
		return -1;
	if (line->name_count > 0)
		return cli_usage(cli, "\"%s\" and --lb %s: expected one of the two", line->names[0],
				 line->values[ELB_LB]);
	line->names[line->name_count++] = line->values[ELB_LB];
	return -1;
}

static int elb_check_counts(struct cli *cli, unsigned int required, const struct elb_line *line)
{
	int most = cli->verb->arguments_max;

	for (int i = 0; i < ELB_OPTIONS; i++)
		if ((required & 1u << i) != 0 && line->values[i] == NULL)
			return cli_usage(cli, "--%s is missing",
					 elb_option_name((enum elb_option)i));
	if ((int)line->name_count < cli->verb->arguments_min)
		return cli_usage(cli, "the name of a load balancer is missing");
	if ((int)line->name_count > most)
		return cli_usage(cli, "\"%s\" is one argument too many", line->names[most]);
	return -1;
}

int elb_options_read(struct cli *cli, int argc, char **argv, unsigned int allowed,
		     unsigned int required, struct elb_line *line)
{
	int letter, code = -1;

	*line = (struct elb_line){ .name_count = 0 };
	optind = 0;
	opterr = 0;
	while (code < 0 &&
	       (letter = getopt_long_only(argc, argv, elb_short, elb_options, NULL)) != -1) {
		enum elb_option option = elb_option_of(letter);

		code = option < ELB_OPTIONS
			       ? elb_take(cli, option, allowed | required | ELB_GENERAL, line)
			       : cli_read_option(cli, letter, argv);
	}
	if (code < 0)
		code = elb_take_names(cli, argc, argv, line);
	return code < 0 ? elb_check_counts(cli, required, line) : code;
}

/* ---- --listener ---- */

/* Return: the value of one of its keys, or NULL. */
static const char *elb_pair_value(const char *pair, size_t length, const char *key)
{
	size_t size = strlen(key);

	return length > size && strncasecmp(pair, key, size) == 0 && pair[size] == '='
		       ? pair + size + 1
		       : NULL;
}

static int elb_port_read(const struct cli *cli, const char *text, const char *key,
			 const char *value, size_t length, uint32_t *port)
{
	char digits[8];

	if (*port != 0)
		return cli_usage(cli, "--listener \"%s\": %s is given twice", text, key);
	snprintf(digits, sizeof(digits), "%.*s", (int)length, value);
	if (length >= sizeof(digits) || config_scalar_number(digits, port) != 0 || *port < 1 ||
	    *port > 65535)
		return cli_usage(cli, "--listener \"%s\": %s=%.*s: expected a port from 1 to 65535",
				 text, key, (int)length, value);
	return -1;
}

static int elb_protocol_read(const struct cli *cli, const char *text, const char *value,
			     size_t length, bool *given, bool *http)
{
	if (*given)
		return cli_usage(cli, "--listener \"%s\": protocol is given twice", text);
	*given = true;
	*http = length == 4 && strncasecmp(value, "HTTP", 4) == 0;
	if (*http || (length == 3 && strncasecmp(value, "TCP", 3) == 0))
		return -1;
	return cli_usage(cli,
			 "--listener \"%s\": protocol=%.*s: expected TCP or HTTP: certificates "
			 "belong to the instances",
			 text, (int)length, value);
}

int elb_listener_read(const struct cli *cli, const char *text, char *pair, bool *http)
{
	uint32_t port = 0, instance_port = 0;
	bool protocol = false;
	int code = -1;

	for (const char *at = text; code < 0 && *at != '\0';) {
		size_t blanks = strspn(at, " ");
		size_t length = strcspn(at + blanks, ", ");
		const char *value;

		at += blanks;
		if ((value = elb_pair_value(at, length, "lb-port")) != NULL)
			code = elb_port_read(cli, text, "lb-port", value,
					     (size_t)(at + length - value), &port);
		else if ((value = elb_pair_value(at, length, "instance-port")) != NULL)
			code = elb_port_read(cli, text, "instance-port", value,
					     (size_t)(at + length - value), &instance_port);
		else if ((value = elb_pair_value(at, length, "protocol")) != NULL)
			code = elb_protocol_read(cli, text, value, (size_t)(at + length - value),
						 &protocol, http);
		else
			code = cli_usage(cli,
					 "--listener \"%s\": \"%.*s\": expected lb-port=PORT, "
					 "instance-port=PORT and protocol=TCP or HTTP",
					 text, (int)length, at);
		at += length + strspn(at + length, " ");
		at += *at == ',';
	}
	if (code >= 0)
		return code;
	if (port == 0 || instance_port == 0 || !protocol)
		return cli_usage(cli, "--listener \"%s\": %s is missing", text,
				 port == 0	      ? "lb-port"
				 : instance_port == 0 ? "instance-port"
						      : "protocol");
	snprintf(pair, ELB_PAIR_MAX, "%u/%u", port, instance_port);
	return -1;
}
