/* SPDX-License-Identifier: BSD-3-Clause */
/* One line of the control protocol, checked. Pure: no I/O, no state. */
#ifndef CONTROLPLANE_CONTROL_REQUEST_H
#define CONTROLPLANE_CONTROL_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/model.h"

enum control_verb {
	CONTROL_PING,
	CONTROL_STATUS,
	CONTROL_DROPS,
	CONTROL_DRAIN,
	CONTROL_MAINT,
	CONTROL_RESUME,
	CONTROL_WEIGHT,
	CONTROL_CONFIG_DIFF,
	CONTROL_CONFIG_APPLY,
	CONTROL_VERBS,
};

enum control_weight {
	CONTROL_WEIGHT_GET,
	CONTROL_WEIGHT_SET,
	CONTROL_WEIGHT_DEFAULT,
};

struct control_request {
	enum control_verb verb;
	char instance[MODEL_PATH_MAX]; /* "pool/instance"; "" for verbs without one */
	bool wait;
	uint32_t wait_ms; /* 0: without a limit */
	enum control_weight weight_action;
	uint32_t weight;
	const char *name; /* of a configuration; NULL: the daemon's own file */
	const char *text;
	size_t text_bytes;
	bool force;
	json_t *root; /* owns name and text */
};

#define CONTROL_ERROR_MAX 320

/**
 * Parse a request.
 * @line: without its newline; need not end with a NUL.
 * @request: filled in; to be freed with control_request_fini() in any case.
 * @error: why it is refused; printable.
 * Return: 0, or -EINVAL.
 */
int control_request_parse(const char *line, size_t size, struct control_request *request,
			  char error[CONTROL_ERROR_MAX]);

void control_request_fini(struct control_request *request);

/** "drain". */
const char *control_request_verb_name(enum control_verb verb);

/** Whether the verb changes something. */
bool control_request_writes(const struct control_request *request);

#endif
