/* SPDX-License-Identifier: BSD-3-Clause */
#include <locale.h>

#include "controlplane/cli/cli.h"

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	return cli_run(argc, argv, stdout, stderr);
}
