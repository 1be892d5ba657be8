/* SPDX-License-Identifier: BSD-3-Clause */
/* drain, maint, resume and weight. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/scalar.h"
#include "config/config.h"
#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/text.h"

/* Progress lines that are not overwritten: one at each change, and at least one in this time. */
#define ADMIN_LINES_MS 10000

struct admin_wait {
	const struct cli *cli;
	const char *path;
	bool begun;	  /* the first line, with what the drain did, has arrived */
	bool on_line;	  /* the terminal's line must be ended */
	int64_t flows;	  /* printed last; -1: unknown */
	int64_t shown_ms; /* time of that */
};

static bool admin_is_path(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash != NULL && slash != text && slash[1] != '\0' && strchr(slash + 1, '/') == NULL;
}

static int64_t admin_integer(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

static const char *admin_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static void admin_print_flows(const struct cli *cli, int64_t flows)
{
	char text[TEXT_MAX];

	if (flows < 0)
		fputs("flows unknown", cli->out);
	else if (flows == 0)
		fputs("no flows left", cli->out);
	else
		fprintf(cli->out, "%s flow%s left", text_count(text, flows), text_plural(flows));
}

static void admin_print_took(const struct cli *cli, const json_t *result)
{
	double took_us = json_number_value(json_object_get(result, "took_us"));
	const char *micro = cli->utf8 ? "\xc2\xb5s" : "us";

	if (took_us < 10000)
		fprintf(cli->out, "after %.0f %s", took_us, micro);
	else
		fprintf(cli->out, "after %.1f ms", took_us / 1000);
}

/*
 * What was done, as one line: "web/web-1: draining; no new flows after 84 us; 1,132 flows left"
 */
static void admin_print_done(const struct cli *cli, const char *path, const json_t *result)
{
	static const struct {
		const char *admin, *did, *was, *effect;
	} words[] = {
		{ "drain", "draining", "already draining", "no new flows" },
		{ "maint", "in maintenance", "already in maintenance", "out of service" },
		{ "ready", "ready", "already ready", "in service" },
	};
	const char *admin = admin_text(result, "admin");
	size_t i = strcmp(admin, "drain") == 0 ? 0 : strcmp(admin, "maint") == 0 ? 1 : 2;
	bool changed = strcmp(admin, admin_text(result, "before")) != 0;

	fprintf(cli->out, "%s: %s; ", path, changed ? words[i].did : words[i].was);
	if (!json_is_true(json_object_get(result, "dataplane"))) {
		fputs("the dataplane is not running: in force when it starts\n", cli->out);
		return;
	}
	if (changed) {
		fprintf(cli->out, "%s ", words[i].effect);
		admin_print_took(cli, result);
		fputs(i == 2 ? "" : "; ", cli->out);
	}
	if (i != 2 || !changed)
		admin_print_flows(cli, admin_integer(result, "flows", -1));
	fputc('\n', cli->out);
}

static json_t *admin_request(const struct cli *cli, const char *verb, const char *path)
{
	json_t *request = json_pack("{s:s, s:s}", "verb", verb, "instance", path);

	if (request != NULL && cli->wait &&
	    json_object_set_new(request, "wait_ms", json_integer(cli->wait_ms)) != 0) {
		json_decref(request);
		return NULL;
	}
	return request;
}

static void admin_wait_show(struct admin_wait *wait, const json_t *line)
{
	const struct cli *cli = wait->cli;
	int64_t flows = admin_integer(line, "flows", -1);
	int64_t elapsed_ms = admin_integer(line, "elapsed_ms", 0);
	char text[TEXT_MAX];

	if (!cli->tty && flows == wait->flows && elapsed_ms - wait->shown_ms < ADMIN_LINES_MS)
		return;
	wait->flows = flows;
	wait->shown_ms = elapsed_ms;
	fprintf(cli->out, "%s%s: ", cli->tty ? "\r\033[K" : "", wait->path);
	admin_print_flows(cli, flows);
	fprintf(cli->out, ", %s%s", text_duration(text, elapsed_ms), cli->tty ? "" : "\n");
	wait->on_line = cli->tty;
	fflush(cli->out);
}

static void admin_wait_progress(void *arg, const json_t *line)
{
	struct admin_wait *wait = arg;

	if (line == NULL) {
		fputs(wait->on_line ? "\r\033[K" : "", wait->cli->out);
		fflush(wait->cli->out);
	} else if (wait->cli->json) {
		cli_print_json(wait->cli, line, JSON_COMPACT);
		fflush(wait->cli->out);
	} else if (!wait->begun) {
		admin_print_done(wait->cli, wait->path, line);
		wait->flows = admin_integer(line, "flows", -1);
		fflush(wait->cli->out);
	} else {
		admin_wait_show(wait, line);
	}
	wait->begun = true;
}

/* "half within 3.5 s, nine tenths within 12 s, the last after 1 m 2 s" */
static void admin_print_ages(const struct cli *cli, const json_t *receipt)
{
	static const struct {
		const char *key, *text;
	} ages[] = { { "half_ms", "half within" },
		     { "ninety_ms", "nine tenths within" },
		     { "last_ms", "the last after" } };
	const char *before = " (";
	char text[TEXT_MAX];

	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		int64_t ms = admin_integer(receipt, ages[i].key, -1);

		if (ms < 0)
			continue;
		fprintf(cli->out, "%s%s %s", before, ages[i].text, text_duration(text, ms));
		before = ", ";
	}
	fputs(before[0] == ',' ? ")" : "", cli->out);
}

static void admin_print_new(const struct cli *cli, const json_t *workers)
{
	char count[TEXT_MAX], text[TEXT_MAX];
	const json_t *worker;
	bool any = false;
	size_t i;

	json_array_foreach(workers, i, worker) {
		int64_t flows = admin_integer(worker, "new_flows", 0);

		if (flows == 0)
			continue;
		any = true;
		fprintf(cli->out, "CPU %" PRId64 ": %s new flow%s since, the last after %s\n",
			admin_integer(worker, "cpu", -1), text_count(count, flows),
			text_plural(flows),
			text_duration(text, admin_integer(worker, "last_new_ms", 0)));
	}
	if (!any && json_array_size(workers) > 0)
		fprintf(cli->out, "no new flow since, on any of %zu worker%s\n",
			json_array_size(workers), text_plural((int64_t)json_array_size(workers)));
}

static void admin_print_receipt(const struct cli *cli, const json_t *receipt)
{
	int64_t flows = admin_integer(receipt, "flows", 0);
	int64_t added = admin_integer(receipt, "added", 0);
	char text[TEXT_MAX];

	if (!json_is_object(receipt))
		return;
	fprintf(cli->out, "%s flow%s when it began", text_count(text, flows), text_plural(flows));
	if (added > 0)
		fprintf(cli->out, ", %s found again", text_count(text, added));
	fprintf(cli->out, ": %s ended", text_count(text, admin_integer(receipt, "ended", 0)));
	fprintf(cli->out, ", %s moved", text_count(text, admin_integer(receipt, "moved", 0)));
	if (flows > 0)
		admin_print_ages(cli, receipt);
	fputc('\n', cli->out);
	admin_print_new(cli, json_object_get(receipt, "workers"));
}

static int admin_run(struct cli *cli, const char *verb, const char *path)
{
	struct admin_wait wait = { .cli = cli, .path = path, .flows = -1 };
	char text[TEXT_MAX];
	json_t *result;
	int code;

	if (!admin_is_path(path))
		return cli_usage(cli, "\"%s\": expected POOL/INSTANCE", path);
	code = client_ask(cli, admin_request(cli, verb, path), admin_wait_progress, &wait, &result);
	if (cli->json && result != NULL)
		cli_print_json(cli, result, cli->wait ? JSON_COMPACT : JSON_INDENT(2));
	else if (code == CLI_DONE && cli->wait)
		fprintf(cli->out, "%s: safe to stop; no flows left after %s\n", path,
			text_duration(text, admin_integer(result, "elapsed_ms", 0)));
	else if (code == CLI_DONE)
		admin_print_done(cli, path, result);
	if (!cli->json && cli->wait)
		admin_print_receipt(cli, json_object_get(result, "receipt"));
	json_decref(result);
	return code;
}

int drain_run(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return admin_run(cli, "drain", argv[0]);
}

int maint_run(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return admin_run(cli, "maint", argv[0]);
}

int resume_run(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return admin_run(cli, "resume", argv[0]);
}

/* Return: NULL if the weight is invalid. */
static json_t *admin_weight_request(const char *path, const char *weight)
{
	uint32_t value;

	if (weight == NULL)
		return json_pack("{s:s, s:s}", "verb", "weight", "instance", path);
	if (strcmp(weight, "default") == 0)
		return json_pack("{s:s, s:s, s:s}", "verb", "weight", "instance", path, "weight",
				 weight);
	if (config_scalar_number(weight, &value) != 0 || value > CONFIG_WEIGHT_MAX)
		return NULL;
	return json_pack("{s:s, s:s, s:i}", "verb", "weight", "instance", path, "weight",
			 (int)value);
}

static void admin_print_weight(const struct cli *cli, const char *path, const json_t *result,
			       bool set)
{
	int64_t weight = admin_integer(result, "weight", 0);
	int64_t before = admin_integer(result, "before", 0);
	int64_t in_file = admin_integer(result, "config_weight", 0);

	fprintf(cli->out, "%s: weight %" PRId64, path, weight);
	if (json_is_true(json_object_get(result, "by_operator")))
		fprintf(cli->out, " (configured: %" PRId64 ")", in_file);
	if (!set) {
		fputc('\n', cli->out);
		return;
	}
	if (!json_is_true(json_object_get(result, "dataplane"))) {
		fputs("; the dataplane is not running: in force when it starts\n", cli->out);
		return;
	}
	if (weight == before) {
		fputs("; unchanged\n", cli->out);
		return;
	}
	fprintf(cli->out, ", was %" PRId64 "; in force ", before);
	admin_print_took(cli, result);
	fputc('\n', cli->out);
}

int weight_run(struct cli *cli, int argc, char **argv)
{
	const char *weight = argc > 1 ? argv[1] : NULL;
	json_t *request, *result;
	int code;

	if (!admin_is_path(argv[0]))
		return cli_usage(cli, "\"%s\": expected POOL/INSTANCE", argv[0]);
	request = admin_weight_request(argv[0], weight);
	if (request == NULL)
		return cli_usage(cli, "\"%s\": expected a number from 0 to %u, or default",
				 weight != NULL ? weight : "", CONFIG_WEIGHT_MAX);
	code = client_ask(cli, request, NULL, NULL, &result);
	if (cli->json && result != NULL)
		cli_print_json(cli, result, JSON_INDENT(2));
	else if (code == CLI_DONE)
		admin_print_weight(cli, argv[0], result, weight != NULL);
	json_decref(result);
	return code;
}
