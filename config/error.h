/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_ERROR_H
#define CONFIG_ERROR_H

#include <stdio.h>

#include "config/config.h"

#define CONFIG_ERRORS_MAX 20
#define CONFIG_MESSAGE_MAX 640 /* holds the names of all keys of a section */

/** One error. Text from the file is truncated and made printable; a secret is never shown. */
struct config_error {
	struct config_place place; /* line 0: the file as a whole */
	char key[160];		   /* "pools.web.checks[0].target", or empty */
	char value[80];		   /* as written, or empty */
	bool has_value;
	char message[CONFIG_MESSAGE_MAX]; /* what was expected */
};

struct config_errors {
	char file[256];				     /* CONFIG_FILE_OWN */
	char commands_file[256];		     /* CONFIG_FILE_COMMANDS; may be empty */
	struct config_error list[CONFIG_ERRORS_MAX]; /* in the order of the file */
	uint32_t count;
	uint32_t more; /* found, but not kept */
};

/**
 * Write one error as `FILE:LINE:COL: node.flows: "12x": expected a number from 1024 to 100000000`.
 * Return: as snprintf.
 */
int config_error_format(const struct config_errors *errors, uint32_t index, char *text,
			size_t size);

/** The name of a file of the configuration. */
const char *config_errors_file(const struct config_errors *errors, uint32_t file);

/**
 * Say where something else is, for an error at @from: "line 12", or "FILE:12" if it is in another
 * file. @text holds CONFIG_PLACE_TEXT_MAX bytes. Return: text.
 */
const char *config_error_place(const struct config_errors *errors, struct config_place from,
			       struct config_place at, char *text);

#define CONFIG_PLACE_TEXT_MAX 272

/** Print all errors, one per line, and how many more there were. */
void config_errors_print(const struct config_errors *errors, FILE *to);

/** Why a value is refused: "expected a number from 1 to 65535". */
struct config_reason {
	char text[CONFIG_MESSAGE_MAX];
};

/** Write a reason. Return: always -EINVAL, for the caller to return. */
int config_error_reason(struct config_reason *reason, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Keep an error, or count it if there are too many.
 * @key: path of the key, or NULL.
 * @value: as written, or NULL if there is none to show; made printable and truncated.
 */
void config_error_add(struct config_errors *errors, struct config_place place, const char *key,
		      const char *value, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/** Sort the errors by their place in the file. */
void config_errors_sort(struct config_errors *errors);

/** Forget all errors. */
void config_errors_clear(struct config_errors *errors);

/** Start without errors; sets the file name. */
void config_errors_init(struct config_errors *errors, const char *file);

/** Set the name of the other file. */
void config_errors_set_commands(struct config_errors *errors, const char *file);

/** The candidate nearest to a wrong word. Set word, and leave the rest 0. */
struct config_guess {
	const char *word;
	const char *best; /* NULL: none is near enough */
	uint32_t distance;
};

/** Offer one candidate; it must outlive the guess. */
void config_guess_offer(struct config_guess *guess, const char *candidate);

#endif
