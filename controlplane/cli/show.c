/* SPDX-License-Identifier: BSD-3-Clause */
/* config show. */
#include <string.h>

#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"

static void show_origin(const struct cli *cli, const json_t *files, const json_t *line)
{
	size_t file = (size_t)json_integer_value(json_object_get(line, "file"));
	const char *name = json_string_value(json_array_get(files, file));
	char place[512];

	snprintf(place, sizeof(place), "%s:%d  ", name != NULL ? name : "?",
		 (int)json_integer_value(json_object_get(line, "line")));
	table_text(cli->out, cli->colour, TABLE_DIM, place);
}

int show_run(struct cli *cli, int argc, char **argv)
{
	json_t *result;
	const json_t *files, *line;
	size_t i;
	int code = client_ask(cli, json_pack("{s:s}", "verb", "config-show"), NULL, NULL, &result);

	(void)argc;
	(void)argv;
	files = json_object_get(result, "files");
	if (code == CLI_DONE && cli->json)
		cli_print_json(cli, result, JSON_INDENT(2));
	json_array_foreach(json_object_get(result, "lines"), i, line) {
		const char *text = json_string_value(json_object_get(line, "text"));

		if (code != CLI_DONE || cli->json || text == NULL)
			break;
		if (cli->origin)
			show_origin(cli, files, line);
		fprintf(cli->out, "%s\n", text);
	}
	json_decref(result);
	return code;
}
