/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DOCS_GEN_MAN_H
#define DOCS_GEN_MAN_H

#include <stdio.h>

/**
 * Write the reference page as the man page sluice.yaml(5).
 * @page: output of config_reference_print(); only the Markdown used there is understood. It is
 * modified.
 */
void man_print(char *page, FILE *to);

#endif
