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

/* Return: NULL if there is none that is usable. */
static struct config *last_good_load(const char *path, const char *state_dir)
{
	char name[PATH_MAX];
	struct config_errors errors;
	struct config *config;

	if (snprintf(name, sizeof(name), "%s/" CONFIG_LAST_GOOD_NAME, state_dir) >=
	    (int)sizeof(name))
		return NULL;
	config = config_load_file(name, &errors);
	if (config && last_good_is_of(config, path))
		return config;
	config_free(config);
	return NULL;
}

struct config *config_last_good_load(const char *path, const char *state_dir, bool *kept,
				     struct config_errors *errors)
{
	struct config *config = config_load_file(path, errors);
	int error = errno;

	*kept = false;
	if (config)
		return config;
	config = last_good_load(path, state_dir);
	*kept = config != NULL;
	errno = error;
	return config;
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
