/* SPDX-License-Identifier: BSD-3-Clause */
/* config from-haproxy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/load/load.h"
#include "config/schema/schema.h"
#include "controlplane/cli/cli.h"
#include "controlplane/cli/haproxy.h"

#define NODE_BYTES_MAX (1 << 20)

/* Whether a line of a file begins another top-level key than node. */
static bool line_is_other_key(const char *line)
{
	return strchr(" \t\n#-", *line) == NULL && strncmp(line, "node:", 5) != 0;
}

static void node_copy(FILE *from, FILE *to)
{
	bool inside = false;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, from) >= 0) {
		if (strncmp(line, "node:", 5) == 0)
			inside = true;
		else if (line_is_other_key(line))
			inside = false;
		if (inside)
			fputs(line, to);
	}
	free(line);
}

/* The node part of a Sluice file, to be freed; NULL after an error, which is printed. */
static char *node_read(const struct cli *cli, const char *file)
{
	char *text = NULL;
	size_t size = 0;
	FILE *from = fopen(file, "re"), *to;

	if (from == NULL) {
		cli_refuse(cli, "%s: %s", file, strerror(errno));
		return NULL;
	}
	to = open_memstream(&text, &size);
	if (to != NULL) {
		node_copy(from, to);
		fclose(to);
	}
	fclose(from);
	if (text != NULL && size > 0 && size <= NODE_BYTES_MAX)
		return text;
	cli_refuse(cli, "%s: has no \"node:\" at the beginning of a line", file);
	free(text);
	return NULL;
}

/* Return: the converted text, to be freed; NULL after an error, which is printed. */
static char *convert(const struct cli *cli, const char *file, const struct haproxy_wish *wish)
{
	FILE *from = fopen(file, "re"), *to;
	struct haproxy haproxy;
	char *text = NULL;
	size_t size;

	if (from == NULL) {
		cli_refuse(cli, "%s: %s", file, strerror(errno));
		return NULL;
	}
	if (haproxy_read(&haproxy, from, file) != 0) {
		cli_refuse(cli, "%s", haproxy.error);
	} else if ((to = open_memstream(&text, &size)) != NULL) {
		haproxy_write(&haproxy, wish, to);
		fclose(to);
	}
	haproxy_fini(&haproxy);
	fclose(from);
	return text;
}

/* With a node part the result is whole, so it is checked. */
static int convert_check(const struct cli *cli, const char *text)
{
	struct config_errors errors = { 0 };
	struct config *config = config_load_buffer(text, strlen(text), "the result", &errors);
	char line[1024];

	if (config != NULL) {
		config_free(config);
		return CLI_DONE;
	}
	for (uint32_t i = 0; i < errors.count; i++) {
		config_error_format(&errors, i, line, sizeof(line));
		fprintf(cli->err, "%s\n", line);
	}
	return CLI_REFUSED;
}

static int convert_print(const struct cli *cli, const char *file, const char *text)
{
	json_t *value;

	if (!cli->json) {
		fputs(text, cli->out);
		return CLI_DONE;
	}
	value = json_pack("{s:s, s:s}", "file", file, "config", text);
	cli_print_json(cli, value, JSON_INDENT(2));
	json_decref(value);
	return CLI_DONE;
}

static int convert_usage(const struct cli *cli)
{
	if (cli->forward != NULL && strcmp(cli->forward, "l2") != 0 &&
	    strcmp(cli->forward, "ipip") != 0 && strcmp(cli->forward, "gue") != 0 &&
	    strcmp(cli->forward, "nat") != 0)
		return cli_usage(cli, "--forward %s: expected l2, ipip, gue or nat", cli->forward);
	return CLI_DONE;
}

int from_haproxy_run(struct cli *cli, int argc, char **argv)
{
	struct haproxy_wish wish = { .forward = cli->forward, .vip = cli->vip };
	char *node = NULL, *text = NULL;
	int code = convert_usage(cli);

	(void)argc;
	if (code != CLI_DONE)
		return code;
	if (cli->node != NULL) {
		node = node_read(cli, cli->node);
		if (node == NULL)
			return CLI_REFUSED;
	}
	wish.node = node;
	text = convert(cli, argv[0], &wish);
	if (text != NULL)
		code = convert_print(cli, argv[0], text);
	if (text != NULL && node != NULL)
		code = convert_check(cli, text);
	free(node);
	code = text != NULL ? code : CLI_REFUSED;
	free(text);
	return code;
}
