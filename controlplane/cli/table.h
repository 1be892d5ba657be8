/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables for people: columns as wide as their contents, bytes that a terminal could interpret
 * replaced by '?'.
 */
#ifndef CONTROLPLANE_CLI_TABLE_H
#define CONTROLPLANE_CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum table_style {
	TABLE_PLAIN,
	TABLE_GOOD,
	TABLE_WARN,
	TABLE_BAD,
	TABLE_DIM,
	TABLE_HEAD,
};

struct table_column {
	const char *title;
	bool right;    /* aligned: numbers */
	bool optional; /* left out if empty in all rows */
};

struct table;

/** @columns: ends with a NULL title; must outlive the table. Return: NULL and errno ENOMEM. */
struct table *table_create(const struct table_column *columns);
void table_destroy(struct table *table);

/** Add the next cell, row by row. After an allocation failure, nothing more is added. */
void table_add(struct table *table, enum table_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Print the titles and the rows. */
void table_print(const struct table *table, FILE *to, bool colour);

/** Print a text in a style, cleaned like a cell. */
void table_text(FILE *to, bool colour, enum table_style style, const char *text);

#endif
