/* SPDX-License-Identifier: BSD-3-Clause */
#include "docs/gen/man.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define CELLS 5

static const char head[] = ".\\\" SPDX-License-Identifier: BSD-3-Clause\n"
			   ".TH SLUICE.YAML 5 \"\" \"Sluice\" \"File formats\"\n"
			   ".SH NAME\n"
			   "sluice.yaml \\- configuration of the Sluice load balancer\n"
			   ".SH DESCRIPTION\n";

static const char tail[] = ".SH SEE ALSO\n"
			   ".BR sluiced (8),\n"
			   ".BR sluice\\-dataplane (8),\n"
			   ".BR sluicectl (1)\n";

enum kind { TEXT, ITEM, CODE, BLANK };

/* Markdown's `code` becomes bold, *emphasis* italic; what roff would interpret is escaped. */
static void text_print(const char *text, FILE *to)
{
	bool bold = false, italic = false;

	if (*text == '.' || *text == '\'')
		fputs("\\&", to);
	for (; *text; text++) {
		if (*text == '`') {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", to);
		} else if (*text == '*') {
			italic = !italic;
			fputs(italic ? "\\fI" : "\\fR", to);
		} else if (*text == '-') {
			fputs("\\-", to);
		} else if (*text == '\\') {
			fputs("\\e", to);
		} else {
			fputc(*text, to);
		}
	}
	fputc('\n', to);
}

static void heading_print(char *title, FILE *to)
{
	for (char *c = title; *c; c++)
		if (*c == '`')
			memmove(c, c + 1, strlen(c));
	fputs(".SH \"", to);
	for (const char *c = title; *c; c++)
		fputc(strchr(title, '.') ? *c : toupper((unsigned char)*c), to);
	fputs("\"\n", to);
}

/* "| `key` | value | default | live | meaning |" */
static void row_print(char *line, FILE *to)
{
	char *cell[CELLS];

	for (size_t i = 0; i < CELLS; i++) {
		char *end = strstr(line + 2, " |");

		if (!end)
			return;
		cell[i] = line + 2;
		*end = '\0';
		line = end + 1;
	}
	if (!strcmp(cell[0], "key"))
		return;
	fputs(".TP\n", to);
	text_print(cell[0], to);
	text_print(cell[4], to);
	fputs(".br\nValue:\n", to);
	text_print(cell[1], to);
	fputs(".br\nDefault:\n", to);
	text_print(cell[2], to);
	fputs(".br\nLive:\n", to);
	text_print(cell[3], to);
}

static enum kind line_print(char *line, enum kind before, FILE *to)
{
	if (!strcmp(line, "```")) {
		fputs(before == CODE ? ".fi\n.RE\n" : ".PP\n.RS\n.nf\n", to);
		return before == CODE ? BLANK : CODE;
	}
	if (before == CODE) {
		text_print(line, to);
		return CODE;
	}
	if (!*line || !strncmp(line, "# ", 2) || !strncmp(line, "|--", 3))
		return BLANK;
	if (!strncmp(line, "## ", 3)) {
		heading_print(line + 3, to);
		return BLANK;
	}
	if (*line == '|') {
		row_print(line, to);
		return BLANK;
	}
	if (!strncmp(line, "- ", 2)) {
		fputs(".IP \\(bu 2\n", to);
		text_print(line + 2, to);
		return ITEM;
	}
	if (before == BLANK)
		fputs(".PP\n", to);
	text_print(line + strspn(line, " "), to);
	return before == ITEM ? ITEM : TEXT;
}

void man_print(char *page, FILE *to)
{
	enum kind before = TEXT;
	char *line;

	fputs(head, to);
	while ((line = strsep(&page, "\n")))
		before = line_print(line, before, to);
	fputs(tail, to);
}
