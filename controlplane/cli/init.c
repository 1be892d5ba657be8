/* SPDX-License-Identifier: BSD-3-Clause */
/* config init. */
#include "controlplane/cli/init_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load/load.h"
#include "controlplane/cli/cli.h"

#define GROUP "sluice" /* of operators, who may read the configuration */

/* It has the secret: for its owner, and for the group if that can have it. */
static void file_protect(int fd)
{
	const struct group *group = getgrnam(GROUP);

	if (group && fchown(fd, (uid_t)-1, group->gr_gid) == 0)
		(void)fchmod(fd, 0640);
}

static int file_fill(int fd, const char *text)
{
	size_t size = strlen(text);
	int err = 0;

	file_protect(fd);
	if (write(fd, text, size) != (ssize_t)size)
		err = errno ? -errno : -EIO;
	if (fsync(fd) && !err)
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

/* A new file, or in place of an existing one, which stays if anything fails. Return: 0 or -errno. */
static int file_write(const char *path, const char *text, bool replace)
{
	char temporary[PATH_MAX];
	const char *name = path;
	int fd, err;

	if (replace) {
		if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >=
		    (int)sizeof(temporary))
			return -ENAMETOOLONG;
		name = temporary;
		fd = mkostemp(temporary, O_CLOEXEC);
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return -errno;
	err = file_fill(fd, text);
	if (!err && replace && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(name);
	return err;
}

/* What the daemons would refuse is not written. */
static int text_check(const struct cli *cli, const char *text)
{
	struct config_errors errors = { 0 };
	struct config *config =
		config_load_buffer(text, strlen(text), "the configuration", &errors);
	char line[1024];

	if (config) {
		config_free(config);
		return CLI_DONE;
	}
	for (uint32_t i = 0; i < errors.count; i++) {
		config_error_format(&errors, i, line, sizeof(line));
		fprintf(cli->err, "%s\n", line);
	}
	return cli_refuse(cli, "nothing is written");
}

static int json_print(const struct cli *cli, json_t *value)
{
	cli_print_json(cli, value, JSON_INDENT(2));
	json_decref(value);
	return CLI_DONE;
}

static int written_print(const struct cli *cli, const struct init *init)
{
	if (cli->json)
		return json_print(cli, json_pack("{s:s, s:s, s:s, s:s}", "file", cli->write, "port",
						 init->port, "dataplane", init->dataplane, "cpus",
						 init->cpus));
	fprintf(cli->out,
		"%s: port %s, dataplane %s, CPUs %s\n"
		"Fill in pools and services, then: sluicectl config check %s\n",
		cli->write, init->port, init->dataplane, init->cpus, cli->write);
	return CLI_DONE;
}

static int text_put(const struct cli *cli, const struct init *init, const char *text)
{
	int err, code = text_check(cli, text);

	if (code != CLI_DONE)
		return code;
	if (!cli->write && cli->json)
		return json_print(cli, json_pack("{s:s}", "config", text));
	if (!cli->write) {
		fputs(text, cli->out);
		return CLI_DONE;
	}
	err = file_write(cli->write, text, cli->force);
	if (err == -EEXIST)
		return cli_refuse(cli, "%s exists; --force replaces it", cli->write);
	if (err)
		return cli_refuse(cli, "%s: %s", cli->write, strerror(-err));
	return written_print(cli, init);
}

/* Return: the text, to be freed; NULL and errno. */
static char *text_make(const struct init *init)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	int err;

	if (!to)
		return NULL;
	err = init_write(init, to);
	if (fclose(to) == 0 && !err)
		return text;
	free(text);
	errno = err ? -err : ENOMEM;
	return NULL;
}

static int init_make(const struct cli *cli, const struct init *init)
{
	char *text = text_make(init);
	int code;

	if (!text)
		return cli_refuse(cli, "%s", strerror(errno));
	if (init->is_unaddressed)
		fprintf(cli->err,
			"%s: %s has no address; node.address has an example: replace it\n",
			cli->program, init->port);
	code = text_put(cli, init, text);
	explicit_bzero(text, strlen(text));
	free(text);
	return code;
}

int init_run(struct cli *cli, int argc, char **argv)
{
	struct init init;
	int err = init_read(&init), code;

	(void)argc;
	(void)argv;
	if (cli->force && !cli->write)
		code = cli_usage(cli, "--force: only with --write");
	else if (err)
		code = cli_refuse(cli, "this machine cannot be read: %s", strerror(-err));
	else if (init_choose(&init, cli->port, cli->dataplane, cli->cpus))
		code = cli_refuse(cli, "this machine has no Ethernet interface; give a --port");
	else
		code = init_make(cli, &init);
	init_fini(&init);
	return code;
}
