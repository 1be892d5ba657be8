/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows as ELB's own tools printed them: two blanks between columns, or a delimiter. */
#include <string.h>

#include "controlplane/cli/elb_print.h"

#define ELB_COLUMNS_MAX 8

static size_t elb_count(const char *const *titles)
{
	size_t count = 0;

	while (titles[count] != NULL)
		count++;
	return count;
}

static void elb_print_row(const struct cli *cli, const char *delimiter, const char *kind,
			  const char *const *cells, const size_t *widths, size_t count)
{
	fputs(kind, cli->out);
	for (size_t c = 0; c < count; c++) {
		fputs(delimiter != NULL ? delimiter : "  ", cli->out);
		/* Never blanks at the end of a line. */
		if (delimiter != NULL || c + 1 == count)
			fputs(cells[c], cli->out);
		else
			fprintf(cli->out, "%-*s", (int)widths[c], cells[c]);
	}
	fputc('\n', cli->out);
}

void elb_print(const struct cli *cli, const struct elb_line *line, const char *kind,
	       const char *const *titles, const char *const *cells, size_t rows)
{
	const char *delimiter = line->values[ELB_DELIMITER];
	size_t widths[ELB_COLUMNS_MAX] = { 0 }, count = elb_count(titles);
	bool headers = line->values[ELB_HEADERS] != NULL;

	for (size_t c = 0; c < count; c++) {
		widths[c] = headers ? strlen(titles[c]) : 0;
		for (size_t r = 0; r < rows; r++) {
			size_t width = strlen(cells[r * count + c]);

			widths[c] = width > widths[c] ? width : widths[c];
		}
	}
	if (headers)
		elb_print_row(cli, delimiter, kind, titles, widths, count);
	for (size_t r = 0; r < rows; r++)
		elb_print_row(cli, delimiter, kind, cells + r * count, widths, count);
}
