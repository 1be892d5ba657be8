/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_COLUMNS_MAX 16
#define TABLE_CELL_MAX 256
#define TABLE_GAP "  "

struct table_cell {
	char *text;
	enum table_style style;
};

struct table {
	const struct table_column *columns;
	unsigned int column_count;
	struct table_cell *cells;
	size_t count;
	size_t room;
	bool failed;
};

static const char *const table_codes[] = {
	[TABLE_PLAIN] = NULL, [TABLE_GOOD] = "32", [TABLE_WARN] = "33",
	[TABLE_BAD] = "1;31", [TABLE_DIM] = "2",   [TABLE_HEAD] = "1",
};

struct table *table_create(const struct table_column *columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns = columns;
	while (columns[table->column_count].title != NULL &&
	       table->column_count < TABLE_COLUMNS_MAX)
		table->column_count++;
	return table;
}

void table_destroy(struct table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

/* Control characters of ASCII; those of UTF-8 (U+0080 to U+009F) begin with 0xc2. */
static void table_clean(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = '?';
	}
}

/* Columns that a text takes: its code points. Names are ASCII; no wide characters are printed. */
static unsigned int table_width(const char *text)
{
	unsigned int width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static int table_grow(struct table *table)
{
	size_t room = table->room == 0 ? 64 : table->room * 2;
	struct table_cell *cells;

	if (table->count < table->room)
		return 0;
	cells = realloc(table->cells, room * sizeof(*cells));
	if (cells == NULL)
		return -ENOMEM;
	table->cells = cells;
	table->room = room;
	return 0;
}

void table_add(struct table *table, enum table_style style, const char *format, ...)
{
	char text[TABLE_CELL_MAX];
	va_list arguments;
	char *copy;

	if (table == NULL || table->failed)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	table_clean(text);
	copy = strdup(text);
	if (copy == NULL || table_grow(table) != 0) {
		free(copy);
		table->failed = true;
		return;
	}
	table->cells[table->count++] = (struct table_cell){ copy, style };
}

void table_text(FILE *to, bool colour, enum table_style style, const char *text)
{
	char clean[1024];

	snprintf(clean, sizeof(clean), "%s", text);
	table_clean(clean);
	if (colour && table_codes[style] != NULL)
		fprintf(to, "\033[%sm%s\033[0m", table_codes[style], clean);
	else
		fputs(clean, to);
}

/* 0: the column is left out. */
static void table_widths(const struct table *table, unsigned int *widths)
{
	for (unsigned int c = 0; c < table->column_count; c++) {
		const struct table_column *column = &table->columns[c];

		widths[c] = column->optional ? 0 : table_width(column->title);
		for (size_t i = c; i < table->count; i += table->column_count) {
			unsigned int width = table_width(table->cells[i].text);

			widths[c] = width > widths[c] ? width : widths[c];
		}
		if (widths[c] != 0 && widths[c] < table_width(column->title))
			widths[c] = table_width(column->title);
	}
}

static void table_print_row(const struct table *table, const unsigned int *widths,
			    const struct table_cell *cells, FILE *to, bool colour)
{
	unsigned int blanks = 0; /* printed before the next text, so never at the end of a line */
	bool first = true;

	for (unsigned int c = 0; c < table->column_count; c++) {
		unsigned int width = table_width(cells[c].text);
		unsigned int padding = widths[c] > width ? widths[c] - width : 0;

		if (widths[c] == 0)
			continue;
		blanks += first ? 0 : (unsigned int)strlen(TABLE_GAP);
		first = false;
		if (width == 0) {
			blanks += padding;
			continue;
		}
		blanks += table->columns[c].right ? padding : 0;
		fprintf(to, "%*s", (int)blanks, "");
		table_text(to, colour, cells[c].style, cells[c].text);
		blanks = table->columns[c].right ? 0 : padding;
	}
	fputc('\n', to);
}

void table_print(const struct table *table, FILE *to, bool colour)
{
	unsigned int widths[TABLE_COLUMNS_MAX];
	struct table_cell titles[TABLE_COLUMNS_MAX];

	if (table == NULL)
		return;
	for (unsigned int c = 0; c < table->column_count; c++)
		titles[c] = (struct table_cell){ (char *)(uintptr_t)table->columns[c].title,
						 TABLE_HEAD };
	table_widths(table, widths);
	table_print_row(table, widths, titles, to, colour);
	for (size_t i = 0; i + table->column_count <= table->count; i += table->column_count)
		table_print_row(table, widths, &table->cells[i], to, colour);
}
