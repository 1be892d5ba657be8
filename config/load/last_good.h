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
/* In the state directory, too: what commands have created, and its copy. */
#define CONFIG_COMMANDS_NAME "elb.yaml"
#define CONFIG_LAST_GOOD_COMMANDS_NAME "last-good-elb.yaml"

/**
 * Read a file and what commands have created, merged; of each the saved copy if it is refused, of the
 * file only one that was saved from the same path.
 * @kept: set to whether a saved copy is in what is returned.
 * @errors: the errors in the files, also when saved copies are returned.
 * Return: NULL and errno, as config_load_file().
 */
struct config *config_last_good_load(const char *path, const char *state_dir, bool *kept,
				     struct config_errors *errors);

/** Write which file is refused, and what is used instead, after a load that has set @kept. */
void config_last_good_note(const struct config *config, const char *path, const char *state_dir,
			   char *text, size_t size);

/**
 * The text to save for a configuration that was read from a path.
 * Return: a text, to be freed; NULL if out of memory.
 */
char *config_last_good_text(const struct config *config, const char *path, size_t *size);

#endif
