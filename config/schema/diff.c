/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/schema/diff.h"
#include "config/schema/schema.h"

#include <stdlib.h>
#include <string.h>

/*
 * Long enough for the path of any key; longer values are truncated for display, after the
 * comparison.
 */
#define DIFF_KEY_MAX 1280

struct diff {
	void (*each)(const struct config_change *change, void *context);
	void *context;
	struct config_diff_totals totals;
	char key[DIFF_KEY_MAX];
	size_t key_length;
};

static void diff_section(struct diff *diff, enum config_section section, const void *before,
			 const void *after);

static size_t diff_enter(struct diff *diff, const char *open, const char *name, const char *close)
{
	size_t previous = diff->key_length, room = sizeof(diff->key) - previous;
	int length =
		snprintf(diff->key + previous, room, "%s%s%s", previous ? open : "", name, close);

	diff->key_length += (size_t)length < room ? (size_t)length : room - 1;
	return previous;
}

static void diff_leave(struct diff *diff, size_t previous)
{
	diff->key_length = previous;
	diff->key[previous] = '\0';
}

static void diff_report(struct diff *diff, bool reloadable, const char *before, const char *after)
{
	const struct config_change change = {
		.kind = !before	 ? CONFIG_CHANGE_ADDED
			: !after ? CONFIG_CHANGE_REMOVED
				 : CONFIG_CHANGE_CHANGED,
		.reloadable = reloadable,
		.key = diff->key,
		.before = before,
		.after = after,
	};

	diff->totals.changes++;
	diff->totals.restarts += !reloadable;
	if (diff->each)
		diff->each(&change, diff->context);
}

/* The value as text, to be freed; NULL if out of memory. */
static char *diff_value(const struct config_item *item, const void *object)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	config_item_format(item, object, to);
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}

static void diff_secret(struct diff *diff, const struct config_item *item, const void *before,
			const void *after)
{
	if (memcmp((const char *)before + item->offset, (const char *)after + item->offset,
		   item->size) != 0)
		diff_report(diff, item->reloadable, "(a secret)", "(another secret)");
}

static void diff_scalar(struct diff *diff, const struct config_item *item, const void *before,
			const void *after)
{
	char *old = diff_value(item, before);
	char *new = diff_value(item, after);

	/* If out of memory for the texts, report a change too many rather than miss one. */
	if (!old || !new || strcmp(old, new) != 0)
		diff_report(diff, item->reloadable, old ? old : "?", new ? new : "?");
	free(old);
	free(new);
}

/* What identifies an entry: its name, or the value of its identity key. To be freed. */
static char *diff_identity(enum config_section section, const void *entry)
{
	const struct config_section_info *info = &config_sections[section];

	if (!info->identity)
		return strdup(config_item_text(info->name_offset, entry));
	return diff_value(config_schema_find(section, info->identity), entry);
}

/*
 * One-line summary of an added or removed entry: its values other than the defaults. To be freed.
 */
static char *diff_summary(enum config_section section, const void *entry)
{
	size_t count, size;
	const struct config_item *items = config_schema_section(section, &count);
	const char *between = "";
	char *text = NULL;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const struct config_item *item = &items[i];
		uint32_t entries;
		char *value;

		if (item->type == CONFIG_TYPE_NAMED || item->type == CONFIG_TYPE_SEQUENCE) {
			config_item_entries(item, entry, &entries);
			fprintf(to, "%s%s: %u", between, item->key, entries);
			between = ", ";
			continue;
		}
		value = diff_value(item, entry);
		if (value && *value && !(item->fallback && strcmp(item->fallback, value) == 0)) {
			fprintf(to, "%s%s: %s", between, item->key, value);
			between = ", ";
		}
		free(value);
	}
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}

/* The entries of one array with their identities, in their order. */
struct diff_index {
	struct diff_entry {
		char *identity;
		const void *entry;
		uint32_t order;
		bool met; /* has a counterpart */
	} * entries;
	uint32_t count;
};

static int diff_compare(const void *left, const void *right)
{
	const struct diff_entry *a = left, *b = right;

	return strcmp(a->identity, b->identity);
}

static int diff_compare_order(const void *left, const void *right)
{
	const struct diff_entry *a = left, *b = right;

	return a->order < b->order ? -1 : a->order > b->order;
}

static void diff_index_fini(struct diff_index *index)
{
	for (uint32_t i = 0; index->entries && i < index->count; i++)
		free(index->entries[i].identity);
	free(index->entries);
}

static bool diff_index_init(struct diff_index *index, const struct config_item *item,
			    const void *object)
{
	const char *entries = config_item_entries(item, object, &index->count);

	index->entries = calloc(index->count + 1, sizeof(*index->entries));
	if (!index->entries)
		return false;
	for (uint32_t i = 0; i < index->count; i++) {
		index->entries[i].entry = entries + i * item->size;
		index->entries[i].order = i;
		index->entries[i].identity = diff_identity(item->child, index->entries[i].entry);
		if (!index->entries[i].identity)
			return false;
	}
	return true;
}

static void diff_entry_report(struct diff *diff, const struct config_item *item,
			      const struct diff_entry *old, const struct diff_entry *new)
{
	bool sequence = item->type == CONFIG_TYPE_SEQUENCE;
	const struct diff_entry *one = old ? old : new;
	size_t previous =
		diff_enter(diff, sequence ? "[" : ".", one->identity, sequence ? "]" : "");

	if (old && new) {
		diff_section(diff, item->child, old->entry, new->entry);
	} else {
		char *summary = diff_summary(item->child, one->entry);
		const char *shown = summary ? summary : "?";

		diff_report(diff, item->reloadable, old ? shown : NULL, old ? NULL : shown);
		free(summary);
	}
	diff_leave(diff, previous);
}

/* Kept and removed entries in the old order, then added ones in the new order. */
static void diff_entries(struct diff *diff, const struct config_item *item, const void *before,
			 const void *after)
{
	struct diff_index old = { 0 }, new = { 0 };

	if (!diff_index_init(&old, item, before) || !diff_index_init(&new, item, after)) {
		diff_report(diff, item->reloadable, "?", "?");
		goto out;
	}
	qsort(new.entries, new.count, sizeof(*new.entries), diff_compare);
	for (uint32_t i = 0; i < old.count; i++) {
		struct diff_entry *same = bsearch(&old.entries[i], new.entries, new.count,
						  sizeof(*new.entries), diff_compare);

		diff_entry_report(diff, item, &old.entries[i], same);
		if (same)
			same->met = true;
	}
	qsort(new.entries, new.count, sizeof(*new.entries), diff_compare_order);
	for (uint32_t i = 0; i < new.count; i++)
		if (!new.entries[i].met)
			diff_entry_report(diff, item, NULL, &new.entries[i]);
out:
	diff_index_fini(&old);
	diff_index_fini(&new);
}

static void diff_section(struct diff *diff, enum config_section section, const void *before,
			 const void *after)
{
	size_t count;
	const struct config_item *items = config_schema_section(section, &count);

	for (size_t i = 0; i < count; i++) {
		const struct config_item *item = &items[i];
		size_t previous = diff_enter(diff, ".", item->key, "");

		if (item->type == CONFIG_TYPE_SECTION)
			diff_section(diff, item->child, (const char *)before + item->offset,
				     (const char *)after + item->offset);
		else if (item->type == CONFIG_TYPE_NAMED || item->type == CONFIG_TYPE_SEQUENCE)
			diff_entries(diff, item, before, after);
		else if (item->secret)
			diff_secret(diff, item, before, after);
		else
			diff_scalar(diff, item, before, after);
		diff_leave(diff, previous);
	}
}

struct config_diff_totals config_diff(const struct config *before, const struct config *after,
				      void (*each)(const struct config_change *change,
						   void *context),
				      void *context)
{
	struct diff diff = { .each = each, .context = context };

	diff_section(&diff, CONFIG_SECTION_ROOT, before, after);
	return diff.totals;
}
