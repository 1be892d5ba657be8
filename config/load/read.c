/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* tdestroy() */
#include "config/load/read.h"
#include "config/load/reader.h"
#include "config/schema/field.h"
#include "config/schema/schema.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Where the keys of a mapping were seen, by schema row. */
struct read_keys {
	const struct config_item *items;
	size_t count;
	struct config_place seen[CONFIG_SECTION_KEYS_MAX];
	bool guessed[CONFIG_SECTION_KEYS_MAX]; /* meant by a misspelt key */
};

static void read_section(struct config_reader *reader, enum config_section section, void *object,
			 struct config_place place);

static void read_result(struct config_reader *reader, const struct config_item *item, int rc,
			const char *message)
{
	const char *value = item->secret ? NULL : config_reader_text(reader);

	if (rc == -ENOMEM) {
		reader->failed = -ENOMEM;
	} else if (rc == -ENOTSUP) {
		reader->unsupported = true;
		config_error_add(reader->errors, config_reader_place(reader), reader->path, value,
				 "%s", message);
	} else if (rc) {
		config_reader_error(reader, config_reader_place(reader), value, message);
	}
}

/* @object: the section, or an entry of a list. */
static void read_scalar(struct config_reader *reader, const struct config_item *item, void *object)
{
	struct config_place place = config_reader_place(reader);
	bool literal = item->type == CONFIG_TYPE_NUMBER || item->type == CONFIG_TYPE_BOOL;
	struct config_reason reason = { "" };
	char expect[256];
	int rc = -EINVAL;

	config_item_expect(item, expect, sizeof(expect));
	if (reader->event.type != YAML_SCALAR_EVENT) {
		config_reader_error_kind(reader, expect);
		return;
	}
	if (config_reader_is_null(reader))
		config_error_reason(&reason, "has no value; expected %s", expect);
	else if (literal && !config_reader_is_plain(reader))
		config_error_reason(&reason, "expected %s, without quotes", expect);
	else
		rc = config_item_parse(item, config_reader_text(reader), object, &reason);
	read_result(reader, item, rc, reason.text);
	if (item->place_offset)
		memcpy((char *)object + item->place_offset, &place, sizeof(place));
}

/* Append a zeroed entry to an array that grows by doubling. Return: the entry, or NULL. */
static void *read_grow(struct config_reader *reader, const struct config_item *item, void *object)
{
	uint32_t count;
	char *entries = config_item_entries(item, object, &count);
	char *entry;

	if (count == item->max) {
		char message[64];

		snprintf(message, sizeof(message), "expected at most %u entries", item->max);
		config_reader_error(reader, config_reader_place(reader), NULL, message);
		return NULL;
	}
	if ((count & (count - 1)) == 0) {
		void *more = realloc(entries, (count ? 2 * (size_t)count : 1) * item->size);

		if (!more) {
			reader->failed = -ENOMEM;
			return NULL;
		}
		entries = more;
	}
	entry = entries + count * item->size;
	memset(entry, 0, item->size);
	config_item_set_entries(item, object, entries, count + 1);
	return entry;
}

/* One entry of a LIST or SEQUENCE. */
static bool read_entry(struct config_reader *reader, const struct config_item *item, void *object)
{
	void *entry = read_grow(reader, item, object);

	if (!entry)
		return false;
	if (item->type == CONFIG_TYPE_LIST)
		read_scalar(reader, item, entry);
	else
		read_section(reader, item->child, entry, config_reader_place(reader));
	return true;
}

static void read_list(struct config_reader *reader, const struct config_item *item, void *object)
{
	struct config_place place = config_reader_place(reader);
	uint32_t count = 0;
	bool room = true;

	if (!config_reader_is_null(reader)) {
		if (reader->event.type != YAML_SEQUENCE_START_EVENT) {
			config_reader_error_kind(reader,
						 "a list (in [ ] or with a '-' before each entry)");
			return;
		}
		for (; config_reader_next_entry(reader); count++) {
			size_t before = config_reader_enter(reader, "[%u]", count);

			room = room && read_entry(reader, item, object);
			if (!room)
				config_reader_skip(reader);
			config_reader_leave(reader, before);
		}
	}
	if (count < item->min && !reader->failed)
		config_reader_error(reader, place, NULL, "expected at least one entry");
}

static int names_compare(const void *left, const void *right)
{
	return strcmp(left, right);
}

/* A name belongs to its entry. */
static void names_leave(void *name)
{
	(void)name;
}

/* The names that an earlier file has: a tree, since there may be tens of thousands. */
static void names_init(struct config_reader *reader, const struct config_item *item,
		       const void *object, void **names)
{
	size_t offset = config_sections[item->child].name_offset;
	uint32_t count;
	const char *entries = config_item_entries(item, object, &count);

	*names = NULL;
	for (uint32_t i = 0; i < count; i++)
		if (!tsearch(config_item_text(offset, entries + i * item->size), names,
			     names_compare))
			reader->failed = -ENOMEM;
}

/* Whether the current key is a valid name for a new entry; if not, an error says why. */
static bool read_name(struct config_reader *reader, const struct config_item *item,
		      const void *object, void *const *names)
{
	const struct config_section_info *info = &config_sections[item->child];
	struct config_reason reason = { "" };
	char where[CONFIG_PLACE_TEXT_MAX];
	uint32_t count;
	const char *entries = config_item_entries(item, object, &count);

	if (config_field_check_name(config_reader_text(reader), &reason)) {
		config_reader_error(reader, config_reader_place(reader), config_reader_text(reader),
				    reason.text);
		return false;
	}
	if (!tfind(config_reader_text(reader), names, names_compare))
		return true;
	for (uint32_t i = 0; i < count; i++) {
		const char *entry = entries + i * item->size;
		const char *name = config_item_text(info->name_offset, entry);
		struct config_place place;

		if (strcmp(name, config_reader_text(reader)) != 0)
			continue;
		memcpy(&place, entry, sizeof(place));
		config_error_reason(&reason, "the same name as in %s",
				    config_error_place(reader->errors, config_reader_place(reader),
						       place, where));
		config_reader_error(reader, config_reader_place(reader), config_reader_text(reader),
				    reason.text);
		return false;
	}
	return true;
}

/* One entry of a NAMED, starting at its key. */
static void read_named_entry(struct config_reader *reader, const struct config_item *item,
			     void *object, void **names)
{
	struct config_place place = config_reader_place(reader);
	size_t name_offset = config_sections[item->child].name_offset;
	void *entry = NULL;
	char *name;
	size_t before;

	if (reader->event.type != YAML_SCALAR_EVENT)
		config_reader_error_kind(reader, "a name");
	else if (read_name(reader, item, object, names))
		entry = read_grow(reader, item, object);
	if (!entry) {
		if (config_reader_next(reader))
			config_reader_skip(reader);
		return;
	}
	name = strdup(config_reader_text(reader));
	memcpy((char *)entry + name_offset, &name, sizeof(name));
	if (!name || !tsearch(name, names, names_compare))
		reader->failed = -ENOMEM;
	before = config_reader_enter_key(reader, name ? name : "");
	if (config_reader_next(reader))
		read_section(reader, item->child, entry, place);
	config_reader_leave(reader, before);
}

/*
 * A truncated file ends with a key without a value, which would mean that all its entries are
 * removed: an empty mapping must be written explicitly.
 * Return: true after an error.
 */
static bool read_is_absent(struct config_reader *reader, const char *expect)
{
	char message[96];

	if (!config_reader_is_null(reader))
		return false;
	snprintf(message, sizeof(message), "has no value; expected %s for none", expect);
	config_reader_error(reader, config_reader_place(reader), NULL, message);
	return true;
}

static void read_named(struct config_reader *reader, const struct config_item *item, void *object)
{
	void *names;

	if (read_is_absent(reader, "a mapping of names, or {}"))
		return;
	if (reader->event.type != YAML_MAPPING_START_EVENT) {
		config_reader_error_kind(reader, "a mapping of names");
		return;
	}
	names_init(reader, item, object, &names);
	while (config_reader_next_entry(reader))
		read_named_entry(reader, item, object, &names);
	tdestroy(names, names_leave);
}

/* A section that is there once belongs to the operator's file. */
static bool read_is_taken(struct config_reader *reader, const struct config_item *item,
			  const void *object, struct config_place key)
{
	struct config_place place;
	char where[CONFIG_PLACE_TEXT_MAX], message[320];

	if (reader->file == CONFIG_FILE_OWN)
		return false;
	memcpy(&place, (const char *)object + item->offset, sizeof(place));
	snprintf(message, sizeof(message), "the same key as in %s",
		 config_error_place(reader->errors, key, place, where));
	config_reader_error(reader, key, NULL, message);
	config_reader_skip(reader);
	return true;
}

static void read_value(struct config_reader *reader, const struct config_item *item, void *object,
		       struct config_place key)
{
	switch (item->type) {
	case CONFIG_TYPE_SECTION:
		if (read_is_taken(reader, item, object, key))
			break;
		read_section(reader, item->child, (char *)object + item->offset, key);
		break;
	case CONFIG_TYPE_NAMED:
		read_named(reader, item, object);
		break;
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_SEQUENCE:
		read_list(reader, item, object);
		break;
	default:
		read_scalar(reader, item, object);
		break;
	}
}

static void read_error_unknown(struct config_reader *reader, struct read_keys *keys)
{
	struct config_guess guess = { .word = config_reader_text(reader) };
	char message[CONFIG_MESSAGE_MAX] = "unknown key; expected ";
	size_t used = strlen(message), before;

	for (size_t i = 0; i < keys->count; i++)
		config_guess_offer(&guess, keys->items[i].key);
	for (size_t i = 0; i < keys->count; i++) {
		keys->guessed[i] = keys->guessed[i] || keys->items[i].key == guess.best;
		if (used < sizeof(message))
			used += (size_t)snprintf(message + used, sizeof(message) - used, "%s%s",
						 i ? ", " : "", keys->items[i].key);
	}
	if (guess.best)
		snprintf(message, sizeof(message), "unknown key; did you mean \"%s\"?", guess.best);
	if (strcmp(guess.word, "<<") == 0)
		snprintf(message, sizeof(message), "merge keys are not supported");
	before = config_reader_enter_key(reader, guess.word);
	config_reader_error(reader, config_reader_place(reader), NULL, message);
	config_reader_leave(reader, before);
}

/* The row of the current key, or NULL and an error. */
static const struct config_item *read_key(struct config_reader *reader, struct read_keys *keys)
{
	char message[64];
	size_t i = 0, before;

	if (reader->event.type != YAML_SCALAR_EVENT) {
		config_reader_error_kind(reader, "a key");
		return NULL;
	}
	while (i < keys->count && strcmp(keys->items[i].key, config_reader_text(reader)) != 0)
		i++;
	if (i == keys->count) {
		read_error_unknown(reader, keys);
		return NULL;
	}
	if (keys->seen[i].line == 0) {
		keys->seen[i] = config_reader_place(reader);
		return &keys->items[i];
	}
	snprintf(message, sizeof(message), "the same key as in line %u", keys->seen[i].line);
	before = config_reader_enter_key(reader, keys->items[i].key);
	config_reader_error(reader, config_reader_place(reader), NULL, message);
	config_reader_leave(reader, before);
	return NULL;
}

static void read_pair(struct config_reader *reader, struct read_keys *keys, void *object)
{
	const struct config_item *item = read_key(reader, keys);
	struct config_place place = config_reader_place(reader);
	size_t before;

	if (!config_reader_next(reader))
		return;
	if (!item) {
		config_reader_skip(reader);
		return;
	}
	before = config_reader_enter_key(reader, item->key);
	read_value(reader, item, object, place);
	config_reader_leave(reader, before);
}

static bool read_has(const struct read_keys *keys, const char *key)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->items[i].key, key) == 0)
			return keys->seen[i].line || keys->guessed[i];
	return false;
}

static void read_error_missing(struct config_reader *reader, const struct read_keys *keys,
			       struct config_place place)
{
	char expect[256], message[320];

	for (size_t i = 0; i < keys->count; i++) {
		const struct config_item *item = &keys->items[i];
		size_t before;

		if (!item->required || keys->seen[i].line || keys->guessed[i] ||
		    (item->instead && read_has(keys, item->instead)))
			continue;
		config_item_expect(item, expect, sizeof(expect));
		snprintf(message, sizeof(message), "is missing; expected %s%s",
			 item->type == CONFIG_TYPE_LIST ? "a list, each entry " : "", expect);
		before = config_reader_enter_key(reader, item->key);
		config_reader_error(reader, place, NULL, message);
		config_reader_leave(reader, before);
	}
}

static void read_defaults(struct config_reader *reader, const struct read_keys *keys, void *object)
{
	struct config_reason reason;

	for (size_t i = 0; i < keys->count; i++) {
		const struct config_item *item = &keys->items[i];

		if (item->fallback && config_item_parse(item, item->fallback, object, &reason))
			reader->failed = -EINVAL;
	}
}

/* If so, each missing key of an empty section is reported. */
static bool section_has_required(const struct read_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->items[i].required)
			return true;
	return false;
}

/* @place: of the key that names the section. */
static void read_section(struct config_reader *reader, enum config_section section, void *object,
			 struct config_place place)
{
	struct read_keys keys = { 0 };

	keys.items = config_schema_section(section, &keys.count);
	if (section != CONFIG_SECTION_ROOT)
		memcpy(object, &place, sizeof(place));
	read_defaults(reader, &keys, object);
	if (!section_has_required(&keys) && read_is_absent(reader, "a mapping, or {}"))
		return;
	if (!config_reader_is_null(reader)) {
		if (reader->event.type != YAML_MAPPING_START_EVENT) {
			config_reader_error_kind(reader, "a mapping");
			return;
		}
		while (config_reader_next_entry(reader))
			read_pair(reader, &keys, object);
	}
	if (!reader->failed && !(section == CONFIG_SECTION_ROOT && reader->file != CONFIG_FILE_OWN))
		read_error_missing(reader, &keys, place);
}

static void read_document(struct config_reader *reader, struct config *config)
{
	const struct config_place start = { 1, 1, reader->file };

	if (!config_reader_next(reader) || !config_reader_next(reader))
		return;
	if (reader->event.type == YAML_STREAM_END_EVENT) {
		config_reader_fail(reader, start,
				   reader->file == CONFIG_FILE_OWN
					   ? "the file is empty; expected node, pools and services"
					   : "the file is empty; expected pools and services");
		return;
	}
	if (!config_reader_next(reader))
		return;
	read_section(reader, CONFIG_SECTION_ROOT, config, start);
	if (config_reader_next(reader) && config_reader_next(reader) &&
	    reader->event.type != YAML_STREAM_END_EVENT)
		config_reader_fail(reader, config_reader_place(reader),
				   "a second document; expected only one");
}

int config_read(const void *data, size_t size, enum config_file file, struct config *config,
		struct config_errors *errors)
{
	struct config_reader reader;

	if (config_reader_init(&reader, data, size, file, errors))
		return -ENOMEM;
	read_document(&reader, config);
	config_reader_fini(&reader);
	if (reader.failed)
		return reader.failed;
	if (reader.wrong)
		return -EINVAL;
	return reader.unsupported ? -ENOTSUP : 0;
}
