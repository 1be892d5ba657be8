/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DOCS_GEN_MAN_H
#define DOCS_GEN_MAN_H

#include <stdio.h>

/**
 * Write the reference page as the man page sluice.yaml(5).
 * @page: what config_reference_print() writes; of Markdown nothing but what that has is understood. It is
 * taken apart.
 */
void man_print(char *page, FILE *to);

#endif
