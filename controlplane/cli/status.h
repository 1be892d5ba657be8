/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROLPLANE_CLI_STATUS_H
#define CONTROLPLANE_CLI_STATUS_H

#include "controlplane/cli/cli.h"

/** Print the result of status for people. */
void status_print(const struct cli *cli, const json_t *status);

/**
 * Remove all but one pool and the services that use it.
 * Return: whether there is such a pool; if not, @status is unchanged.
 */
bool status_filter(json_t *status, const char *pool);

#endif
