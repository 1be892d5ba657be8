/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/events/record.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECORD_TEXT_MAX 384 /* bytes of one of its texts */

/* "2026-11-30T19:51:48.123Z" */
static void record_time(char *text, size_t size, int64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm when;
	size_t used;

	gmtime_r(&seconds, &when);
	used = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &when);
	snprintf(text + used, size - used, ".%03dZ", (int)(unix_ms % 1000));
}

/* A text that was truncated, or contains a file's name, may not be UTF-8. */
static json_t *record_text(const char *text)
{
	char kept[RECORD_TEXT_MAX];
	json_t *value;

	snprintf(kept, sizeof(kept), "%s", text);
	value = json_string(kept);
	if (value != NULL)
		return value;
	for (char *c = kept; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(kept);
}

static json_t *record_text_or_null(const char *text)
{
	return text[0] != '\0' ? record_text(text) : json_null();
}

static json_t *record_number_or_null(bool is_known, int64_t number)
{
	return is_known ? json_integer(number) : json_null();
}

/* One allocation: the record, its line, its object's name. */
static struct events_record *record_pack(uint64_t seq, int64_t unix_ms, const char *object,
					 const char *text)
{
	size_t text_size = strlen(text) + 1, object_size = strlen(object) + 1;
	struct events_record *record = malloc(sizeof(*record) + text_size + object_size);
	char *texts;

	if (record == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	texts = (char *)(record + 1);
	memcpy(texts, text, text_size);
	memcpy(texts + text_size, object, object_size);
	*record = (struct events_record){
		.seq = seq,
		.unix_ms = unix_ms,
		.text = texts,
		.object = texts + text_size,
	};
	return record;
}

struct events_record *events_record_create(const struct events_change *change, uint64_t seq,
					   int64_t unix_ms)
{
	char when[40];
	struct events_record *record = NULL;
	json_t *value;
	char *text;

	record_time(when, sizeof(when), unix_ms);
	value = json_pack(
		"{s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "seq", (json_int_t)seq,
		"time", when, "unix_ms", (json_int_t)unix_ms, "object", record_text(change->object),
		"what", record_text(change->what), "from", record_text_or_null(change->from), "to",
		record_text_or_null(change->to), "cause", record_text_or_null(change->cause), "who",
		record_text_or_null(change->who), "generation",
		record_number_or_null(change->generation > 0, (int64_t)change->generation), "flows",
		record_number_or_null(change->flows >= 0, change->flows));
	text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
	if (text != NULL)
		record = record_pack(seq, unix_ms,
				     json_string_value(json_object_get(value, "object")), text);
	free(text);
	json_decref(value);
	if (record == NULL)
		errno = ENOMEM;
	return record;
}

struct events_record *events_record_parse(const char *line)
{
	json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	json_int_t seq = json_integer_value(json_object_get(value, "seq"));
	json_int_t unix_ms = json_integer_value(json_object_get(value, "unix_ms"));
	const char *object = json_string_value(json_object_get(value, "object"));
	struct events_record *record = NULL;

	errno = EINVAL;
	if (seq > 0 && unix_ms > 0 && object != NULL)
		record = record_pack((uint64_t)seq, unix_ms, object, line);
	json_decref(value);
	return record;
}
