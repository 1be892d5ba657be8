/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes docs/config.md to standard output (`make docs`) or, with the argument man, the page
 * sluice.yaml(5).
 */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/schema/reference.h"
#include "docs/gen/man.h"

int main(int argc, char **argv)
{
	char *page = NULL;
	size_t bytes = 0;
	FILE *memory;

	if (argc < 2) {
		config_reference_print(stdout);
	} else if (!strcmp(argv[1], "man") && (memory = open_memstream(&page, &bytes))) {
		config_reference_print(memory);
		if (fclose(memory))
			return 1;
		man_print(page, stdout);
		free(page);
	} else {
		return 2;
	}
	return fflush(stdout) || ferror(stdout);
}
