/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes docs/config.md to standard output: `make docs`. */
#include "config/config.h"

int main(void)
{
	config_reference_print(stdout);
	return fflush(stdout) || ferror(stdout);
}
