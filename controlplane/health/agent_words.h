/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line that an agent on an instance answers with: words in any order, separated by blanks or
 * commas, and a description after '#'.
 *
 *   N%                    share of the instance's weight
 *   ready drain maint     administrative state
 *   up                    ends a "down"
 *   down fail failed stopped
 *   maxconn:N             ignored
 *
 * Source: HAProxy 2.8, configuration manual, section 5.2, "agent-check".
 */
#ifndef CONTROLPLANE_HEALTH_AGENT_WORDS_H
#define CONTROLPLANE_HEALTH_AGENT_WORDS_H

#include <stddef.h>

#include "controlplane/model/model.h"

#define AGENT_PERCENT_MAX 999 /* of the weight */
#define AGENT_WHY_MAX 96

/* What a line says; what it doesn't mention stays as it is. */
struct agent_says {
	bool has_percent;
	uint16_t percent;
	bool has_admin;
	enum model_admin admin;
	bool has_state;
	bool down;
	char text[MODEL_AGENT_TEXT_MAX]; /* the line, as far as it fits and can be printed */
};

/**
 * Read a line.
 * @line: @length bytes without the end of line; any bytes.
 * @why: AGENT_WHY_MAX bytes; set if it can't be read.
 * Return: 0 or -EINVAL, then nothing of it counts. Context: any; pure.
 */
int agent_words_read(const char *line, size_t length, struct agent_says *says, char *why);

/** Apply what was said to what is known. */
void agent_words_apply(const struct agent_says *says, struct model_agent *agent);

#endif
