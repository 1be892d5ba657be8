/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TREE_INDENT 2

struct tree_writer {
	void (*each)(void *arg, const char *line, struct config_place place);
	void *arg;
	FILE *to; /* the current line */
	char *line;
	size_t size;
	struct config_place place;
	bool failed;
};

/* Whether a text is the same scalar without quotes. */
static bool tree_is_plain(const char *text)
{
	static const char *const nulls[] = { "null", "Null", "NULL" };

	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (strcmp(text, nulls[i]) == 0)
			return false;
	if (!isalnum((unsigned char)text[0]))
		return false;
	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("._-", *at))
			return false;
	return true;
}

static void tree_write_text(struct tree_writer *writer, const char *text, bool quoted)
{
	if (!quoted && tree_is_plain(text)) {
		fputs(text, writer->to);
		return;
	}
	fputc('"', writer->to);
	for (const char *at = text; *at; at++) {
		if (*at == '"' || *at == '\\')
			fputc('\\', writer->to);
		if ((unsigned char)*at < ' ')
			fprintf(writer->to, "\\x%02x", (unsigned char)*at);
		else
			fputc(*at, writer->to);
	}
	fputc('"', writer->to);
}

static void tree_begin(struct tree_writer *writer, struct config_place place, int depth)
{
	writer->place = place;
	fprintf(writer->to, "%*s", depth * TREE_INDENT, "");
}

static void tree_end(struct tree_writer *writer)
{
	fputc('\0', writer->to);
	if (fflush(writer->to))
		writer->failed = true;
	else
		writer->each(writer->arg, writer->line, writer->place);
	rewind(writer->to);
}

static void tree_write_inline(struct tree_writer *writer, const struct config_tree *tree)
{
	bool list = tree->kind == CONFIG_TREE_LIST;

	if (tree->kind == CONFIG_TREE_SCALAR) {
		tree_write_text(writer, tree->text, tree->quoted);
		return;
	}
	fputs(list ? "[" : tree->first ? "{ " : "{", writer->to);
	for (const struct config_tree *at = tree->first; at; at = at->next) {
		if (!list) {
			tree_write_text(writer, at->key, false);
			fputs(": ", writer->to);
		}
		tree_write_inline(writer, at);
		if (at->next)
			fputs(", ", writer->to);
	}
	fputs(list ? "]" : tree->first ? " }" : "}", writer->to);
}

static bool tree_is_inline(const struct config_tree *tree)
{
	return tree->kind == CONFIG_TREE_SCALAR || tree->flow || !tree->first;
}

static void tree_write_entries(struct tree_writer *writer, const struct config_tree *tree,
			       int depth, bool begun);

/* What follows "key:" or "-". */
static void tree_write_value(struct tree_writer *writer, const struct config_tree *tree, int depth,
			     bool in_list)
{
	if (tree_is_inline(tree)) {
		fputc(' ', writer->to);
		tree_write_inline(writer, tree);
		tree_end(writer);
	} else if (in_list && tree->kind == CONFIG_TREE_MAPPING) {
		fputc(' ', writer->to);
		tree_write_entries(writer, tree, depth + 1, true);
	} else {
		tree_end(writer);
		tree_write_entries(writer, tree, depth + 1, false);
	}
}

/* @begun: the first entry continues the current line. */
static void tree_write_entries(struct tree_writer *writer, const struct config_tree *tree,
			       int depth, bool begun)
{
	bool list = tree->kind == CONFIG_TREE_LIST;

	for (const struct config_tree *at = tree->first; at; at = at->next) {
		if (!begun)
			tree_begin(writer, at->place, depth);
		begun = false;
		if (list) {
			fputc('-', writer->to);
		} else {
			tree_write_text(writer, at->key, false);
			fputc(':', writer->to);
		}
		tree_write_value(writer, at, depth, list);
	}
}

int config_tree_lines(const struct config_tree *tree,
		      void (*each)(void *arg, const char *line, struct config_place place),
		      void *arg)
{
	struct tree_writer writer = { .each = each, .arg = arg };

	writer.to = open_memstream(&writer.line, &writer.size);
	if (!writer.to)
		return -ENOMEM;
	tree_write_entries(&writer, tree, 0, false);
	if (fclose(writer.to))
		writer.failed = true;
	free(writer.line);
	return writer.failed ? -ENOMEM : 0;
}

static void tree_put(void *arg, const char *line, struct config_place place)
{
	(void)place;
	fprintf(arg, "%s\n", line);
}

char *config_tree_write(const struct config_tree *tree, const char *head, size_t *size)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, size);
	int err;

	if (!to)
		return NULL;
	fputs(head, to);
	err = config_tree_lines(tree, tree_put, to);
	if (fclose(to) == 0 && err == 0)
		return text;
	free(text);
	return NULL;
}
