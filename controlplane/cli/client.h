/* SPDX-License-Identifier: BSD-3-Clause */
/* One request to sluiced and its answer. Blocks. */
#ifndef CONTROLPLANE_CLI_CLIENT_H
#define CONTROLPLANE_CLI_CLIENT_H

#include <signal.h>

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

/* What is done with the lines of a request that has no end. */
struct client_follow {
	bool (*on_line)(void *arg, const json_t *line); /* Return: whether to go on */
	void *arg;
	const volatile sig_atomic_t *stop; /* set by a signal's handler */
};

/** Ask the daemon, and read lines until @follow ends it. Otherwise as client_ask(). */
int client_follow(const struct cli *cli, json_t *request, const struct client_follow *follow);

#endif
