/* SPDX-License-Identifier: BSD-3-Clause */
/* One line of the control protocol, checked. Pure: no I/O, no state. */
#ifndef CONTROLPLANE_API_REQUEST_H
#define CONTROLPLANE_API_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/api/verb.h"

/* An argument's value in a request. */
struct control_value {
	bool is_given;
	bool is_word;	  /* the argument's word, not a number */
	uint32_t number;  /* 1 of a flag that is true */
	const char *text; /* NULL if it is not a text */
	size_t bytes;	  /* of the text */
};

struct control_request {
	const struct control_verb *verb;
	struct control_value
		values[CONTROL_ARGUMENTS_MAX]; /* in the order of the verb's arguments */
	const char *instance;		       /* "pool/instance", or a name; "": none */
	bool waits;			       /* may take hours */
	bool changes;			       /* the command changes something */
	json_t *root;			       /* owns the texts */
};

#define CONTROL_ERROR_MAX 320

/**
 * Parse a request.
 * @verbs: all verbs; the last has no name.
 * @line: without its newline; need not end with a NUL.
 * @request: filled in; to be freed with control_request_fini() in any case.
 * @error: why it is refused; printable.
 * Return: 0, or -EINVAL.
 */
int control_request_parse(const struct control_verb *verbs, const char *line, size_t size,
			  struct control_request *request, char error[CONTROL_ERROR_MAX]);

void control_request_fini(struct control_request *request);

/**
 * The value of an argument.
 * Return: never NULL: an argument that the verb does not have counts as not given.
 */
const struct control_value *control_request_value(const struct control_request *request,
						  const char *name);

/**
 * Whether a line begins as a request of a verb that carries a file: {"verb":"NAME"
 * @line: may be incomplete; @size: bytes of it.
 */
bool control_request_is_large(const struct control_verb *verbs, const char *line, size_t size);

#define CONTROL_HEAD_MAX 64 /* bytes of a line that suffice for this */

#endif
