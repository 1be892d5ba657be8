/* SPDX-License-Identifier: BSD-3-Clause */
/* One request to sluiced and its answer. Blocks. */
#ifndef CONTROLPLANE_CLI_CLIENT_H
#define CONTROLPLANE_CLI_CLIENT_H

#include "controlplane/cli/cli.h"

/**
 * Ask the daemon.
 * @request: taken; NULL: out of memory.
 * @progress: called for each line before the last one, then once with NULL; may be NULL.
 * @result: set to the result, also of a refusal: a new reference, or NULL.
 * Return: CLI_DONE; otherwise the error has been printed on stderr. With CLI_REFUSED there may be a
 * result.
 */
int client_ask(const struct cli *cli, json_t *request,
	       void (*progress)(void *arg, const json_t *line), void *arg, json_t **result);

#endif
