/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file of the configuration as a tree, for those who rewrite it or show it: the keys and values as
 * they are written, with their places, without defaults and without checks. Comments are not kept.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include <stdio.h>

#include "config/error.h"

enum config_tree_kind {
	CONFIG_TREE_SCALAR,
	CONFIG_TREE_MAPPING,
	CONFIG_TREE_LIST,
};

struct config_tree {
	enum config_tree_kind kind;
	struct config_place place; /* of its key, in a list of itself */
	char *key;		   /* in a mapping, else NULL */
	char *text;		   /* of a scalar */
	bool quoted;		   /* a scalar's style */
	bool flow;		   /* a collection's style: { } or [ ] */
	struct config_tree *first; /* of the entries of a collection */
	struct config_tree *next;
};

/**
 * Parse a file that config_load_parts() accepts.
 * Return: the tree, to be freed; NULL: out of memory, or refused, and there is an error.
 */
struct config_tree *config_tree_parse(const void *data, size_t size, enum config_file file,
				      struct config_errors *errors);
void config_tree_free(struct config_tree *tree);

/** New, without a key. Return: NULL: out of memory. */
struct config_tree *config_tree_scalar(const char *text);
struct config_tree *config_tree_collection(enum config_tree_kind kind, bool flow);

/** The entry of a mapping, or NULL; also if @mapping is NULL or none. */
struct config_tree *config_tree_get(const struct config_tree *mapping, const char *key);
/** The text of a mapping's scalar, or NULL. */
const char *config_tree_text(const struct config_tree *mapping, const char *key);
uint32_t config_tree_count(const struct config_tree *collection);

/** Set an entry of a mapping, in place of one with that key. Takes @value. Return: 0, -ENOMEM. */
int config_tree_set(struct config_tree *mapping, const char *key, struct config_tree *value);
int config_tree_set_text(struct config_tree *mapping, const char *key, const char *text);
/** The mapping or list of that key, which is added if there is none. Return: NULL: no memory. */
struct config_tree *config_tree_enter(struct config_tree *mapping, const char *key,
				      enum config_tree_kind kind);
/** Append to a list. Takes @value. Return: 0, -ENOMEM if it is NULL. */
int config_tree_append(struct config_tree *list, struct config_tree *value);
/** Remove an entry of a collection and free it; does nothing if it is NULL. */
void config_tree_remove(struct config_tree *collection, struct config_tree *entry);

/** Move the entries of @from to the sections of @into; frees @from. */
void config_tree_merge(struct config_tree *into, struct config_tree *from);

/** Replace the values that are never shown. Return: 0, -ENOMEM. */
int config_tree_hide_secrets(struct config_tree *tree);

/**
 * Write as YAML.
 * @each: called for each line, without its newline; the place is that of its first key.
 * Return: 0, -ENOMEM.
 */
int config_tree_lines(const struct config_tree *tree,
		      void (*each)(void *arg, const char *line, struct config_place place),
		      void *arg);

/** The same as one text, to be freed; NULL: out of memory. */
char *config_tree_write(const struct config_tree *tree, const char *head, size_t *size);

#endif
