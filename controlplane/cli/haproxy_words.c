/* SPDX-License-Identifier: BSD-3-Clause */
/* Words of a line, as HAProxy cuts it. Source: its Configuration Manual, section 2.2. */
#include "controlplane/cli/haproxy.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct words {
	const char *at;
	char *to;
	const char *error;
};

static bool words_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int words_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After "\x". */
static void words_put_hex(struct words *words)
{
	int high = words_hex(words->at[0]);
	int low = high < 0 ? -1 : words_hex(words->at[1]);

	if (low < 0 || (high | low) == 0) {
		words->error = "expected two hex digits, not both 0, after \\x";
		return;
	}
	*words->to++ = (char)(high << 4 | low);
	words->at += 2;
}

/* After a backslash. Others than these keep it, so that regular expressions need not double it. */
static void words_put_escape(struct words *words, bool quoted)
{
	static const char letters[] = "nrt", values[] = "\n\r\t";
	char c = *words->at;
	const char *letter = c ? strchr(letters, c) : NULL;

	if (c == '\0') {
		words->error = "a backslash at the end of the line";
		return;
	}
	words->at++;
	if (c == 'x') {
		words_put_hex(words);
	} else if (letter) {
		*words->to++ = values[letter - letters];
	} else if (strchr(quoted ? "\\\"$ \t#'" : "\\ \t#'\"", c)) {
		*words->to++ = c;
	} else {
		*words->to++ = '\\';
		*words->to++ = c;
	}
}

static void words_put_strong(struct words *words)
{
	while (*words->at && *words->at != '\'')
		*words->to++ = *words->at++;
	if (*words->at == '\0')
		words->error = "a single quote that is not closed";
	else
		words->at++;
}

/* Environment variables are left as they are: they belong to the machine that HAProxy runs on. */
static void words_put_weak(struct words *words)
{
	while (*words->at && *words->at != '"' && !words->error) {
		char c = *words->at++;

		if (c == '\\')
			words_put_escape(words, true);
		else
			*words->to++ = c;
	}
	if (words->error)
		return;
	if (*words->at == '\0')
		words->error = "a double quote that is not closed";
	else
		words->at++;
}

static void words_put_one(struct words *words)
{
	while (*words->at && *words->at != '#' && !words_is_blank(*words->at) && !words->error) {
		char c = *words->at++;

		if (c == '\\')
			words_put_escape(words, false);
		else if (c == '\'')
			words_put_strong(words);
		else if (c == '"')
			words_put_weak(words);
		else
			*words->to++ = c;
	}
	*words->to++ = '\0';
}

static void line_trim(char *text, size_t length)
{
	while (length > 0 && words_is_blank(text[length - 1]))
		length--;
	text[length] = '\0';
}

int haproxy_line_init(struct haproxy_line *line, uint32_t number, const char *text,
		      const char **error)
{
	struct words words = { .at = text };
	char *room = malloc(2 * strlen(text) + 2);

	*line = (struct haproxy_line){ .number = number };
	while (words_is_blank(*words.at))
		words.at++;
	text = words.at;
	line->text = strdup(text);
	if (!line->text || !room) {
		free(room);
		return -ENOMEM;
	}
	words.to = room;
	line->words[0] = room;
	while (*words.at && *words.at != '#' && !words.error) {
		if (line->count == HAPROXY_WORDS_MAX) {
			words.error = "too many words";
			break;
		}
		line->words[line->count++] = words.to;
		words_put_one(&words);
		while (words_is_blank(*words.at))
			words.at++;
	}
	line_trim(line->text, (size_t)(words.at - text));
	*error = words.error;
	if (words.error || line->count == 0) {
		free(room);
		line->words[0] = NULL;
		line->count = 0;
	}
	return words.error ? -EINVAL : 0;
}

void haproxy_line_fini(struct haproxy_line *line)
{
	free(line->words[0]);
	free(line->text);
}
