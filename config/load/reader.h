/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

/*
 * YAML as a stream of events. Features that a configuration never needs are refused: anchors,
 * aliases, tags, NUL characters, deep nesting. No tree is built in memory, so no input can exhaust
 * it.
 */

#include "config/error.h"

#include <yaml.h>

struct config_reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct config_errors *errors;
	char path[160]; /* of the value being read */
	size_t path_length;
	uint32_t depth;
	enum config_file file;
	bool wrong;	  /* some value is missing or unusable */
	bool unsupported; /* some value belongs to a later version */
	int failed;	  /* 0, or -errno: nothing more can be read */
};

/** @data must outlive the reader. @file: for the places. Return: 0, or -ENOMEM. */
int config_reader_init(struct config_reader *reader, const void *data, size_t size,
		       enum config_file file, struct config_errors *errors);
void config_reader_fini(struct config_reader *reader);

/** Go to the next event. Return: false if there is none; reader->failed is set then. */
bool config_reader_next(struct config_reader *reader);

/** Go to the next entry of the current collection. Return: false at its end. */
bool config_reader_next_entry(struct config_reader *reader);

/** Go to the last event of the value that begins here. */
void config_reader_skip(struct config_reader *reader);

/** Where the current value begins. */
struct config_place config_reader_place(const struct config_reader *reader);

/** The current scalar; valid until the next event. */
const char *config_reader_text(const struct config_reader *reader);

/** Whether it is a scalar without quotes. */
bool config_reader_is_plain(const struct config_reader *reader);

/** Whether there is no value, as in a truncated file, or where all entries are commented out. */
bool config_reader_is_null(const struct config_reader *reader);

/** Append to the path. Return: what config_reader_leave() takes to go back. */
size_t config_reader_enter(struct config_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
size_t config_reader_enter_key(struct config_reader *reader, const char *key);
void config_reader_leave(struct config_reader *reader, size_t before);

/** Report an error in the value at the path; reading continues. @value may be NULL. */
void config_reader_error(struct config_reader *reader, struct config_place place, const char *value,
			 const char *message);

/** Report that the current value is of the wrong kind, and skip it. */
void config_reader_error_kind(struct config_reader *reader, const char *expect);

/** Report an error after which the rest of the file cannot be interpreted; reading ends. */
void config_reader_fail(struct config_reader *reader, struct config_place place,
			const char *message);

#endif
