/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

static const struct table_column drops_columns[] = {
	{ "REASON", false, false },
	{ "PACKETS", true, false },
	{ "MEANING", false, false },
	{ NULL, false, false },
};

static int64_t drops_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void drops_sum(const struct cli *cli, const json_t *result)
{
	int64_t balance = drops_integer(result, "balance");
	char received[TEXT_MAX], transmitted[TEXT_MAX], kernel[TEXT_MAX], dropped[TEXT_MAX];
	char off[TEXT_MAX];

	fprintf(cli->out, "%s received = %s transmitted + %s to the kernel + %s dropped",
		text_count(received, drops_integer(result, "received")),
		text_count(transmitted, drops_integer(result, "transmitted")),
		text_count(kernel, drops_integer(result, "kernel")),
		text_count(dropped, drops_integer(result, "dropped")));
	/* Packets of the burst that a worker is processing while its counters are read. */
	if (balance != 0)
		fprintf(cli->out, " (%s in flight)", text_count(off, balance));
	fputc('\n', cli->out);
}

static void drops_table(const struct cli *cli, const json_t *drops)
{
	struct table *table = table_create(drops_columns);
	const json_t *drop;
	char text[TEXT_MAX];
	size_t i;

	json_array_foreach(drops, i, drop) {
		int64_t packets = drops_integer(drop, "packets");
		const char *reason = json_string_value(json_object_get(drop, "reason"));
		const char *meaning = json_string_value(json_object_get(drop, "text"));

		enum table_style style = packets == 0 ? TABLE_DIM : TABLE_PLAIN;

		table_add(table, style, "%s", reason != NULL ? reason : "?");
		table_add(table, style, "%s", text_count(text, packets));
		table_add(table, style, "%s", meaning != NULL ? meaning : "");
	}
	fputc('\n', cli->out);
	table_print(table, cli->out, cli->colour);
	table_destroy(table);
}

/*
 * What only the driver counts: packets that never reached us, and some that we have sent. An XDP
 * program is not told whether XDP_TX succeeded, so it has counted those as transmitted.
 */
static void drops_nic(const struct cli *cli, const json_t *nic)
{
	static const struct {
		const char *key, *text;
	} counters[] = {
		{ "missed", "missed (receive queue full)" },
		{ "rx_errors", "receive errors" },
		{ "no_mbuf", "missed (no buffer)" },
		{ "tx_errors", "transmit errors" },
	};
	char text[TEXT_MAX];

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		int64_t count = drops_integer(nic, counters[i].key);

		fprintf(cli->out, "port: %s %s\n", text_count(text, count), counters[i].text);
	}
}

static void drops_from_kernel(const struct cli *cli, const json_t *from_kernel)
{
	char sent[TEXT_MAX], dropped[TEXT_MAX];

	fprintf(cli->out, "%s from the kernel transmitted, %s dropped\n",
		text_count(sent, drops_integer(from_kernel, "transmitted")),
		text_count(dropped, drops_integer(from_kernel, "dropped")));
}

int drops_run(struct cli *cli, int argc, char **argv)
{
	json_t *result;
	int code;

	(void)argc;
	(void)argv;
	code = client_ask(cli, json_pack("{s:s}", "verb", "drops"), NULL, NULL, &result);
	if (code == CLI_DONE && cli->json)
		cli_print_json(cli, result, JSON_INDENT(2));
	if (code == CLI_DONE && json_is_false(json_object_get(result, "running"))) {
		code = cli_refuse(cli, "the dataplane is not running: there are no counters");
	} else if (code == CLI_DONE && !cli->json) {
		drops_sum(cli, result);
		drops_from_kernel(cli, json_object_get(result, "from_kernel"));
		drops_nic(cli, json_object_get(result, "nic"));
		drops_table(cli, json_object_get(result, "drops"));
	}
	json_decref(result);
	return code;
}
