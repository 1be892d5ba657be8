/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/agent_words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/base/scalar.h"

#define WORD_MAX 16
#define BLANKS " \t,"

static const struct {
	const char *word;
	bool is_admin;
	enum model_admin admin;
	bool down;
} words[] = {
	{ "ready", true, MODEL_READY, false },	{ "drain", true, MODEL_DRAIN, false },
	{ "maint", true, MODEL_MAINT, false },	{ "up", false, MODEL_READY, false },
	{ "down", false, MODEL_READY, true },	{ "fail", false, MODEL_READY, true },
	{ "failed", false, MODEL_READY, true }, { "stopped", false, MODEL_READY, true },
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static bool is_printable(char character)
{
	return (character >= ' ' && character <= '~') || character == '\t';
}

static void text_copy(const char *line, size_t length, char *text)
{
	size_t n = length < MODEL_AGENT_TEXT_MAX - 1 ? length : MODEL_AGENT_TEXT_MAX - 1;

	for (size_t i = 0; i < n; i++)
		text[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : line[i] == '\t' ? ' ' : '?';
	text[n] = '\0';
}

/* "75%". Return: 1: it is one; 0: it is no percentage at all; -EINVAL. */
static int percent_read(const char *word, struct agent_says *says)
{
	const char *rest;
	uint32_t value;

	if (*word < '0' || *word > '9')
		return 0;
	if (config_scalar_number_prefix(word, &value, &rest) || strcmp(rest, "%") != 0 ||
	    value > AGENT_PERCENT_MAX)
		return -EINVAL;
	says->has_percent = true;
	says->percent = (uint16_t)value;
	return 1;
}

/* "maxconn:30": of HAProxy's agents; connections are not counted to a limit here. */
static bool is_maxconn(const char *word)
{
	uint32_t value;

	return strncmp(word, "maxconn:", strlen("maxconn:")) == 0 &&
	       config_scalar_number(word + strlen("maxconn:"), &value) == 0;
}

static int word_read(const char *word, struct agent_says *says)
{
	int percent = percent_read(word, says);

	if (is_maxconn(word))
		return 0;
	if (percent)
		return percent < 0 ? percent : 0;
	for (size_t i = 0; i < WORDS; i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		if (words[i].is_admin) {
			says->has_admin = true;
			says->admin = words[i].admin;
		} else {
			says->has_state = true;
			says->down = words[i].down;
		}
		return 0;
	}
	return -EINVAL;
}

/* The words before a '#', in @line of @length printable bytes. */
static int words_read(const char *line, size_t length, struct agent_says *says, char *why)
{
	uint32_t count = 0;

	for (size_t at = 0; at < length;) {
		char word[WORD_MAX];
		size_t size = 0;

		while (at + size < length && !strchr(BLANKS, line[at + size]))
			size++;
		if (size > 0) {
			snprintf(word, sizeof(word), "%.*s", (int)size, line + at);
			count++;
			if (size >= sizeof(word) || word_read(word, says)) {
				snprintf(why, AGENT_WHY_MAX, "unknown word \"%.*s\"",
					 size < 32 ? (int)size : 32, line + at);
				return -EINVAL;
			}
		}
		at += size + 1;
	}
	if (count == 0)
		snprintf(why, AGENT_WHY_MAX, "an empty line");
	return count ? 0 : -EINVAL;
}

int agent_words_read(const char *line, size_t length, struct agent_says *says, char *why)
{
	size_t end = 0;

	*says = (struct agent_says){ .percent = 0 };
	while (end < length && line[end] != '#') {
		if (!is_printable(line[end])) {
			snprintf(why, AGENT_WHY_MAX, "byte 0x%02x, which is not text",
				 (uint8_t)line[end]);
			return -EINVAL;
		}
		end++;
	}
	text_copy(line, length, says->text);
	return words_read(line, end, says, why);
}

void agent_words_apply(const struct agent_says *says, struct model_agent *agent)
{
	if (!agent->known)
		*agent = (struct model_agent){ .known = true, .percent = 100 };
	if (says->has_percent)
		agent->percent = says->percent;
	if (says->has_admin)
		agent->admin = says->admin;
	if (says->has_state)
		agent->down = says->down;
	memcpy(agent->text, says->text, sizeof(agent->text));
}
