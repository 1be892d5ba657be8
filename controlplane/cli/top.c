/* SPDX-License-Identifier: BSD-3-Clause */
/* top: rates between two answers of the daemon, worst drops, and who has most flows. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/clock.h"
#include "config/base/scalar.h"
#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

#define TOP_INTERVAL_MS 2000u
#define TOP_INTERVAL_MIN_MS 200u
#define TOP_INSTANCES 20
#define TOP_DROPS 5
#define TOP_CLIENTS 10

/* What the daemon has counted so far, and when. */
struct top_counts {
	json_t *status;
	json_t *drops;
	uint64_t at_ns;
};

static int64_t top_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static double top_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *top_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static void top_free(struct top_counts *counts)
{
	json_decref(counts->status);
	json_decref(counts->drops);
	*counts = (struct top_counts){ .at_ns = 0 };
}

/* Return: an exit code. */
static int top_read(const struct cli *cli, struct top_counts *counts)
{
	int code;

	*counts = (struct top_counts){ .at_ns = clock_now_ns() };
	code = client_ask(cli, json_pack("{s:s}", "verb", "status"), NULL, NULL, &counts->status);
	if (code == CLI_DONE)
		code = client_ask(cli, json_pack("{s:s}", "verb", "drops"), NULL, NULL,
				  &counts->drops);
	if (code != CLI_DONE)
		top_free(counts);
	return code;
}

/* ---- Rates ---- */

/* A counter that has begun anew has no rate. */
static double top_rate(const json_t *now, const json_t *before, const char *key, double seconds)
{
	int64_t more = top_integer(now, key) - top_integer(before, key);

	return before != NULL && more > 0 ? (double)more / seconds : 0;
}

static const json_t *top_named(const json_t *list, const char *key, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (strcmp(top_text(one, key), name) == 0)
			return one;
	return NULL;
}

static json_t *top_instance(const json_t *pool, const json_t *now, const json_t *before, double s)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", top_text(pool, "name"), top_text(now, "name"));
	return json_pack("{s:s, s:I, s:f, s:f, s:f}", "instance", path, "flows",
			 (json_int_t)top_integer(now, "flows"), "new_per_s",
			 top_rate(now, before, "new_flows", s), "packets_per_s",
			 top_rate(now, before, "packets", s), "bits_per_s",
			 8 * top_rate(now, before, "bytes", s));
}

static json_t *top_instances(const struct top_counts *now, const struct top_counts *before,
			     double seconds)
{
	const json_t *pools = json_object_get(before->status, "pools"), *pool, *instance;
	json_t *list = json_array();
	size_t i, j;

	json_array_foreach(json_object_get(now->status, "pools"), i, pool) {
		const json_t *old = top_named(pools, "name", top_text(pool, "name"));

		json_array_foreach(json_object_get(pool, "instances"), j, instance)
			json_array_append_new(
				list, top_instance(pool, instance,
						   top_named(json_object_get(old, "instances"),
							     "name", top_text(instance, "name")),
						   seconds));
	}
	return list;
}

static bool top_has_pool(const json_t *service, const char *pool)
{
	const json_t *listener;
	size_t i;

	json_array_foreach(json_object_get(service, "listeners"), i, listener)
		if (strcmp(top_text(listener, "pool"), pool) == 0)
			return true;
	return false;
}

/* How many services have a pool. */
static uint32_t top_users(const json_t *services, const char *pool)
{
	const json_t *service;
	uint32_t n = 0;
	size_t i;

	json_array_foreach(services, i, service)
		n += top_has_pool(service, pool);
	return n;
}

static bool top_is_in(const json_t *instance, const char *pool)
{
	const char *path = top_text(instance, "instance");
	size_t length = strlen(pool);

	return strncmp(path, pool, length) == 0 && path[length] == '/';
}

/*
 * The dataplane counts by instance: a service has the sum over its pools, with what other services
 * have there too ("shared").
 */
static json_t *top_service(const json_t *services, const json_t *service, const json_t *pools,
			   const json_t *instances)
{
	double new_per_s = 0, packets_per_s = 0, bits_per_s = 0;
	const json_t *pool, *instance;
	bool is_shared = false;
	int64_t flows = 0;
	size_t i, j;

	json_array_foreach(pools, i, pool) {
		const char *name = top_text(pool, "name");

		if (!top_has_pool(service, name))
			continue;
		is_shared |= top_users(services, name) > 1;
		json_array_foreach(instances, j, instance) {
			if (!top_is_in(instance, name))
				continue;
			flows += top_integer(instance, "flows");
			new_per_s += top_number(instance, "new_per_s");
			packets_per_s += top_number(instance, "packets_per_s");
			bits_per_s += top_number(instance, "bits_per_s");
		}
	}
	return json_pack("{s:s, s:I, s:f, s:f, s:f, s:b}", "service", top_text(service, "name"),
			 "flows", (json_int_t)flows, "new_per_s", new_per_s, "packets_per_s",
			 packets_per_s, "bits_per_s", bits_per_s, "shared", is_shared);
}

static json_t *top_services(const struct top_counts *now, const json_t *instances)
{
	const json_t *services = json_object_get(now->status, "services"), *service;
	json_t *list = json_array();
	size_t i;

	json_array_foreach(services, i, service)
		json_array_append_new(list, top_service(services, service,
							json_object_get(now->status, "pools"),
							instances));
	return list;
}

static json_t *top_drops(const struct top_counts *now, const struct top_counts *before,
			 double seconds)
{
	const json_t *old = json_object_get(before->drops, "drops"), *drop;
	json_t *list = json_array();
	size_t i;

	json_array_foreach(json_object_get(now->drops, "drops"), i, drop) {
		const char *reason = top_text(drop, "reason");

		if (top_integer(drop, "packets") > 0)
			json_array_append_new(
				list, json_pack("{s:s, s:I, s:f}", "reason", reason, "packets",
						(json_int_t)top_integer(drop, "packets"), "per_s",
						top_rate(drop, top_named(old, "reason", reason),
							 "packets", seconds)));
	}
	return list;
}

/* Sorted by a number, the highest first; of equal ones the order stays. */
static void top_sort(json_t *list, const char *key)
{
	for (size_t i = 1; i < json_array_size(list); i++) {
		json_t *one = json_incref(json_array_get(list, i));
		size_t at = i;

		while (at > 0 &&
		       top_number(json_array_get(list, at - 1), key) < top_number(one, key))
			at--;
		json_array_remove(list, i);
		json_array_insert_new(list, at, one);
	}
}

static json_t *top_result(const struct top_counts *now, const struct top_counts *before,
			  const json_t *clients)
{
	double seconds = (double)(now->at_ns - before->at_ns) / CLOCK_NS_PER_S;
	json_t *instances = top_instances(now, before, seconds);
	json_t *services = top_services(now, instances);
	json_t *drops = top_drops(now, before, seconds);

	top_sort(instances, "packets_per_s");
	top_sort(services, "packets_per_s");
	top_sort(drops, "per_s");
	return json_pack("{s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:O}", "seconds", seconds,
			 "received_per_s", top_rate(now->drops, before->drops, "received", seconds),
			 "transmitted_per_s",
			 top_rate(now->drops, before->drops, "transmitted", seconds),
			 "dropped_per_s", top_rate(now->drops, before->drops, "dropped", seconds),
			 "services", services, "instances", instances, "drops", drops, "clients",
			 clients);
}

/* ---- For people ---- */

static const struct table_column top_instance_columns[] = {
	{ "INSTANCE" },
	{ "FLOWS", .right = true },
	{ "NEW/S", .right = true },
	{ "PACKETS/S", .right = true },
	{ "IN", .right = true },
	{ NULL },
};

static const struct table_column top_service_columns[] = {
	{ "SERVICE" },
	{ "FLOWS", .right = true },
	{ "NEW/S", .right = true },
	{ "PACKETS/S", .right = true },
	{ "IN", .right = true },
	{ "", .optional = true },
	{ NULL },
};

static const struct table_column top_drop_columns[] = {
	{ "DROPPED FOR" },
	{ "PER SECOND", .right = true },
	{ "SO FAR", .right = true },
	{ NULL },
};

static const struct table_column top_client_columns[] = {
	{ "CLIENT" },
	{ "FLOWS", .right = true },
	{ "SHARE", .right = true },
	{ "ERROR", .right = true },
	{ NULL },
};

static void top_row(struct table *table, const char *name, const json_t *row)
{
	char text[TEXT_MAX];

	table_add(table, TABLE_PLAIN, "%s", name);
	table_add(table, TABLE_PLAIN, "%s", text_count(text, top_integer(row, "flows")));
	table_add(table, TABLE_PLAIN, "%s", text_rate(text, top_number(row, "new_per_s")));
	table_add(table, TABLE_PLAIN, "%s", text_rate(text, top_number(row, "packets_per_s")));
	table_add(table, TABLE_PLAIN, "%s", text_bits(text, top_number(row, "bits_per_s")));
}

static void top_table_end(const struct cli *cli, struct table *table)
{
	if (table == NULL)
		return;
	fputc('\n', cli->out);
	table_print(table, cli->out, cli->colour);
	table_destroy(table);
}

static void top_print_services(const struct cli *cli, const json_t *list)
{
	struct table *table = table_create(top_service_columns);
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row) {
		top_row(table, top_text(row, "service"), row);
		table_add(table, TABLE_DIM, "%s",
			  json_is_true(json_object_get(row, "shared"))
				  ? "with other services of its pools"
				  : "");
	}
	top_table_end(cli, table);
}

static void top_print_instances(const struct cli *cli, const json_t *list)
{
	struct table *table = table_create(top_instance_columns);

	for (size_t i = 0; i < json_array_size(list) && i < TOP_INSTANCES; i++)
		top_row(table, top_text(json_array_get(list, i), "instance"),
			json_array_get(list, i));
	top_table_end(cli, table);
}

static void top_print_drops(const struct cli *cli, const json_t *list)
{
	struct table *table = json_array_size(list) > 0 ? table_create(top_drop_columns) : NULL;
	char text[TEXT_MAX];

	for (size_t i = 0; table != NULL && i < json_array_size(list) && i < TOP_DROPS; i++) {
		const json_t *row = json_array_get(list, i);

		table_add(table, TABLE_PLAIN, "%s", top_text(row, "reason"));
		table_add(table, TABLE_PLAIN, "%s", text_rate(text, top_number(row, "per_s")));
		table_add(table, TABLE_PLAIN, "%s", text_count(text, top_integer(row, "packets")));
	}
	top_table_end(cli, table);
}

static void top_print_clients(const struct cli *cli, const json_t *clients)
{
	const json_t *list = json_object_get(clients, "clients");
	struct table *table = json_array_size(list) > 0 ? table_create(top_client_columns) : NULL;
	char text[TEXT_MAX];

	for (size_t i = 0; table != NULL && i < json_array_size(list) && i < TOP_CLIENTS; i++) {
		const json_t *row = json_array_get(list, i);

		table_add(table, TABLE_PLAIN, "%s", top_text(row, "client"));
		table_add(table, TABLE_PLAIN, "%s", text_count(text, top_integer(row, "flows")));
		table_add(table, TABLE_PLAIN, "%s", text_percent(text, top_number(row, "share")));
		table_add(table, TABLE_PLAIN, "%s", text_percent(text, top_number(row, "error")));
	}
	top_table_end(cli, table);
	fprintf(cli->out, "of %s flows read%s", text_count(text, top_integer(clients, "sampled")),
		json_is_true(json_object_get(clients, "exact")) ? ", which are all" : "");
	fprintf(cli->out, "; %s of IPv6, whose clients are not recorded\n",
		text_count(text, top_integer(clients, "ipv6")));
}

static void top_print(const struct cli *cli, const json_t *result)
{
	char received[TEXT_MAX], sent[TEXT_MAX], dropped[TEXT_MAX];

	if (cli->tty && !cli->once)
		fputs("\033[H\033[J", cli->out);
	fprintf(cli->out, "%s packets/s received, %s transmitted, %s dropped\n",
		text_rate(received, top_number(result, "received_per_s")),
		text_rate(sent, top_number(result, "transmitted_per_s")),
		text_rate(dropped, top_number(result, "dropped_per_s")));
	top_print_services(cli, json_object_get(result, "services"));
	top_print_instances(cli, json_object_get(result, "instances"));
	top_print_drops(cli, json_object_get(result, "drops"));
	top_print_clients(cli, json_object_get(result, "clients"));
	fflush(cli->out);
}

/* ---- Rounds ---- */

/* Return: an exit code. @before: replaced by what was read now. */
static int top_round(const struct cli *cli, struct top_counts *before)
{
	struct top_counts now;
	json_t *clients, *result;
	int code = top_read(cli, &now);

	if (code != CLI_DONE)
		return code;
	code = client_ask(cli, json_pack("{s:s}", "verb", "clients"), NULL, NULL, &clients);
	if (code != CLI_DONE) {
		top_free(&now);
		json_decref(clients);
		return code;
	}
	result = top_result(&now, before, clients);
	if (cli->json)
		cli_print_json(cli, result, cli->once ? JSON_INDENT(2) : JSON_COMPACT);
	else
		top_print(cli, result);
	fflush(cli->out);
	json_decref(result);
	json_decref(clients);
	top_free(before);
	*before = now;
	return CLI_DONE;
}

int top_run(struct cli *cli, int argc, char **argv)
{
	uint32_t interval_ms = TOP_INTERVAL_MS;
	struct timespec pause;
	struct top_counts before;
	int code;

	(void)argc;
	(void)argv;
	if (cli->interval != NULL && (config_scalar_duration(cli->interval, &interval_ms) != 0 ||
				      interval_ms < TOP_INTERVAL_MIN_MS))
		return cli_usage(cli, "--interval %s: expected a time from 200ms, such as 5s",
				 cli->interval);
	pause = (struct timespec){ interval_ms / 1000, (long)(interval_ms % 1000) * 1000000 };
	code = top_read(cli, &before);
	while (code == CLI_DONE) {
		nanosleep(&pause, NULL);
		code = top_round(cli, &before);
		if (cli->once || ferror(cli->out))
			break;
	}
	top_free(&before);
	return code;
}
