/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of ELB classic, as its own tools took them and answered. */
#include "config/schema/schema.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/scalar.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/elb_options.h"
#include "controlplane/cli/elb_print.h"

/* Return: the exit code; with CLI_DONE a result, also printed if that is asked for. */
static int elb_ask(const struct cli *cli, json_t *request, json_t **result)
{
	int code = client_ask(cli, request, NULL, NULL, result);

	if (cli->json && *result != NULL)
		cli_print_json(cli, *result, JSON_INDENT(2));
	return code;
}

/* The same command twice changes nothing, and says so. */
static void elb_say_changed(const struct cli *cli, const struct elb_line *line,
			    const json_t *result)
{
	if (line->values[ELB_QUIET] == NULL && json_is_false(json_object_get(result, "changed")))
		fprintf(cli->err, "%s: nothing has changed\n", cli->verb->name);
}

/* Whether there is anything to print for people. */
static bool elb_prints(const struct cli *cli, const struct elb_line *line, int code)
{
	return code == CLI_DONE && !cli->json && line->values[ELB_QUIET] == NULL;
}

static const char *elb_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

/* The strings of a list, with commas; in @text of @size bytes. */
static const char *elb_join(const json_t *list, char *text, size_t size)
{
	const json_t *value;
	size_t i, used = 0;

	text[0] = '\0';
	json_array_foreach(list, i, value) {
		const char *one = json_string_value(value);

		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? "," : "",
						 one != NULL ? one : "");
	}
	return text;
}

/* ---- elb-create-lb ---- */

/* How packets reach instances: by NAT, as with ELB, where the configuration has it. */
static int elb_forward(struct cli *cli, const char *given, const char **forward)
{
	const struct config_item *item = config_schema_find(CONFIG_SECTION_SERVICE, "forward");
	char expect[128];

	*forward = given;
	if (given != NULL)
		return -1;
	for (const struct config_word *word = item->words; word->name != NULL; word++) {
		if (strcmp(word->name, "nat") != 0 || word->refused)
			continue;
		*forward = word->name;
		return -1;
	}
	config_item_expect(item, expect, sizeof(expect));
	return cli_usage(cli, "--forward is missing; expected %s", expect);
}

static int elb_listeners(const struct cli *cli, const struct elb_line *line, char *text,
			 size_t size)
{
	char pair[ELB_PAIR_MAX];
	size_t used = 0;

	for (uint32_t i = 0; i < line->listener_count; i++) {
		bool http = false;
		int code = elb_listener_read(cli, line->listeners[i], pair, &http);

		if (code >= 0)
			return code;
		used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? "," : "", pair);
		if (http && line->values[ELB_QUIET] == NULL)
			fprintf(cli->err, "%s: note: --listener \"%s\": HTTP is carried as TCP\n",
				cli->verb->name, line->listeners[i]);
	}
	return -1;
}

int elb_create_run(struct cli *cli, int argc, char **argv)
{
	static const char *const titles[] = { "DNS_NAME", NULL };
	char listeners[ELB_LISTENERS_MAX * ELB_PAIR_MAX], text[1024];
	const char *forward, *cell = text;
	struct elb_line line;
	json_t *request, *result;
	int code = elb_options_read(cli, argc, argv,
				    1u << ELB_ZONES | 1u << ELB_VIP | 1u << ELB_FORWARD,
				    1u << ELB_LISTENER, &line);

	if (code < 0)
		code = elb_forward(cli, line.values[ELB_FORWARD], &forward);
	if (code < 0)
		code = elb_listeners(cli, &line, listeners, sizeof(listeners));
	if (code >= 0)
		return code;
	request = json_pack("{s:s, s:s, s:s, s:s}", "verb", "elb-create-lb", "name", line.names[0],
			    "listeners", listeners, "forward", forward);
	if (line.values[ELB_VIP] != NULL)
		json_object_set_new(request, "vip", json_string(line.values[ELB_VIP]));
	code = elb_ask(cli, request, &result);
	if (elb_prints(cli, &line, code)) {
		elb_join(json_object_get(result, "vip"), text, sizeof(text));
		elb_print(cli, &line, "DNS_NAME", titles, &cell, 1);
		elb_say_changed(cli, &line, result);
	}
	json_decref(result);
	return code;
}

/* ---- elb-delete-lb ---- */

static bool elb_confirm(const struct cli *cli, const struct elb_line *line)
{
	char answer[8];

	if (line->values[ELB_FORCE] != NULL)
		return true;
	fputs("Warning: Deleting a LoadBalancer can lead to service disruption to any customers "
	      "connected to the LoadBalancer. Are you sure you want to delete this LoadBalancer? "
	      "[Ny]",
	      cli->json ? cli->err : cli->out);
	fflush(cli->out);
	return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] | 0x20) == 'y';
}

int elb_delete_run(struct cli *cli, int argc, char **argv)
{
	struct elb_line line;
	json_t *result;
	int code = elb_options_read(cli, argc, argv, 1u << ELB_FORCE, 0, &line);

	if (code >= 0)
		return code;
	if (!elb_confirm(cli, &line))
		return cli_refuse(cli, "not deleted; --force does not ask");
	code = elb_ask(cli, json_pack("{s:s, s:s}", "verb", "elb-delete-lb", "name", line.names[0]),
		       &result);
	if (elb_prints(cli, &line, code)) {
		fputs("OK-Deleting LoadBalancer\n", cli->out);
		elb_say_changed(cli, &line, result);
	}
	json_decref(result);
	return code;
}

/* ---- elb-describe-lbs ---- */

#define ELB_LB_CELLS 6
#define ELB_CELL_MAX 1024

static void elb_listener_cell(const json_t *list, char *text)
{
	const json_t *one;
	size_t i, used = 0;

	text[0] = '\0';
	json_array_foreach(list, i, one)
		if (used < ELB_CELL_MAX)
			used += (size_t)snprintf(
				text + used, ELB_CELL_MAX - used, "%s%d/%d", i > 0 ? "," : "",
				(int)json_integer_value(json_object_get(one, "port")),
				(int)json_integer_value(json_object_get(one, "instance_port")));
}

static void elb_check_cell(const json_t *list, char *text)
{
	const json_t *one;
	size_t i, used = 0;

	text[0] = '\0';
	json_array_foreach(list, i, one)
		if (used < ELB_CELL_MAX)
			used += (size_t)snprintf(text + used, ELB_CELL_MAX - used, "%s%s",
						 i > 0 ? "," : "", elb_string(one, "target"));
}

static void elb_print_lbs(const struct cli *cli, const struct elb_line *line, const json_t *list)
{
	static const char *const brief[] = { "NAME", "DNS_NAME", NULL };
	static const char *const all[] = { "NAME",	    "DNS_NAME",	 "FORWARD", "LISTENERS",
					   "HEALTH_CHECKS", "INSTANCES", NULL };
	bool is_long = line->values[ELB_SHOW_LONG] != NULL;
	size_t columns = is_long ? ELB_LB_CELLS : 2, count = json_array_size(list);
	char(*texts)[ELB_CELL_MAX] = calloc(count * ELB_LB_CELLS + 1, ELB_CELL_MAX);
	const char **cells = calloc(count * columns + 1, sizeof(*cells));

	if (texts == NULL || cells == NULL)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		char(*row)[ELB_CELL_MAX] = &texts[i * ELB_LB_CELLS];
		const json_t *lb = json_array_get(list, i);

		snprintf(row[0], ELB_CELL_MAX, "%s", elb_string(lb, "name"));
		elb_join(json_object_get(lb, "vip"), row[1], ELB_CELL_MAX);
		snprintf(row[2], ELB_CELL_MAX, "%s", elb_string(lb, "forward"));
		elb_listener_cell(json_object_get(lb, "listeners"), row[3]);
		elb_check_cell(json_object_get(lb, "checks"), row[4]);
		elb_join(json_object_get(lb, "instances"), row[5], ELB_CELL_MAX);
		for (size_t c = 0; c < columns; c++)
			cells[i * columns + c] = row[c];
	}
	if (texts != NULL && cells != NULL)
		elb_print(cli, line, "LOAD_BALANCER", is_long ? all : brief, cells, count);
	free(texts);
	free(cells);
}

int elb_describe_run(struct cli *cli, int argc, char **argv)
{
	char names[ELB_NAMES_MAX * 64];
	struct elb_line line;
	json_t *request, *result, *list;
	size_t used = 0;
	int code = elb_options_read(cli, argc, argv, 0, 0, &line);

	if (code >= 0)
		return code;
	request = json_pack("{s:s}", "verb", "elb-describe-lbs");
	for (uint32_t i = 0; i < line.name_count && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? "," : "",
					 line.names[i]);
	if (line.name_count > 0)
		json_object_set_new(request, "names", json_string(names));
	code = elb_ask(cli, request, &result);
	list = json_object_get(result, "lbs");
	if (elb_prints(cli, &line, code) && json_array_size(list) > 0)
		elb_print_lbs(cli, &line, list);
	else if (elb_prints(cli, &line, code))
		fputs("No LoadBalancers found\n", cli->out);
	json_decref(result);
	return code;
}

/* ---- elb-configure-healthcheck ---- */

/* ELB's seconds, or a duration as in the configuration. Return: -1 to go on, else the exit code. */
static int elb_duration(struct cli *cli, const struct elb_line *line, enum elb_option option,
			const char *name, char text[16])
{
	const char *value = line->values[option];
	uint32_t ms;

	if (config_scalar_number(value, &ms) == 0 && ms <= UINT32_MAX / 1000)
		ms *= 1000;
	else if (config_scalar_duration(value, &ms) != 0)
		return cli_usage(cli,
				 "--%s %s: expected seconds, such as 30, or a duration, such as "
				 "500ms",
				 name, value);
	config_scalar_duration_format(ms, text);
	return -1;
}

static int elb_threshold(struct cli *cli, const struct elb_line *line, enum elb_option option,
			 const char *name, uint32_t *number)
{
	if (config_scalar_number(line->values[option], number) == 0 && *number <= UINT16_MAX)
		return -1;
	return cli_usage(cli, "--%s %s: expected a number of checks", name, line->values[option]);
}

/* "http:80/up.html" was good enough for ELB. */
static void elb_target(const char *given, char *target, size_t size)
{
	size_t word = strcspn(given, ":");

	snprintf(target, size, "%s", given);
	for (size_t i = 0; i < word && i < size && target[i] != '\0'; i++)
		if (target[i] >= 'a' && target[i] <= 'z')
			target[i] = (char)(target[i] - 'a' + 'A');
}

/* The seconds of a duration, as ELB's tools printed them; others with their unit. */
static void elb_seconds(const json_t *check, const char *key, char text[16])
{
	const char *value = elb_string(check, key);
	uint32_t ms;

	if (config_scalar_duration(value, &ms) == 0 && ms % 1000 == 0)
		snprintf(text, 16, "%u", ms / 1000);
	else
		snprintf(text, 16, "%s", value);
}

static void elb_print_check(const struct cli *cli, const struct elb_line *line, const json_t *check)
{
	static const char *const titles[] = {
		"TARGET", "INTERVAL", "TIMEOUT", "HEALTHY_THRESHOLD", "UNHEALTHY_THRESHOLD", NULL
	};
	char interval[16], timeout[16], healthy[16], unhealthy[16];
	const char *const cells[] = { elb_string(check, "target"), interval, timeout, healthy,
				      unhealthy };

	elb_seconds(check, "interval", interval);
	elb_seconds(check, "timeout", timeout);
	snprintf(healthy, sizeof(healthy), "%d",
		 (int)json_integer_value(json_object_get(check, "healthy")));
	snprintf(unhealthy, sizeof(unhealthy), "%d",
		 (int)json_integer_value(json_object_get(check, "unhealthy")));
	elb_print(cli, line, "HEALTH_CHECK", titles, cells, 1);
}

static int elb_configure_request(struct cli *cli, const struct elb_line *line, json_t **request)
{
	char target[CONFIG_PATH_MAX + 64], interval[16], timeout[16];
	uint32_t unhealthy, healthy;
	int code = elb_duration(cli, line, ELB_INTERVAL, "interval", interval);

	if (code < 0)
		code = elb_duration(cli, line, ELB_TIMEOUT, "timeout", timeout);
	if (code < 0)
		code = elb_threshold(cli, line, ELB_UNHEALTHY, "unhealthy-threshold", &unhealthy);
	if (code < 0)
		code = elb_threshold(cli, line, ELB_HEALTHY, "healthy-threshold", &healthy);
	if (code >= 0)
		return code;
	elb_target(line->values[ELB_TARGET], target, sizeof(target));
	*request = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "verb",
			     "elb-configure-healthcheck", "name", line->names[0], "target", target,
			     "interval", interval, "timeout", timeout, "unhealthy", (int)unhealthy,
			     "healthy", (int)healthy);
	if (line->values[ELB_ONLY] != NULL)
		json_object_set_new(*request, "only", json_true());
	return -1;
}

int elb_configure_run(struct cli *cli, int argc, char **argv)
{
	struct elb_line line;
	json_t *request, *result;
	const json_t *check;
	size_t i;
	int code = elb_options_read(cli, argc, argv, 1u << ELB_ONLY,
				    1u << ELB_TARGET | 1u << ELB_INTERVAL | 1u << ELB_TIMEOUT |
					    1u << ELB_UNHEALTHY | 1u << ELB_HEALTHY,
				    &line);

	if (code < 0)
		code = elb_configure_request(cli, &line, &request);
	if (code >= 0)
		return code;
	code = elb_ask(cli, request, &result);
	json_array_foreach(json_object_get(result, "checks"), i, check) {
		if (!elb_prints(cli, &line, code))
			break;
		elb_print_check(cli, &line, check);
		line.values[ELB_HEADERS] = NULL;
	}
	if (elb_prints(cli, &line, code))
		elb_say_changed(cli, &line, result);
	json_decref(result);
	return code;
}

/* ---- Instances ---- */

/* An id that is listed twice. Return: -1 to go on, else the exit code. */
static int elb_check_ids(struct cli *cli, const char *list)
{
	for (const char *at = list; *at != '\0';) {
		size_t length = strcspn(at, ",");
		const char *other = at + length;

		if (length == 0 || (at[length] == ',' && at[length + 1] == '\0'))
			return cli_usage(cli,
					 "--instances \"%s\": expected ids with a comma between "
					 "them",
					 list);
		while (*other == ',') {
			size_t other_length = strcspn(++other, ",");

			if (other_length == length && memcmp(at, other, length) == 0)
				return cli_usage(cli, "--instances: %.*s is given twice",
						 (int)length, at);
			other += other_length;
		}
		at += length + (at[length] == ',');
	}
	return *list != '\0' ? -1 : cli_usage(cli, "--instances: an id is missing");
}

static void elb_print_ids(const struct cli *cli, const struct elb_line *line, const json_t *list)
{
	static const char *const titles[] = { "INSTANCE_ID", NULL };
	const char **cells = calloc(json_array_size(list) + 1, sizeof(*cells));
	const json_t *id;
	size_t i;

	if (cells == NULL)
		return;
	json_array_foreach(list, i, id)
		cells[i] = json_string_value(id) != NULL ? json_string_value(id) : "";
	if (json_array_size(list) > 0)
		elb_print(cli, line, "INSTANCE_ID", titles, cells, json_array_size(list));
	else
		fputs("No instances currently registered to LoadBalancer\n", cli->out);
	free(cells);
}

static int elb_instances(struct cli *cli, int argc, char **argv)
{
	struct elb_line line;
	json_t *result;
	int code = elb_options_read(cli, argc, argv, 0, 1u << ELB_INSTANCES, &line);

	if (code < 0)
		code = elb_check_ids(cli, line.values[ELB_INSTANCES]);
	if (code >= 0)
		return code;
	code = elb_ask(cli,
		       json_pack("{s:s, s:s, s:s}", "verb", cli->verb->name, "name", line.names[0],
				 "instances", line.values[ELB_INSTANCES]),
		       &result);
	if (elb_prints(cli, &line, code)) {
		elb_print_ids(cli, &line, json_object_get(result, "instances"));
		elb_say_changed(cli, &line, result);
	}
	json_decref(result);
	return code;
}

int elb_register_run(struct cli *cli, int argc, char **argv)
{
	return elb_instances(cli, argc, argv);
}

int elb_deregister_run(struct cli *cli, int argc, char **argv)
{
	return elb_instances(cli, argc, argv);
}

static void elb_print_health(const struct cli *cli, const struct elb_line *line, const json_t *list)
{
	static const char *const titles[] = { "INSTANCE_ID", "STATE", "DESCRIPTION", "REASON_CODE",
					      NULL };
	static const char *const keys[] = { "id", "state", "description", "reason_code" };
	size_t count = json_array_size(list), i;
	const char **cells = calloc(count * 4 + 1, sizeof(*cells));
	const json_t *one;

	if (cells == NULL)
		return;
	json_array_foreach(list, i, one)
		for (size_t c = 0; c < 4; c++)
			cells[i * 4 + c] = elb_string(one, keys[c]);
	if (count > 0)
		elb_print(cli, line, "INSTANCE_ID", titles, cells, count);
	else
		fputs("No instances currently registered to LoadBalancer\n", cli->out);
	free(cells);
}

int elb_health_run(struct cli *cli, int argc, char **argv)
{
	struct elb_line line;
	json_t *request, *result;
	int code = elb_options_read(cli, argc, argv, 1u << ELB_INSTANCES, 0, &line);

	if (code < 0 && line.values[ELB_INSTANCES] != NULL)
		code = elb_check_ids(cli, line.values[ELB_INSTANCES]);
	if (code >= 0)
		return code;
	request = json_pack("{s:s, s:s}", "verb", "elb-describe-instance-health", "name",
			    line.names[0]);
	if (line.values[ELB_INSTANCES] != NULL)
		json_object_set_new(request, "instances", json_string(line.values[ELB_INSTANCES]));
	code = elb_ask(cli, request, &result);
	if (elb_prints(cli, &line, code))
		elb_print_health(cli, &line, json_object_get(result, "instances"));
	json_decref(result);
	return code;
}
