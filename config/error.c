/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define GUESS_LENGTH_MAX 64

int config_error_reason(struct config_reason *reason, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason->text, sizeof(reason->text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

void config_errors_init(struct config_errors *errors, const char *file)
{
	memset(errors, 0, sizeof(*errors));
	snprintf(errors->file, sizeof(errors->file), "%s", file);
}

void config_errors_set_commands(struct config_errors *errors, const char *file)
{
	snprintf(errors->commands_file, sizeof(errors->commands_file), "%s", file);
}

void config_errors_clear(struct config_errors *errors)
{
	errors->count = 0;
	errors->more = 0;
}

/*
 * Bytes of the UTF-8 character at @text, from its first byte. The file has been checked to be valid
 * UTF-8.
 */
static size_t error_character_bytes(const char *text)
{
	unsigned char first = (unsigned char)*text;
	size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	return strnlen(text, bytes);
}

/*
 * Copy so that the text stays on one terminal line: no control characters, no partial characters.
 */
static void error_copy_printable(char *to, size_t size, const char *from)
{
	size_t used = 0;

	while (*from) {
		size_t bytes = error_character_bytes(from);
		bool control = bytes == 1 && (iscntrl((unsigned char)*from) || *from == '"');
		bool c1 = bytes == 2 && (unsigned char)from[0] == 0xc2 &&
			  (unsigned char)from[1] < 0xa0;

		if (used + bytes + sizeof("...") > size) {
			memcpy(to + used, "...", 3);
			used += 3;
			break;
		}
		if (control || c1)
			to[used++] = *from == '"' ? '\'' : '?';
		else
			for (size_t i = 0; i < bytes; i++)
				to[used++] = from[i];
		from += bytes;
	}
	to[used] = '\0';
}

void config_error_add(struct config_errors *errors, struct config_place place, const char *key,
		      const char *value, const char *format, ...)
{
	struct config_error *error;
	va_list arguments;

	if (errors->count == CONFIG_ERRORS_MAX) {
		errors->more++;
		return;
	}
	error = &errors->list[errors->count++];
	memset(error, 0, sizeof(*error));
	error->place = place;
	if (key)
		error_copy_printable(error->key, sizeof(error->key), key);
	error->has_value = value != NULL;
	if (value)
		error_copy_printable(error->value, sizeof(error->value), value);
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
}

static bool error_is_before(const struct config_error *a, const struct config_error *b)
{
	if (a->place.file != b->place.file)
		return a->place.file < b->place.file;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line;
	return a->place.column < b->place.column;
}

/*
 * Insertion sort: it keeps the order of errors at the same place, and there are at most a score of
 * them.
 */
void config_errors_sort(struct config_errors *errors)
{
	for (uint32_t i = 1; i < errors->count; i++) {
		struct config_error moving = errors->list[i];
		uint32_t j = i;

		for (; j > 0 && error_is_before(&moving, &errors->list[j - 1]); j--)
			errors->list[j] = errors->list[j - 1];
		errors->list[j] = moving;
	}
}

const char *config_errors_file(const struct config_errors *errors, uint32_t file)
{
	return file == CONFIG_FILE_COMMANDS ? errors->commands_file : errors->file;
}

const char *config_error_place(const struct config_errors *errors, struct config_place from,
			       struct config_place at, char *text)
{
	if (at.file == from.file)
		snprintf(text, CONFIG_PLACE_TEXT_MAX, "line %u", at.line);
	else
		snprintf(text, CONFIG_PLACE_TEXT_MAX, "%s:%u", config_errors_file(errors, at.file),
			 at.line);
	return text;
}

int config_error_format(const struct config_errors *errors, uint32_t index, char *text, size_t size)
{
	const struct config_error *error = &errors->list[index];
	char place[32] = "";

	if (error->place.line)
		snprintf(place, sizeof(place), ":%u:%u", error->place.line, error->place.column);
	return snprintf(text, size, "%s%s: %s%s%s%s%s%s",
			config_errors_file(errors, error->place.file), place, error->key,
			error->key[0] ? ": " : "", error->has_value ? "\"" : "", error->value,
			error->has_value ? "\": " : "", error->message);
}

void config_errors_print(const struct config_errors *errors, FILE *to)
{
	char line[1024];

	for (uint32_t i = 0; i < errors->count; i++) {
		config_error_format(errors, i, line, sizeof(line));
		fprintf(to, "%s\n", line);
	}
	if (errors->more)
		fprintf(to, "%s: %u more errors\n", errors->file, errors->more);
}

static char guess_fold(char character)
{
	return character == '-' ? '_' : (char)tolower((unsigned char)character);
}

static uint32_t guess_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Edit distance; swapping two neighbours is one edit (optimal string alignment). */
static uint32_t guess_distance(const char *a, const char *b)
{
	uint32_t rows[3][GUESS_LENGTH_MAX + 1];
	size_t length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		rows[0][j] = (uint32_t)j;
	for (size_t i = 1; a[i - 1]; i++) {
		uint32_t *row = rows[i % 3];
		const uint32_t *above = rows[(i - 1) % 3];
		const uint32_t *swap = rows[(i + 1) % 3];

		row[0] = (uint32_t)i;
		for (size_t j = 1; j <= length; j++) {
			char x = guess_fold(a[i - 1]), y = guess_fold(b[j - 1]);
			uint32_t edits = guess_min(above[j], row[j - 1]) + 1;

			edits = guess_min(edits, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == guess_fold(b[j - 2]) &&
			    y == guess_fold(a[i - 2]))
				edits = guess_min(edits, swap[j - 2] + 1);
			row[j] = edits;
		}
	}
	return rows[strlen(a) % 3][length];
}

void config_guess_offer(struct config_guess *guess, const char *candidate)
{
	size_t length = strlen(guess->word);
	uint32_t enough = length < 4 ? 1 : 2;
	uint32_t distance;

	if (length == 0 || length > GUESS_LENGTH_MAX || strlen(candidate) > GUESS_LENGTH_MAX)
		return;
	distance = guess_distance(guess->word, candidate);
	if (distance > enough || (guess->best && distance >= guess->distance))
		return;
	guess->best = candidate;
	guess->distance = distance;
}
