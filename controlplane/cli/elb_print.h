/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROLPLANE_CLI_ELB_PRINT_H
#define CONTROLPLANE_CLI_ELB_PRINT_H

#include "controlplane/cli/elb_options.h"

/**
 * Print rows as ELB's tools did.
 * @kind: first cell of each row, and of the header: "DNS_NAME".
 * @titles: of the other cells; ends with NULL.
 * @cells: of @rows rows, without the first.
 */
void elb_print(const struct cli *cli, const struct elb_line *line, const char *kind,
	       const char *const *titles, const char *const *cells, size_t rows);

#endif
