/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last good configuration. sluiced keeps the text of its file when it has put it into force, in the
 * state directory; when the file is refused at a start, both daemons start with that, so that a broken
 * file and a restart don't end the traffic.
 */
#ifndef CONFIG_LAST_GOOD_H
#define CONFIG_LAST_GOOD_H

#include "config/config.h"
#include "config/error.h"

#define CONFIG_LAST_GOOD_NAME "last-good.yaml"

/**
 * Read a file or, if it's refused, what was kept of the file of this very path.
 * @kept: set to whether that is what is returned.
 * @errors: what is wrong with the file, also when what was kept is returned.
 * Return: NULL and errno, as config_load_file().
 */
struct config *config_last_good_load(const char *path, const char *state_dir, bool *kept,
				     struct config_errors *errors);

/**
 * What to keep of a configuration that was read from a path.
 * Return: a text, to be freed; NULL without memory.
 */
char *config_last_good_text(const struct config *config, const char *path, size_t *size);

#endif
