/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor. */
#include "controlplane/doctor/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/load/load.h"
#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

/* ---- What it looks at ---- */

/* What sluiced says; NULL: it does not run, or this user may not ask it. */
static json_t *status_ask(const struct cli *cli)
{
	struct cli quiet = *cli;
	json_t *status = NULL;

	quiet.err = fopen("/dev/null", "we");
	if (!quiet.err)
		return NULL;
	if (client_ask(&quiet, json_pack("{s:s}", "verb", "status"), NULL, NULL, &status) !=
	    CLI_DONE) {
		json_decref(status);
		status = NULL;
	}
	fclose(quiet.err);
	return status;
}

/* Return: NULL after an error, which is printed. */
static struct config *config_read_for(const struct cli *cli, const char *path)
{
	struct config_errors errors = { 0 };
	struct config *config = config_load_file(path, &errors);
	char line[1024];

	if (config)
		return config;
	for (uint32_t i = 0; i < errors.count; i++) {
		config_error_format(&errors, i, line, sizeof(line));
		fprintf(cli->err, "%s\n", line);
	}
	cli_refuse(cli, "%s: %s", path, errors.count ? "it is refused" : strerror(errno));
	return NULL;
}

/* The file given; else that of the daemon that runs; else the default. */
static const char *path_choose(const struct cli *cli, const json_t *status)
{
	const char *path =
		json_string_value(json_object_get(json_object_get(status, "node"), "config"));

	return cli->config ? cli->config : path ? path : CONFIG_DEFAULT_PATH;
}

/* ---- What it says ---- */

static const enum table_style styles[] = {
	[DOCTOR_OK] = TABLE_GOOD,
	[DOCTOR_SKIPPED] = TABLE_DIM,
	[DOCTOR_ADVICE] = TABLE_WARN,
	[DOCTOR_WRONG] = TABLE_BAD,
};

struct doctor_counts {
	uint32_t of[DOCTOR_WRONG + 1];
};

static struct doctor_counts counts_of(const struct doctor *doctor)
{
	struct doctor_counts counts = { { 0 } };

	for (uint32_t i = 0; i < doctor->count; i++)
		counts.of[doctor->findings[i].result]++;
	return counts;
}

static void finding_print(const struct cli *cli, const struct doctor_finding *finding)
{
	const char *how = doctor_how_word(finding->check->how);
	char line[DOCTOR_TEXT_MAX + DOCTOR_OBJECT_MAX + 64];

	snprintf(line, sizeof(line), "%-8s", doctor_result_word(finding->result));
	table_text(cli->out, cli->colour, styles[finding->result], line);
	snprintf(line, sizeof(line), "%-19s %s%s%s (%s)", finding->check->name, finding->object,
		 finding->object[0] ? ": " : "", finding->found, how);
	table_text(cli->out, cli->colour, TABLE_PLAIN, line);
	fputc('\n', cli->out);
	if (finding->result < DOCTOR_ADVICE)
		return;
	fputs("        expected: ", cli->out);
	table_text(cli->out, cli->colour, TABLE_PLAIN, finding->expected);
	fputs("\n        to mend:  ", cli->out);
	table_text(cli->out, cli->colour, TABLE_PLAIN, finding->mend);
	fputc('\n', cli->out);
}

static void findings_print(const struct cli *cli, const struct doctor *doctor)
{
	struct doctor_counts counts = counts_of(doctor);

	for (uint32_t i = 0; i < doctor->count; i++)
		finding_print(cli, &doctor->findings[i]);
	fprintf(cli->out, "%u wrong, %u to improve, %u fine, %u not seen\n",
		counts.of[DOCTOR_WRONG], counts.of[DOCTOR_ADVICE], counts.of[DOCTOR_OK],
		counts.of[DOCTOR_SKIPPED]);
}

static json_t *finding_json(const struct doctor_finding *finding)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "check", finding->check->name,
			 "result", doctor_result_word(finding->result), "how",
			 doctor_how_word(finding->check->how), "object", finding->object, "found",
			 finding->found, "expected", finding->expected, "mend", finding->mend);
}

static void findings_print_json(const struct cli *cli, const struct doctor *doctor)
{
	struct doctor_counts counts = counts_of(doctor);
	json_t *list = json_array(), *value;

	for (uint32_t i = 0; list && i < doctor->count; i++)
		json_array_append_new(list, finding_json(&doctor->findings[i]));
	value = json_pack("{s:b, s:s, s:b, s:i, s:i, s:i, s:i, s:o}", "ok",
			  counts.of[DOCTOR_WRONG] == 0, "config", doctor->path, "running",
			  doctor->status != NULL, "wrong", (int)counts.of[DOCTOR_WRONG], "advice",
			  (int)counts.of[DOCTOR_ADVICE], "fine", (int)counts.of[DOCTOR_OK],
			  "skipped", (int)counts.of[DOCTOR_SKIPPED], "checks", list);
	cli_print_json(cli, value, JSON_INDENT(2));
	json_decref(value);
}

/* ---- Both ---- */

static int doctor_examine(const struct cli *cli, struct doctor *doctor)
{
	int err = doctor_open(doctor), code = CLI_DONE;

	if (err) {
		doctor_close(doctor);
		return cli_refuse(cli, "the interfaces cannot be read: %s", strerror(-err));
	}
	for (uint32_t i = 0; doctor_check_at(i)->name; i++)
		doctor_run(doctor, doctor_check_at(i));
	if (cli->json)
		findings_print_json(cli, doctor);
	else
		findings_print(cli, doctor);
	if (counts_of(doctor).of[DOCTOR_WRONG] > 0)
		code = CLI_REFUSED;
	doctor_close(doctor);
	return code;
}

int doctor_verb_run(struct cli *cli, int argc, char **argv)
{
	json_t *status = status_ask(cli);
	const char *path = path_choose(cli, status);
	struct config *config = config_read_for(cli, path);
	struct doctor doctor = {
		.config = config,
		.root = cli->root ? cli->root : "",
		.path = path,
		.status = status,
		.probes = geteuid() == 0,
	};
	int code = config ? doctor_examine(cli, &doctor) : CLI_REFUSED;

	(void)argc;
	(void)argv;
	config_free(config);
	json_decref(status);
	return code;
}
