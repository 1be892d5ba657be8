/* SPDX-License-Identifier: BSD-3-Clause */
/* events: what has changed, a line each. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

/* Before following, so many as tail(1) shows. */
#define EVENTS_BEFORE 10

struct events_print {
	struct cli *cli;
	json_t *list; /* for one JSON document; NULL: a line each */
	bool any;
};

static const char *events_text(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	return text != NULL ? text : "";
}

/* Local time: people compare it with their own clocks. */
static void events_print_time(const struct cli *cli, const json_t *event)
{
	json_int_t unix_ms = json_integer_value(json_object_get(event, "unix_ms"));
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm when;
	char text[40];

	localtime_r(&seconds, &when);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &when);
	fprintf(cli->out, "%s.%03d  ", text, (int)(unix_ms % 1000));
}

static enum table_style events_style(const char *to)
{
	static const struct {
		const char *to;
		enum table_style style;
	} styles[] = {
		{ "up", TABLE_GOOD },	 { "ready", TABLE_GOOD },   { "connected", TABLE_GOOD },
		{ "down", TABLE_BAD },	 { "left out", TABLE_BAD }, { "disconnected", TABLE_BAD },
		{ "lame", TABLE_WARN },	 { "out", TABLE_WARN },	    { "suspended", TABLE_WARN },
		{ "drain", TABLE_WARN }, { "open", TABLE_WARN },    { "maint", TABLE_WARN },
	};

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (strcmp(to, styles[i].to) == 0)
			return styles[i].style;
	return TABLE_PLAIN;
}

/* "2026-11-30 19:51:48.123  web/web-1  health up -> down: TCP:80: refused (132 flows)" */
static void events_print_line(const struct cli *cli, const json_t *event)
{
	const char *from = events_text(event, "from"), *to = events_text(event, "to");
	const char *cause = events_text(event, "cause"), *who = events_text(event, "who");
	const json_t *flows = json_object_get(event, "flows");
	char text[TEXT_MAX], line[1200];

	events_print_time(cli, event);
	snprintf(line, sizeof(line), "%s  %s %s%s", events_text(event, "object"),
		 events_text(event, "what"), from, from[0] ? " -> " : "");
	table_text(cli->out, cli->colour, TABLE_PLAIN, line);
	table_text(cli->out, cli->colour, events_style(to), to);
	snprintf(line, sizeof(line), "%s%s%s%s", cause[0] ? ": " : "", cause, who[0] ? ", by " : "",
		 who);
	table_text(cli->out, cli->colour, TABLE_PLAIN, line);
	if (json_is_integer(flows))
		fprintf(cli->out, " (%s flow%s)", text_count(text, json_integer_value(flows)),
			text_plural(json_integer_value(flows)));
	fputc('\n', cli->out);
}

static void events_print_lost(const struct cli *cli, int64_t lost)
{
	fprintf(cli->err, "sluicectl: %" PRId64 " event%s lost: read too slowly\n", lost,
		text_plural(lost));
}

static void events_on_line(void *arg, const json_t *line)
{
	struct events_print *print = arg;
	const json_t *lost = json_object_get(line, "lost");

	if (line == NULL || json_object_get(line, "alive") != NULL)
		return;
	if (json_is_integer(lost) && (!print->cli->json || print->list != NULL)) {
		events_print_lost(print->cli, json_integer_value(lost));
		return;
	}
	print->any = true;
	if (print->list != NULL)
		json_array_append(print->list, (json_t *)line);
	else if (print->cli->json)
		cli_print_json(print->cli, line, JSON_COMPACT);
	else
		events_print_line(print->cli, line);
	if (print->cli->follow)
		fflush(print->cli->out);
}

static json_t *events_request(const struct cli *cli)
{
	json_t *request = json_pack("{s:s}", "verb", "events");
	int err = 0;

	if (cli->follow)
		err |= json_object_set_new(request, "follow", json_true());
	if (cli->since_ms > 0)
		err |= json_object_set_new(request, "since_ms", json_integer(cli->since_ms));
	else if (cli->follow)
		err |= json_object_set_new(request, "last", json_integer(EVENTS_BEFORE));
	if (cli->object != NULL)
		err |= json_object_set_new(request, "object", json_string(cli->object));
	if (err == 0)
		return request;
	json_decref(request);
	return NULL;
}

int events_run(struct cli *cli, int argc, char **argv)
{
	struct events_print print = { .cli = cli };
	json_t *result, *document;
	int code;

	(void)argc;
	(void)argv;
	if (cli->json && !cli->follow)
		print.list = json_array();
	code = client_ask(cli, events_request(cli), events_on_line, &print, &result);
	if (code == CLI_DONE && print.list != NULL) {
		document = json_pack("{s:O, s:O}", "events", print.list, "lost",
				     json_object_get(result, "lost"));
		cli_print_json(cli, document, JSON_INDENT(2));
		json_decref(document);
	} else if (code == CLI_DONE && !print.any && !cli->json) {
		fputs("no events\n", cli->out);
	}
	json_decref(print.list);
	json_decref(result);
	return code;
}
