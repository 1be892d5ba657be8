/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The schema needs seven levels. */
#define READER_DEPTH_MAX 16
/* Stop reading after this many errors beyond those kept. */
#define READER_ERRORS_MORE_MAX 1000

static struct config_place reader_mark(const struct config_reader *reader, const yaml_mark_t *mark)
{
	return (struct config_place){ (uint32_t)mark->line + 1, (uint32_t)mark->column + 1,
				      reader->file };
}

struct config_place config_reader_place(const struct config_reader *reader)
{
	return reader_mark(reader, &reader->event.start_mark);
}

const char *config_reader_text(const struct config_reader *reader)
{
	return (const char *)reader->event.data.scalar.value;
}

/* Append to the path until config_reader_leave() is called with the value returned here. */
size_t config_reader_enter(struct config_reader *reader, const char *format, ...)
{
	size_t before = reader->path_length;
	size_t room = sizeof(reader->path) - before;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(reader->path + before, room, format, arguments);
	va_end(arguments);
	reader->path_length += (size_t)length < room ? (size_t)length : room - 1;
	return before;
}

size_t config_reader_enter_key(struct config_reader *reader, const char *key)
{
	return config_reader_enter(reader, "%s%s", reader->path_length ? "." : "", key);
}

void config_reader_leave(struct config_reader *reader, size_t before)
{
	reader->path_length = before;
	reader->path[before] = '\0';
}

void config_reader_error(struct config_reader *reader, struct config_place place, const char *value,
			 const char *message)
{
	reader->wrong = true;
	config_error_add(reader->errors, place, reader->path, value, "%s", message);
	if (reader->errors->more == READER_ERRORS_MORE_MAX)
		reader->failed = -EINVAL;
}

/* An error after which the rest of the file cannot be interpreted. */
void config_reader_fail(struct config_reader *reader, struct config_place place,
			const char *message)
{
	config_error_add(reader->errors, place, NULL, NULL, "%s", message);
	reader->failed = -EINVAL;
}

static void reader_fail_syntax(struct config_reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	char context[128] = "";
	char message[256];

	if (parser->error == YAML_MEMORY_ERROR) {
		reader->failed = -ENOMEM;
		return;
	}
	if (parser->context)
		snprintf(context, sizeof(context), ", %s that begins in line %zu", parser->context,
			 parser->context_mark.line + 1);
	snprintf(message, sizeof(message), "not valid YAML: %s%s",
		 parser->problem ? parser->problem : "unknown error", context);
	/* The file up to here was misinterpreted, so the errors found in it are meaningless. */
	config_errors_clear(reader->errors);
	config_reader_fail(reader, reader_mark(reader, &parser->problem_mark), message);
}

/* YAML features that a configuration doesn't need. Return: what is wrong, or NULL. */
static const char *reader_excess(const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		return "an alias (*); expected the value itself";
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		if (strlen((char *)event->data.scalar.value) != event->data.scalar.length)
			return "a NUL character in a value; expected text";
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	}
	if (anchor)
		return "an anchor (&); expected only a value";
	return tag ? "a tag (!); expected only a value" : NULL;
}

static void reader_count_depth(struct config_reader *reader)
{
	yaml_event_type_t type = reader->event.type;

	if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
		reader->depth++;
	if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
		reader->depth--;
	if (reader->depth > READER_DEPTH_MAX)
		config_reader_fail(reader, config_reader_place(reader), "nested too deeply");
}

/* Go to the next event. Return: false if there is none; reader->failed is set then. */
bool config_reader_next(struct config_reader *reader)
{
	const char *excess;

	if (reader->failed)
		return false;
	yaml_event_delete(&reader->event);
	if (!yaml_parser_parse(&reader->parser, &reader->event)) {
		memset(&reader->event, 0, sizeof(reader->event));
		reader_fail_syntax(reader);
		return false;
	}
	excess = reader_excess(&reader->event);
	if (excess)
		config_reader_fail(reader, config_reader_place(reader), excess);
	else
		reader_count_depth(reader);
	return reader->failed == 0;
}

/* Next entry of the current collection. Return: false at its end. */
bool config_reader_next_entry(struct config_reader *reader)
{
	return config_reader_next(reader) && reader->event.type != YAML_MAPPING_END_EVENT &&
	       reader->event.type != YAML_SEQUENCE_END_EVENT;
}

/* Go to the last event of the value that begins here. */
void config_reader_skip(struct config_reader *reader)
{
	uint32_t outside = reader->depth - 1;

	if (reader->event.type == YAML_SCALAR_EVENT)
		return;
	while (reader->depth > outside && config_reader_next(reader))
		;
}

bool config_reader_is_plain(const struct config_reader *reader)
{
	return reader->event.type == YAML_SCALAR_EVENT &&
	       reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* "pools:" with nothing after it, also when all entries below are commented out. */
bool config_reader_is_null(const struct config_reader *reader)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (config_reader_is_plain(reader) &&
		    strcmp(config_reader_text(reader), nulls[i]) == 0)
			return true;
	return false;
}

void config_reader_error_kind(struct config_reader *reader, const char *expect)
{
	yaml_event_type_t type = reader->event.type;
	bool scalar = type == YAML_SCALAR_EVENT;
	char message[320];

	snprintf(message, sizeof(message), "expected %s, not %s", expect,
		 scalar				    ? "a single value"
		 : type == YAML_MAPPING_START_EVENT ? "a mapping"
						    : "a list");
	config_reader_error(reader, config_reader_place(reader),
			    scalar ? config_reader_text(reader) : NULL, message);
	config_reader_skip(reader);
}

int config_reader_init(struct config_reader *reader, const void *data, size_t size,
		       enum config_file file, struct config_errors *errors)
{
	memset(reader, 0, sizeof(*reader));
	reader->errors = errors;
	reader->file = file;
	if (!yaml_parser_initialize(&reader->parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader->parser, data, size);
	return 0;
}

void config_reader_fini(struct config_reader *reader)
{
	yaml_event_delete(&reader->event);
	yaml_parser_delete(&reader->parser);
}
