/* SPDX-License-Identifier: BSD-3-Clause */
/* explain: where a connection goes, as sluiced says, or as a configuration alone does. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "config/base/scalar.h"
#include "config/load/load.h"
#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"
#include "controlplane/flows/answer.h"
#include "controlplane/flows/query.h"

static const char *explain_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static int64_t explain_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool explain_is(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* The instance's name, or that there is none. */
static const char *explain_instance(const json_t *object)
{
	const char *name = explain_text(object, "instance");

	return name[0] != '\0' ? name : "no instance";
}

static void explain_end(const struct cli *cli, const json_t *object, const char *address,
			const char *port)
{
	const json_t *number = json_object_get(object, port);
	const char *text = explain_text(object, address);
	bool is_six = strchr(text, ':') != NULL && json_is_integer(number);

	fprintf(cli->out, "%s%s%s", is_six ? "[" : "", text, is_six ? "]" : "");
	if (json_is_integer(number))
		fprintf(cli->out, ":%" PRId64, (int64_t)json_integer_value(number));
}

/* ---- Why ---- */

static const char *explain_why(const json_t *choice)
{
	static const struct {
		const char *why, *text;
	} reasons[] = {
		{ "none", "no instance of the pool takes it" },
		{ "vip source", "its source is a VIP" },
		{ "denied", "its client is refused" },
		{ "record", "the flow table has it" },
		{ "current", "its slot in the current table" },
		{ "both", "its slot in the current and in the previous table" },
		{ "previous", "its slot in the previous table, which decides on connections that "
			      "began before the last change" },
		{ "drawn again", "the instance of its slot takes no new flows: drawn again" },
	};
	const char *why = explain_text(choice, "why");

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(why, reasons[i].why) == 0)
			return reasons[i].text;
	return why;
}

static void explain_print_choice(const struct cli *cli, const json_t *choice)
{
	fprintf(cli->out, "%s: %s%s\n", explain_instance(choice), explain_why(choice),
		explain_is(choice, "moved") ? "; the instance that it had no longer serves" : "");
}

/* ---- Lines ---- */

static void explain_label(const struct cli *cli, const char *label)
{
	table_text(cli->out, cli->colour, TABLE_HEAD, label);
	fprintf(cli->out, "%*s", (int)(14 - strlen(label)), "");
}

static void explain_print_service(const struct cli *cli, const json_t *result)
{
	const json_t *service = json_object_get(result, "service");

	explain_label(cli, "service");
	fprintf(cli->out, "%s, pool %s, %s\n", explain_text(service, "name"),
		explain_text(service, "pool"), explain_text(service, "forward"));
}

/* What the service's lists say of the client. */
static void explain_print_rule(const struct cli *cli, const json_t *access)
{
	const char *prefix = explain_text(access, "prefix");

	fputs(explain_is(access, "denied") ? "refused" : "allowed", cli->out);
	if (prefix[0] != '\0')
		fprintf(cli->out, " by %s in %s\n", prefix, explain_text(access, "list"));
	else
		fprintf(cli->out, ": it is in no prefix of %s\n",
			explain_is(access, "denied") ? "allow_from" : "deny_from");
}

static void explain_print_access(const struct cli *cli, const json_t *result)
{
	const json_t *access = json_object_get(result, "access");

	if (!json_is_object(access))
		return;
	explain_label(cli, "client");
	explain_print_rule(cli, access);
}

static void explain_print_record(const struct cli *cli, const json_t *flow)
{
	const json_t *cpu = json_object_get(flow, "cpu");
	char idle[TEXT_MAX], expires[TEXT_MAX];

	fprintf(cli->out, "%s, to %s; last packet %s ago, ", explain_text(flow, "state"),
		explain_instance(flow), text_duration(idle, explain_integer(flow, "idle_ms")));
	if (explain_integer(flow, "expires_ms") > 0)
		fprintf(cli->out, "expires in %s",
			text_duration(expires, explain_integer(flow, "expires_ms")));
	else
		fputs("expired", cli->out);
	fprintf(cli->out, "; worker %" PRId64, explain_integer(flow, "worker"));
	if (json_is_integer(cpu))
		fprintf(cli->out, ", CPU %" PRId64, (int64_t)json_integer_value(cpu));
	fputs(explain_is(flow, "moved") ? "; left to another worker\n" : "\n", cli->out);
}

static void explain_print_flow(const struct cli *cli, const json_t *result)
{
	const json_t *flow = json_object_get(result, "flow");
	const char *table = explain_text(flow, "table");

	explain_label(cli, "flow table");
	if (strcmp(table, "found") == 0)
		explain_print_record(cli, flow);
	else if (strcmp(table, "unreadable") == 0)
		fprintf(cli->out, "unknown: %s\n", explain_text(flow, "why"));
	else
		fprintf(cli->out, "%s\n",
			strcmp(table, "none") == 0 ? "not known without a dataplane" : table);
}

static void explain_print_slot(const struct cli *cli, const json_t *result, const char *which)
{
	const json_t *slot = json_object_get(result, which);
	char label[32];

	if (!json_is_object(slot))
		return;
	snprintf(label, sizeof(label), "%s slot", which);
	explain_label(cli, strcmp(which, "current") == 0 ? "current slot" : "previous slot");
	fprintf(cli->out, "%" PRId64 " of %" PRId64 ": %s\n", explain_integer(slot, "slot"),
		explain_integer(slot, "slots"), explain_instance(slot));
}

static void explain_print_state(const struct cli *cli, const json_t *result)
{
	const json_t *state = json_object_get(result, "instance");
	const char *reason = explain_text(state, "reason");

	if (!json_is_object(state))
		return;
	explain_label(cli, "instance");
	fprintf(cli->out, "%s", explain_text(state, "address"));
	if (explain_is(result, "live"))
		fprintf(cli->out, ", %s, %s%s%s%s; %s", explain_text(state, "admin"),
			explain_text(state, "health"), reason[0] != '\0' ? " (" : "", reason,
			reason[0] != '\0' ? ")" : "",
			!explain_is(state, "configured") ? "not configured any more"
			: explain_is(state, "accepts")	 ? "takes new flows"
			: explain_is(state, "serves")	 ? "keeps its flows, takes no new ones"
							 : "out of service");
	fputc('\n', cli->out);
}

static void explain_print_headers(const struct cli *cli, const json_t *result)
{
	const json_t *h = json_object_get(result, "headers");
	const char *mac = explain_text(h, "dst_mac");

	if (!json_is_object(h))
		return;
	explain_label(cli, "headers");
	fprintf(cli->out, "%s", explain_text(h, "mode"));
	if (json_is_string(json_object_get(h, "src"))) {
		fputs(", ", cli->out);
		explain_end(cli, h, "src", "src_port");
		fputs(" -> ", cli->out);
	} else {
		fputs(", from an address and port that are chosen with the first packet, to ",
		      cli->out);
	}
	explain_end(cli, h, "dst", "dst_port");
	if (mac[0] != '\0' && explain_is(h, "reached"))
		fprintf(cli->out, "; to %s, from %s", mac, explain_text(h, "src_mac"));
	if (json_is_integer(json_object_get(h, "vlan")))
		fprintf(cli->out, ", VLAN %" PRId64, explain_integer(h, "vlan"));
	fprintf(cli->out, "; up to %" PRId64 " bytes\n", explain_integer(h, "mtu"));
}

static void explain_print_next_hop(const struct cli *cli, const json_t *result)
{
	const json_t *hop = json_object_get(json_object_get(result, "instance"), "next_hop");

	if (!json_is_object(hop))
		return;
	explain_label(cli, "next hop");
	if (explain_is(hop, "resolved"))
		fprintf(cli->out, "%s, %s\n", explain_text(hop, "mac"),
			explain_is(hop, "on_link") ? "the instance itself" : "a router");
	else
		fprintf(cli->out, "unknown: %s\n", explain_text(hop, "reason"));
}

/* ---- Answers ---- */

static void explain_print_connection(const struct cli *cli, const json_t *result)
{
	const json_t *flow = json_object_get(result, "flow");

	explain_print_choice(cli, json_object_get(result, "choice"));
	fputc('\n', cli->out);
	explain_print_service(cli, result);
	explain_print_access(cli, result);
	explain_label(cli, "hash");
	fprintf(cli->out, "%s\n", explain_text(result, "hash"));
	explain_print_flow(cli, result);
	explain_print_slot(cli, result, "current");
	explain_print_slot(cli, result, "previous");
	explain_label(cli, strcmp(explain_text(flow, "table"), "found") == 0 ? "new" : "begun");
	explain_print_choice(cli, json_object_get(result,
						  strcmp(explain_text(flow, "table"), "found") == 0
							  ? "new"
							  : "old"));
	explain_print_state(cli, result);
	explain_print_headers(cli, result);
	explain_print_next_hop(cli, result);
}

static const struct table_column explain_columns[] = {
	{ "INSTANCE" },
	{ "SHARE", .right = true },
	{ NULL },
};

static void explain_print_share(const struct cli *cli, const json_t *result)
{
	const json_t *share;
	struct table *table;
	char text[TEXT_MAX];
	size_t i;

	if (explain_is(json_object_get(result, "access"), "denied")) {
		explain_print_rule(cli, json_object_get(result, "access"));
		return;
	}
	fprintf(cli->out, "new connections, over %" PRId64 " ports\n\n",
		explain_integer(result, "ports"));
	table = table_create(explain_columns);
	if (table == NULL)
		return;
	json_array_foreach(json_object_get(result, "share"), i, share) {
		table_add(table, TABLE_PLAIN, "%s", explain_instance(share));
		table_add(table, TABLE_PLAIN, "%s",
			  text_percent(text, json_number_value(json_object_get(share, "share"))));
	}
	table_print(table, cli->out, cli->colour);
	table_destroy(table);
}

static void explain_print_assumed(const struct cli *cli, const json_t *result)
{
	const json_t *number = json_object_get(result, "configuration");

	if (explain_is(result, "live"))
		return;
	fputs("\nall instances taken as up, with the weights of ", cli->out);
	if (json_is_integer(number))
		fprintf(cli->out,
			"configuration %" PRId64
			"; flow tables and settings of then are not kept\n",
			(int64_t)json_integer_value(number));
	else
		fputs("the file\n", cli->out);
}

static void explain_print(const struct cli *cli, const json_t *result)
{
	explain_end(cli, result, "client", "client_port");
	fputs(" to ", cli->out);
	explain_end(cli, result, "vip", "vip_port");
	fputs(": ", cli->out);
	if (!json_is_object(json_object_get(result, "service"))) {
		fputs(explain_is(result, "is_vip") ? "no service has this port of the VIP: the "
						     "kernel gets the packet\n"
						   : "not a VIP: the kernel gets the packet\n",
		      cli->out);
		return;
	}
	if (json_is_array(json_object_get(result, "share")))
		explain_print_share(cli, result);
	else
		explain_print_connection(cli, result);
	if (explain_is(result, "pending"))
		fputs("\na change has not reached the dataplane yet\n", cli->out);
	explain_print_assumed(cli, result);
}

/* ---- Where it comes from ---- */

/* Return: an exit code. */
static int explain_file(const struct cli *cli, const struct explain_query *query, json_t **result)
{
	struct config_errors errors;
	struct config *config = config_load_file(cli->config, &errors);
	int err;

	if (config == NULL && errors.count > 0) {
		config_errors_print(&errors, cli->err);
		return cli_refuse(cli, "%s is refused", cli->config);
	}
	if (config == NULL)
		return cli_refuse(cli, "%s: %s", cli->config, strerror(errno));
	err = answer_offline(config, query, result);
	return err != 0 ? cli_refuse(cli, "%s: %s", cli->config, strerror(-err)) : CLI_DONE;
}

static json_t *explain_request(const struct cli *cli, char **argv)
{
	json_t *request =
		json_pack("{s:s, s:s, s:s}", "verb", "explain", "client", argv[0], "vip", argv[1]);
	uint32_t back = 0;

	if (cli->at != NULL && config_scalar_number(cli->at, &back) == 0)
		json_object_set_new(request, "at", json_integer(back));
	return request;
}

/* ---- From an instance to a client ---- */

static const struct table_column explain_reverse_columns[] = {
	{ "CLIENT" }, { "SERVICE" }, { "INSTANCE" },
	{ "SEES" },   { "STATE" },   { "IDLE", .right = true },
	{ NULL },
};

static void explain_reverse_row(struct table *table, const json_t *one)
{
	const json_t *service = json_object_get(one, "service");
	char idle[TEXT_MAX];

	table_add(table, TABLE_PLAIN, "%s port %" PRId64, explain_text(one, "client"),
		  explain_integer(one, "client_port"));
	table_add(table, TABLE_PLAIN, "%s", explain_text(service, "name"));
	table_add(table, TABLE_PLAIN, "%s", explain_instance(one));
	table_add(table, TABLE_PLAIN, "%s port %" PRId64, explain_text(one, "source"),
		  explain_integer(one, "source_port"));
	table_add(table, TABLE_PLAIN, "%s", explain_text(one, "state"));
	table_add(table, TABLE_PLAIN, "%s", text_duration(idle, explain_integer(one, "idle_ms")));
}

static void explain_print_reverse(const struct cli *cli, const json_t *result)
{
	const json_t *list = json_object_get(result, "connections"), *one;
	struct table *table =
		json_array_size(list) > 0 ? table_create(explain_reverse_columns) : NULL;
	char text[TEXT_MAX];
	size_t i;

	fprintf(cli->out, "%s connection%s\n", text_count(text, explain_integer(result, "count")),
		text_plural(explain_integer(result, "count")));
	if (table == NULL)
		return;
	json_array_foreach(list, i, one)
		explain_reverse_row(table, one);
	fputc('\n', cli->out);
	table_print(table, cli->out, cli->colour);
	table_destroy(table);
}

static int explain_run_reverse(const struct cli *cli, int argc)
{
	json_t *result;
	int code;

	if (argc > 0 || cli->config != NULL || cli->at != NULL)
		return cli_usage(cli, "--reverse: no other arguments");
	code = client_ask(cli, json_pack("{s:s, s:s}", "verb", "explain", "reverse", cli->reverse),
			  NULL, NULL, &result);
	if (cli->json && result != NULL)
		cli_print_json(cli, result, JSON_INDENT(2));
	else if (code == CLI_DONE)
		explain_print_reverse(cli, result);
	json_decref(result);
	return code;
}

int explain_run_verb(struct cli *cli, int argc, char **argv)
{
	struct explain_query query;
	char why[QUERY_WHY_MAX];
	json_t *result = NULL;
	uint32_t back;
	int code;

	if (cli->reverse != NULL)
		return explain_run_reverse(cli, argc);
	if (argc < 2)
		return cli_usage(cli, "explain: an argument is missing");
	if (query_parse(argv[0], argv[1], &query, why) != 0)
		return cli_usage(cli, "%s", why);
	if (cli->at != NULL && (cli->config != NULL || config_scalar_number(cli->at, &back) != 0))
		return cli_usage(cli, "--at %s: expected how many configurations back, and no -c",
				 cli->at);
	if (cli->config != NULL)
		code = explain_file(cli, &query, &result);
	else
		code = client_ask(cli, explain_request(cli, argv), NULL, NULL, &result);
	if (cli->json && result != NULL)
		cli_print_json(cli, result, JSON_INDENT(2));
	else if (code == CLI_DONE)
		explain_print(cli, result);
	json_decref(result);
	return code;
}
