/* SPDX-License-Identifier: BSD-3-Clause */
/* history and config confirm. */
#include <inttypes.h>
#include <time.h>

#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

static const struct table_column history_columns[] = {
	{ "BACK", .right = true },
	{ "NUMBER", .right = true },
	{ "IN FORCE SINCE" },
	{ "BY" },
	{ "HOW" },
	{ "FILE" },
	{ "BYTES", .right = true },
	{ NULL },
};

static const char *history_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static json_int_t history_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void history_row(struct table *table, const json_t *entry)
{
	time_t seconds = (time_t)history_integer(entry, "time");
	enum table_style style = history_integer(entry, "back") == 0 ? TABLE_GOOD : TABLE_PLAIN;
	char when[40], bytes[TEXT_MAX];
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	table_add(table, style, "%" PRId64, (int64_t)history_integer(entry, "back"));
	table_add(table, style, "%" PRId64, (int64_t)history_integer(entry, "generation"));
	table_add(table, style, "%s", when);
	table_add(table, style, "%s", history_text(entry, "who"));
	table_add(table, style, "%s", history_text(entry, "how"));
	table_add(table, style, "%s", history_text(entry, "file"));
	table_add(table, style, "%s", text_count(bytes, history_integer(entry, "bytes")));
}

static void history_print(const struct cli *cli, const json_t *result)
{
	const json_t *left = json_object_get(result, "unconfirmed_ms");
	struct table *table = table_create(history_columns);
	char text[TEXT_MAX];
	const json_t *entry;
	size_t i;

	if (table == NULL)
		return;
	json_array_foreach(json_object_get(result, "configurations"), i, entry)
		history_row(table, entry);
	table_print(table, cli->out, cli->colour);
	table_destroy(table);
	if (json_is_integer(left))
		fprintf(cli->out,
			"%" PRId64 " is undone in %s, unless confirmed: sluicectl config confirm\n",
			(int64_t)history_integer(result, "generation"),
			text_duration(text, json_integer_value(left)));
}

static void confirm_print(const struct cli *cli, const json_t *result)
{
	fprintf(cli->out, "configuration %" PRId64 " confirmed\n",
		(int64_t)history_integer(result, "generation"));
}

static int history_ask(struct cli *cli, const char *verb,
		       void (*print)(const struct cli *cli, const json_t *result))
{
	json_t *result;
	int code = client_ask(cli, json_pack("{s:s}", "verb", verb), NULL, NULL, &result);

	if (cli->json && result != NULL)
		cli_print_json(cli, result, JSON_INDENT(2));
	else if (code == CLI_DONE)
		print(cli, result);
	json_decref(result);
	return code;
}

int history_run(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return history_ask(cli, "history", history_print);
}

int confirm_run(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return history_ask(cli, "config-confirm", confirm_print);
}
