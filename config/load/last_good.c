/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* asprintf */
#include "config/load/last_good.h"
#include "config/load/load.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The last line, followed by the path: the file of another path is another machine's, or another
 * test's.
 */
#define LAST_GOOD_MARK "# The last good configuration of "

/*
 * Return: the absolute path, to be freed; or NULL. Symlinks are not resolved: their targets may
 * change.
 */
static char *last_good_absolute(const char *path)
{
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *absolute = NULL;

	if (path[0] == '/')
		return strdup(path);
	if (here && asprintf(&absolute, "%s/%s", here, path) < 0)
		absolute = NULL;
	free(here);
	return absolute;
}

static int last_good_name(char *text, const char *state_dir, const char *name)
{
	return snprintf(text, PATH_MAX, "%s/%s", state_dir, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool last_good_is_of(const struct config *config, const char *path)
{
	char *absolute = last_good_absolute(path), *line = NULL;
	size_t length = 0;
	bool same;

	if (absolute && asprintf(&line, "\n" LAST_GOOD_MARK "%s\n", absolute) < 0)
		line = NULL;
	length = line ? strlen(line) : 0;
	same = line && config->bytes > length &&
	       memcmp(config->text + config->bytes - length, line, length) == 0;
	free(line);
	free(absolute);
	return same;
}

/* The files of one attempt; the first is the one that should be in force. */
struct last_good_try {
	const char *own;
	const char *commands;
};

static struct config *last_good_load(const struct last_good_try *try, const char *path,
				     struct config_errors *errors)
{
	struct config *config = config_load_files(try->own, try->commands, errors);

	if (!config || strcmp(try->own, path) == 0 || last_good_is_of(config, path))
		return config;
	config_free(config);
	return NULL;
}

struct config *config_last_good_load(const char *path, const char *state_dir, bool *kept,
				     struct config_errors *errors)
{
	char own[PATH_MAX], commands[PATH_MAX], commands_kept[PATH_MAX];
	const struct last_good_try tries[] = {
		{ path, commands },
		{ own, commands },
		{ path, commands_kept },
		{ own, commands_kept },
	};
	struct config_errors unused;
	struct config *config;
	int error;

	*kept = false;
	if (last_good_name(own, state_dir, CONFIG_LAST_GOOD_NAME) ||
	    last_good_name(commands, state_dir, CONFIG_COMMANDS_NAME) ||
	    last_good_name(commands_kept, state_dir, CONFIG_LAST_GOOD_COMMANDS_NAME))
		return config_load_file(path, errors);
	config = last_good_load(&tries[0], path, errors);
	error = errno;
	for (size_t i = 1; !config && i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (i > 1 && access(commands_kept, F_OK))
			break;
		config = last_good_load(&tries[i], path, &unused);
		*kept = config != NULL;
	}
	errno = error;
	return config;
}

void config_last_good_note(const struct config *config, const char *path, const char *state_dir,
			   char *text, size_t size)
{
	bool own = strcmp(config->file, path) != 0;

	if (own)
		snprintf(text, size, "%s is refused; STARTING WITH THE LAST GOOD ONE, %s", path,
			 config->file);
	else
		snprintf(text, size, "%s/%s is refused; STARTING WITH THE LAST GOOD ONE, %s",
			 state_dir, CONFIG_COMMANDS_NAME, config->commands_file);
}

char *config_last_good_text(const struct config *config, const char *path, size_t *size)
{
	char *absolute = last_good_absolute(path), *text = NULL;
	bool ends = config->bytes > 0 && config->text[config->bytes - 1] == '\n';
	int length = -1;

	if (absolute)
		length = asprintf(&text, "%.*s%s" LAST_GOOD_MARK "%s\n", (int)config->bytes,
				  config->text, ends ? "" : "\n", absolute);
	free(absolute);
	*size = length < 0 ? 0 : (size_t)length;
	return length < 0 ? NULL : text;
}
