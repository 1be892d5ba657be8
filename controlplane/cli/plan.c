/* SPDX-License-Identifier: BSD-3-Clause */
/* config check, diff, apply and rollback. */
#include "config/config.h"
#include "config/load/load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/file.h"
#include "config/base/scalar.h"
#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"

/*
 * A pipe may be read, but opening a FIFO must not wait for a writer. Return: -1 and errno on error.
 */
static int plan_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, O_RDONLY);
	return fd;
}

/* ---- check ---- */

static void check_print_json(const struct cli *cli, const char *file,
			     const struct config_errors *errors, bool ok)
{
	json_t *list = json_array();
	char line[1024];
	json_t *value;

	for (uint32_t i = 0; list != NULL && i < errors->count; i++) {
		config_error_format(errors, i, line, sizeof(line));
		json_array_append_new(list, json_string(line));
	}
	value = json_pack("{s:s, s:b, s:o, s:i}", "file", file, "ok", ok, "errors", list,
			  "errors_more", (int)errors->more);
	cli_print_json(cli, value, JSON_INDENT(2));
	json_decref(value);
}

static void check_print_counts(const struct cli *cli, const char *file, const struct config *config)
{
	uint32_t instances = 0;

	for (uint32_t i = 0; i < config->pool_count; i++)
		instances += config->pools[i].instance_count;
	fprintf(cli->out, "%s: ok: %u service%s, %u pool%s, %u instance%s\n", file,
		config->service_count, text_plural(config->service_count), config->pool_count,
		text_plural(config->pool_count), instances, text_plural(instances));
}

static struct config *check_load(const char *path, struct config_errors *errors)
{
	int error, fd = plan_open(path);
	struct config *config;

	if (fd < 0)
		return config_load_file(path, errors); /* says why */
	config = config_load_fd(fd, path, errors);
	error = errno;
	close(fd);
	errno = error;
	return config;
}

int check_run(struct cli *cli, int argc, char **argv)
{
	struct config_errors errors = { 0 };
	struct config *config = check_load(argv[0], &errors);
	int error = errno, code = CLI_DONE;

	(void)argc;
	if (cli->json)
		check_print_json(cli, argv[0], &errors, config != NULL);
	if (config == NULL && errors.count == 0)
		code = cli_refuse(cli, "%s: %s", argv[0], strerror(error));
	else if (config == NULL)
		code = CLI_REFUSED;
	if (config == NULL && errors.count > 0)
		config_errors_print(&errors, cli->err);
	if (config != NULL && !cli->json)
		check_print_counts(cli, argv[0], config);
	config_free(config);
	return code;
}

/* ---- diff and apply ---- */

/* Return: the file's bytes, to be freed; NULL after an error on stderr. */
static char *plan_read(const struct cli *cli, const char *path, size_t *size)
{
	size_t room = CONFIG_FILE_BYTES_MAX + 1;
	int fd = plan_open(path);
	char *data = fd < 0 ? NULL : malloc(room);
	ssize_t used = fd < 0 ? -errno : data == NULL ? -ENOMEM : file_read(fd, data, room);

	if (fd >= 0)
		close(fd);
	if (used >= 0 && (size_t)used < room) {
		*size = (size_t)used;
		return data;
	}
	cli_refuse(cli, "%s: %s", path, strerror(used < 0 ? (int)-used : EFBIG));
	free(data);
	return NULL;
}

/* Text that cannot be sent is not UTF-8: the checker reports where. Return: NULL. */
static json_t *plan_not_text(const struct cli *cli, const char *path, const char *data, size_t size)
{
	struct config_errors errors = { 0 };

	config_free(config_load_buffer(data, size, path, &errors));
	config_errors_print(&errors, cli->err);
	cli_refuse(cli, "%s is refused", path);
	return NULL;
}

/*
 * The daemon gets the text, not the name: it may not be allowed to read the file. The verb comes
 * first, as required of a line of that length. Return: NULL after an error on stderr.
 */
static json_t *plan_request(const struct cli *cli, const char *verb, const char *path)
{
	char absolute[PATH_MAX];
	json_t *text, *name;
	size_t size = 0;
	char *data;

	if (path == NULL)
		return json_pack("{s:s}", "verb", verb);
	data = plan_read(cli, path, &size);
	if (data == NULL)
		return NULL;
	name = json_string(realpath(path, absolute) != NULL ? absolute : path);
	text = json_stringn(data, size);
	if (text == NULL || memchr(data, '\0', size) != NULL) {
		json_decref(text);
		json_decref(name);
		text = plan_not_text(cli, path, data, size);
		free(data);
		return text;
	}
	free(data);
	return json_pack("{s:s, s:o, s:o}", "verb", verb, "name",
			 name != NULL ? name : json_string("?"), "text", text);
}

static const char *plan_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int64_t plan_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void plan_print_change(const struct cli *cli, const json_t *change)
{
	const char *before = plan_text(change, "before"), *after = plan_text(change, "after");
	const char *kind = plan_text(change, "kind"), *key = plan_text(change, "key");
	bool added = kind != NULL && strcmp(kind, "added") == 0;
	bool removed = kind != NULL && strcmp(kind, "removed") == 0;
	char line[1024];

	snprintf(line, sizeof(line), "%c %s%s%s%s%s",
		 added	   ? '+'
		 : removed ? '-'
			   : '~',
		 key != NULL ? key : "?", before != NULL || after != NULL ? ": " : "",
		 before != NULL ? before : "", before != NULL && after != NULL ? " -> " : "",
		 after != NULL ? after : "");
	table_text(cli->out, cli->colour,
		   added     ? TABLE_GOOD
		   : removed ? TABLE_BAD
			     : TABLE_PLAIN,
		   line);
	if (json_is_false(json_object_get(change, "reloadable")))
		table_text(cli->out, cli->colour, TABLE_WARN, "  (needs a restart of the daemons)");
	fputc('\n', cli->out);
}

static void plan_print_plan(const struct cli *cli, const json_t *plan)
{
	int64_t changes = plan_integer(plan, "changes");
	int64_t flows = plan_integer(plan, "flows"), drained = plan_integer(plan, "flows_drained");
	int64_t slots = plan_integer(plan, "slots");
	double changed =
		slots > 0 ? (double)plan_integer(plan, "slots_changed") / (double)slots : 0;
	char total[TEXT_MAX], moved[TEXT_MAX], percent[TEXT_MAX];

	fprintf(cli->out,
		"%" PRId64 " change%s: %" PRId64 " instance%s added, %" PRId64
		" removed; %s of the "
		"slots change\n",
		changes, text_plural(changes), plan_integer(plan, "instances_added"),
		text_plural(plan_integer(plan, "instances_added")),
		plan_integer(plan, "instances_removed"), text_percent(percent, changed));
	fprintf(cli->out, "%s of %s flow%s move to another instance\n",
		text_count(moved, plan_integer(plan, "flows_moved")), text_count(total, flows),
		text_plural(flows));
	if (drained > 0)
		fprintf(cli->out, "%s flow%s of removed instances drain first\n",
			text_count(moved, drained), text_plural(drained));
}

static void plan_print_changes(const struct cli *cli, const json_t *result)
{
	int64_t more = plan_integer(result, "changes_more");
	const json_t *change;
	size_t i;

	json_array_foreach(json_object_get(result, "changes"), i, change)
		plan_print_change(cli, change);
	if (more > 0)
		fprintf(cli->out, "and %" PRId64 " more\n", more);
}

static void plan_print_diff(const struct cli *cli, const json_t *result)
{
	const json_t *plan = json_object_get(result, "plan");

	if (json_array_size(json_object_get(result, "changes")) == 0) {
		fputs("no changes\n", cli->out);
		return;
	}
	plan_print_changes(cli, result);
	plan_print_plan(cli, plan);
	if (plan_integer(plan, "restarts") > 0)
		fputs("config apply will refuse this: it needs a restart of the daemons\n",
		      cli->out);
	else if (json_is_true(json_object_get(result, "needs_force")))
		fputs("config apply will refuse this without --force: it removes all services, or most "
		      "instances\n",
		      cli->out);
}

static void plan_print_applied(const struct cli *cli, const json_t *result)
{
	const char *file = plan_text(result, "file");
	char duration[TEXT_MAX];

	plan_print_changes(cli, result);
	if (json_array_size(json_object_get(result, "changes")) == 0)
		fputs("no changes\n", cli->out);
	else
		plan_print_plan(cli, json_object_get(result, "plan"));
	if (json_is_true(json_object_get(result, "dataplane")))
		fprintf(cli->out, "applied; in force after %.1f ms\n",
			json_number_value(json_object_get(result, "took_us")) / 1000);
	else
		fputs("applied; the dataplane is not running: in force when it starts\n", cli->out);
	if (cli->confirm_ms > 0)
		fprintf(cli->out, "undone in %s, unless confirmed: sluicectl config confirm\n",
			text_duration(duration, cli->confirm_ms));
	if (cli->verb->run != rollback_run && json_is_false(json_object_get(result, "own_file")))
		fprintf(cli->err,
			"sluicectl: note: %s is not the daemon's own file, which is read again at "
			"its next start or reload\n",
			file != NULL ? file : "this");
}

static void plan_print_restart(const struct cli *cli, const json_t *result)
{
	const json_t *key;
	size_t i;

	json_array_foreach(json_object_get(result, "restart"), i, key)
		fprintf(cli->err, "  %s\n", json_string_value(key) ? json_string_value(key) : "");
}

/* Takes @request. */
static int plan_ask(const struct cli *cli, json_t *request,
		    void (*print)(const struct cli *cli, const json_t *result))
{
	json_t *result;
	int code;

	if (request == NULL)
		return CLI_REFUSED;
	if (cli->force)
		json_object_set_new(request, "force", json_true());
	if (cli->confirm_ms > 0)
		json_object_set_new(request, "confirm_ms", json_integer(cli->confirm_ms));
	code = client_ask(cli, request, NULL, NULL, &result);
	if (cli->json && result != NULL)
		cli_print_json(cli, result, JSON_INDENT(2));
	else if (code == CLI_DONE)
		print(cli, result);
	else
		plan_print_restart(cli, result);
	json_decref(result);
	return code;
}

int diff_run(struct cli *cli, int argc, char **argv)
{
	return plan_ask(cli, plan_request(cli, "config-diff", argc > 0 ? argv[0] : NULL),
			plan_print_diff);
}

int apply_run(struct cli *cli, int argc, char **argv)
{
	return plan_ask(cli, plan_request(cli, "config-apply", argc > 0 ? argv[0] : NULL),
			plan_print_applied);
}

int rollback_run(struct cli *cli, int argc, char **argv)
{
	uint32_t back = 1;

	if (argc > 0 && (config_scalar_number(argv[0], &back) != 0 || back == 0))
		return cli_usage(cli, "\"%s\": expected how many configurations back, from 1",
				 argv[0]);
	return plan_ask(cli, json_pack("{s:s, s:i}", "verb", "config-rollback", "back", (int)back),
			plan_print_applied);
}
