/* SPDX-License-Identifier: BSD-3-Clause */
/* flows: how many there are, and which have been idle longest. */
#include <inttypes.h>
#include <string.h>

#include "config/base/scalar.h"
#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

#define FLOWS_LIMIT_MAX 1000
/* Idle times have 16 bits of 100 ms. */
#define FLOWS_OLDER_MAX_MS 6500000u

static const struct table_column flows_columns[] = {
	{ "IDLE", .right = true },
	{ "STATE" },
	{ "CLIENT" },
	{ "SERVICE" },
	{ "INSTANCE" },
	{ "WORKER" },
	{ "CPU", .right = true },
	{ NULL },
};

static const char *flows_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static int64_t flows_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void flows_row(struct table *table, const json_t *flow)
{
	const json_t *service = json_object_get(flow, "service");
	const char *client = flows_text(flow, "client");
	char idle[TEXT_MAX];

	table_add(table, TABLE_PLAIN, "%s", text_duration(idle, flows_integer(flow, "idle_ms")));
	table_add(table, TABLE_PLAIN, "%s", flows_text(flow, "state"));
	if (client[0] != '\0')
		table_add(table, TABLE_PLAIN, "%s:%" PRId64, client,
			  flows_integer(flow, "client_port"));
	else
		table_add(table, TABLE_DIM, "IPv6");
	if (json_is_object(service))
		table_add(table, TABLE_PLAIN, "%s, %s:%" PRId64, flows_text(service, "name"),
			  flows_text(service, "vip"), flows_integer(service, "port"));
	else
		table_add(table, TABLE_PLAIN, "%s", "");
	table_add(table, TABLE_PLAIN, "%s", flows_text(flow, "instance"));
	table_add(table, TABLE_PLAIN, "%" PRId64, flows_integer(flow, "worker"));
	if (json_is_integer(json_object_get(flow, "cpu")))
		table_add(table, TABLE_PLAIN, "%" PRId64, flows_integer(flow, "cpu"));
	else
		table_add(table, TABLE_PLAIN, "%s", "");
}

static void flows_print_counts(const struct cli *cli, const json_t *result)
{
	int64_t flows = flows_integer(result, "flows");
	int64_t six = flows_integer(result, "ipv6"),
		others = flows_integer(result, "ipv6_of_pools");
	char text[TEXT_MAX], all[TEXT_MAX];
	const char *name;
	json_t *count;

	fprintf(cli->out, "%s flow%s of %s", text_count(text, flows), text_plural(flows),
		text_count(all, flows_integer(result, "all")));
	json_object_foreach(json_object_get(result, "by_state"), name, count)
		if (json_integer_value(count) > 0)
			fprintf(cli->out, ", %s %s", text_count(text, json_integer_value(count)),
				name);
	fputc('\n', cli->out);
	if (six > 0)
		fprintf(cli->out,
			"%s of IPv6, recorded by a fingerprint: their clients are not known\n",
			text_count(text, six));
	if (others > 0)
		fprintf(cli->out,
			"not counted: %s of IPv6 in its pools, which may be of this service\n",
			text_count(text, others));
}

static void flows_print(const struct cli *cli, const json_t *result)
{
	const json_t *list = json_object_get(result, "list");
	struct table *table;
	const json_t *flow;
	size_t i;

	flows_print_counts(cli, result);
	table = json_array_size(list) > 0 ? table_create(flows_columns) : NULL;
	if (table == NULL)
		return;
	json_array_foreach(list, i, flow)
		flows_row(table, flow);
	fputc('\n', cli->out);
	table_print(table, cli->out, cli->colour);
	table_destroy(table);
}

static int flows_add_number(json_t *request, const char *key, uint32_t value)
{
	return json_object_set_new(request, key, json_integer(value));
}

static json_t *flows_request(const struct cli *cli, uint32_t older_ms, uint32_t limit)
{
	json_t *request = json_pack("{s:s, s:s*, s:s*, s:s*}", "verb", "flows", "instance",
				    cli->instance, "client", cli->client, "service", cli->service);

	if (request != NULL && cli->older != NULL)
		flows_add_number(request, "older_ms", older_ms);
	if (request != NULL && cli->limit != NULL)
		flows_add_number(request, "limit", limit);
	return request;
}

int flows_run(struct cli *cli, int argc, char **argv)
{
	uint32_t older_ms = 0, limit = 0;
	json_t *result;
	int code;

	(void)argc;
	(void)argv;
	if (cli->older != NULL &&
	    (config_scalar_duration(cli->older, &older_ms) != 0 || older_ms > FLOWS_OLDER_MAX_MS))
		return cli_usage(cli, "--older %s: expected a time up to 108m, such as 10m",
				 cli->older);
	if (cli->limit != NULL &&
	    (config_scalar_number(cli->limit, &limit) != 0 || limit > FLOWS_LIMIT_MAX))
		return cli_usage(cli, "--limit %s: expected a number from 0 to %d", cli->limit,
				 FLOWS_LIMIT_MAX);
	code = client_ask(cli, flows_request(cli, older_ms, limit), NULL, NULL, &result);
	if (cli->json && result != NULL)
		cli_print_json(cli, result, JSON_INDENT(2));
	else if (code == CLI_DONE)
		flows_print(cli, result);
	json_decref(result);
	return code;
}
