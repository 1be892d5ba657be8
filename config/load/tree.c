/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/tree.h"
#include "config/load/reader.h"
#include "config/schema/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void config_tree_free(struct config_tree *tree)
{
	if (!tree)
		return;
	while (tree->first) {
		struct config_tree *entry = tree->first;

		tree->first = entry->next;
		config_tree_free(entry);
	}
	if (tree->text)
		explicit_bzero(tree->text, strlen(tree->text));
	free(tree->text);
	free(tree->key);
	free(tree);
}

struct config_tree *config_tree_scalar(const char *text)
{
	struct config_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->text = strdup(text);
	if (tree->text)
		return tree;
	free(tree);
	return NULL;
}

struct config_tree *config_tree_collection(enum config_tree_kind kind, bool flow)
{
	struct config_tree *tree = calloc(1, sizeof(*tree));

	if (tree) {
		tree->kind = kind;
		tree->flow = flow;
	}
	return tree;
}

struct config_tree *config_tree_get(const struct config_tree *mapping, const char *key)
{
	struct config_tree *entry = NULL;

	if (mapping && mapping->kind == CONFIG_TREE_MAPPING)
		entry = mapping->first;
	while (entry && strcmp(entry->key, key) != 0)
		entry = entry->next;
	return entry;
}

const char *config_tree_text(const struct config_tree *mapping, const char *key)
{
	const struct config_tree *entry = config_tree_get(mapping, key);

	return entry ? entry->text : NULL;
}

uint32_t config_tree_count(const struct config_tree *collection)
{
	uint32_t count = 0;

	for (const struct config_tree *at = collection ? collection->first : NULL; at;
	     at = at->next)
		count++;
	return count;
}

/* The link to an entry, or to the end. */
static struct config_tree **tree_link(struct config_tree *collection,
				      const struct config_tree *entry)
{
	struct config_tree **link = &collection->first;

	while (*link && *link != entry)
		link = &(*link)->next;
	return link;
}

int config_tree_append(struct config_tree *list, struct config_tree *value)
{
	if (!value)
		return -ENOMEM;
	*tree_link(list, NULL) = value;
	return 0;
}

void config_tree_remove(struct config_tree *collection, struct config_tree *entry)
{
	struct config_tree **link;

	if (!entry)
		return;
	link = tree_link(collection, entry);
	*link = entry->next;
	config_tree_free(entry);
}

int config_tree_set(struct config_tree *mapping, const char *key, struct config_tree *value)
{
	struct config_tree *old = config_tree_get(mapping, key);
	struct config_tree **link = tree_link(mapping, old);

	if (value)
		value->key = strdup(key);
	if (!value || !value->key) {
		config_tree_free(value);
		return -ENOMEM;
	}
	if (old)
		value->place = old->place;
	value->next = old ? old->next : NULL;
	*link = value;
	config_tree_free(old);
	return 0;
}

int config_tree_set_text(struct config_tree *mapping, const char *key, const char *text)
{
	return config_tree_set(mapping, key, config_tree_scalar(text));
}

struct config_tree *config_tree_enter(struct config_tree *mapping, const char *key,
				      enum config_tree_kind kind)
{
	struct config_tree *entry = config_tree_get(mapping, key);

	if (entry && entry->kind == kind) {
		entry->flow = entry->flow && entry->first;
		return entry;
	}
	if (config_tree_set(mapping, key, config_tree_collection(kind, false)))
		return NULL;
	return config_tree_get(mapping, key);
}

void config_tree_merge(struct config_tree *into, struct config_tree *from)
{
	while (from->first) {
		struct config_tree *section = from->first;
		struct config_tree *same = config_tree_get(into, section->key);

		from->first = section->next;
		section->next = NULL;
		if (!same) {
			*tree_link(into, NULL) = section;
			continue;
		}
		same->flow = same->flow && same->first;
		*tree_link(same, NULL) = section->first;
		section->first = NULL;
		config_tree_free(section);
	}
	config_tree_free(from);
}

static int tree_hide(struct config_tree *tree, enum config_section section)
{
	size_t count;
	const struct config_item *items = config_schema_section(section, &count);
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		struct config_tree *value = config_tree_get(tree, items[i].key);

		if (value && items[i].secret)
			err = config_tree_set_text(tree, items[i].key, "(a secret)");
		else if (value && items[i].type == CONFIG_TYPE_SECTION)
			err = tree_hide(value, items[i].child);
		else if (value && (items[i].type == CONFIG_TYPE_NAMED ||
				   items[i].type == CONFIG_TYPE_SEQUENCE))
			for (value = value->first; value && err == 0; value = value->next)
				err = tree_hide(value, items[i].child);
	}
	return err;
}

int config_tree_hide_secrets(struct config_tree *tree)
{
	return tree_hide(tree, CONFIG_SECTION_ROOT);
}

/* ---- Parsing ---- */

static struct config_tree *tree_read(struct config_reader *reader);

static struct config_tree *tree_fail(struct config_reader *reader, struct config_tree *tree)
{
	if (!reader->failed)
		reader->failed = -ENOMEM;
	config_tree_free(tree);
	return NULL;
}

static struct config_tree *tree_read_scalar(struct config_reader *reader)
{
	struct config_tree *tree = config_tree_scalar(config_reader_text(reader));

	if (!tree)
		return tree_fail(reader, NULL);
	tree->quoted = !config_reader_is_plain(reader);
	return tree;
}

static struct config_tree *tree_read_mapping(struct config_reader *reader, bool flow)
{
	struct config_tree *tree = config_tree_collection(CONFIG_TREE_MAPPING, flow);
	struct config_tree **link = tree ? &tree->first : NULL;

	while (tree && config_reader_next_entry(reader)) {
		struct config_place place = config_reader_place(reader);
		char *key = reader->event.type == YAML_SCALAR_EVENT
				    ? strdup(config_reader_text(reader))
				    : NULL;

		*link = key && config_reader_next(reader) ? tree_read(reader) : NULL;
		if (!*link) {
			free(key);
			return tree_fail(reader, tree);
		}
		(*link)->key = key;
		(*link)->place = place;
		link = &(*link)->next;
	}
	return tree && !reader->failed ? tree : tree_fail(reader, tree);
}

static struct config_tree *tree_read_list(struct config_reader *reader, bool flow)
{
	struct config_tree *tree = config_tree_collection(CONFIG_TREE_LIST, flow);
	struct config_tree **link = tree ? &tree->first : NULL;

	while (tree && config_reader_next_entry(reader)) {
		*link = tree_read(reader);
		if (!*link)
			return tree_fail(reader, tree);
		link = &(*link)->next;
	}
	return tree && !reader->failed ? tree : tree_fail(reader, tree);
}

/* The value that begins at the current event; the reader limits the depth. */
static struct config_tree *tree_read(struct config_reader *reader)
{
	struct config_place place = config_reader_place(reader);
	const yaml_event_t *event = &reader->event;
	struct config_tree *tree;

	if (event->type == YAML_SCALAR_EVENT)
		tree = tree_read_scalar(reader);
	else if (event->type == YAML_MAPPING_START_EVENT)
		tree = tree_read_mapping(reader, event->data.mapping_start.style ==
							 YAML_FLOW_MAPPING_STYLE);
	else
		tree = tree_read_list(reader,
				      event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
	if (tree)
		tree->place = place;
	return tree;
}

struct config_tree *config_tree_parse(const void *data, size_t size, enum config_file file,
				      struct config_errors *errors)
{
	struct config_reader reader;
	struct config_tree *tree = NULL;

	if (config_reader_init(&reader, data, size, file, errors))
		return NULL;
	/* The stream begins, the document begins, the root. */
	if (config_reader_next(&reader) && config_reader_next(&reader) &&
	    reader.event.type == YAML_DOCUMENT_START_EVENT && config_reader_next(&reader) &&
	    reader.event.type == YAML_MAPPING_START_EVENT)
		tree = tree_read(&reader);
	config_reader_fini(&reader);
	return tree;
}
