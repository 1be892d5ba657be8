/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last good configuration. sluiced saves the text of its file in the state directory once it is
 * in force; if the file is refused at start, both daemons start with the saved text, so that a
 * broken file and a restart don't stop the traffic.
 */
#ifndef CONFIG_LAST_GOOD_H
#define CONFIG_LAST_GOOD_H

#include "config/config.h"
#include "config/error.h"

#define CONFIG_LAST_GOOD_NAME "last-good.yaml"

/**
 * Read a file or, if it is refused, the text saved from the same path.
 * @kept: set to whether the saved text is what is returned.
 * @errors: the errors in the file, also when the saved text is returned.
 * Return: NULL and errno, as config_load_file().
 */
struct config *config_last_good_load(const char *path, const char *state_dir, bool *kept,
				     struct config_errors *errors);

/**
 * The text to save for a configuration that was read from a path.
 * Return: a text, to be freed; NULL if out of memory.
 */
char *config_last_good_text(const struct config *config, const char *path, size_t *size);

#endif
