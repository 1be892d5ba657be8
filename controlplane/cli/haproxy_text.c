/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of an HAProxy configuration as a comment: readable, and without its secrets. */
#include "controlplane/cli/haproxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Characters ---- */

/* What libyaml takes, in comments too. */
static bool is_yaml(uint32_t code)
{
	return code == '\t' || (code >= ' ' && code <= '~') || code == 0x85 ||
	       (code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) ||
	       (code >= 0x10000 && code <= 0x10ffff);
}

/* One character of UTF-8. Return: its bytes; 0: it is none. */
static size_t utf8_read(const char *text, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = (uint8_t)*text;
	size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	*code = size <= 1 ? first : first & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if (((uint8_t)text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | ((uint8_t)text[i] & 0x3f);
	}
	return size && *code >= least[size] ? size : 0;
}

static bool is_utf8(const char *text)
{
	uint32_t code;
	size_t size;

	for (; *text; text += size) {
		size = utf8_read(text, &code);
		if (size == 0)
			return false;
	}
	return true;
}

static void put_latin1(FILE *to, uint8_t byte)
{
	if (!is_yaml(byte) || byte == 0x85) {
		fputc(byte == '\n' || byte == '\r' ? ' ' : '?', to);
	} else if (byte < 0x80) {
		fputc(byte, to);
	} else {
		fputc(0xc0 | byte >> 6, to);
		fputc(0x80 | (byte & 0x3f), to);
	}
}

void haproxy_put_text(FILE *to, const char *text)
{
	bool utf8 = is_utf8(text);
	uint32_t code;
	size_t size;

	for (; *text; text += size) {
		size = utf8 ? utf8_read(text, &code) : 1;
		if (size == 1)
			put_latin1(to, (uint8_t)*text);
		else if (!is_yaml(code) || code == 0x85 || code == 0x2028 || code == 0x2029)
			fputc('?', to); /* the other three end a line, and so a comment */
		else
			fwrite(text, 1, size, to);
	}
}

/* ---- Secrets ---- */

bool haproxy_is_secret(const char *word)
{
	static const char *const exact[] = { "auth", "ca-sign-pass", "tcp-md5sig", "setenv",
					     "presetenv" };
	static const char *const parts[] = { "passw",	   "secret",	    "token",
					     "api-key",	   "apikey",	    "api_key",
					     "cookie-key", "authorization", "credential" };

	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
		if (strcasecmp(word, exact[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcasestr(word, parts[i]))
			return true;
	return false;
}

/* What a check sends may be a log-in of a protocol. */
static bool is_sent(const struct haproxy_line *line, uint32_t i)
{
	return i == 1 && strcmp(line->words[0], "tcp-check") == 0 &&
	       strncmp(line->words[1], "send", 4) == 0;
}

/* A secret in the same word: a header of a check's request, "token=x", "http://user:x@host". */
static bool has_secret(const char *word)
{
	const char *scheme = strstr(word, "://");

	return (haproxy_is_secret(word) && strpbrk(word, ": =")) || (scheme && strchr(scheme, '@'));
}

/* Return: index of the last word to be shown; line->count: all are. */
static uint32_t last_shown(const struct haproxy_line *line)
{
	for (uint32_t i = 0; i < line->count; i++) {
		if (i > 0 && has_secret(line->words[i]))
			return i - 1;
		if (i + 1 < line->count && (haproxy_is_secret(line->words[i]) || is_sent(line, i)))
			return i;
	}
	return line->count;
}

const char *haproxy_line_shown(struct haproxy *haproxy, const struct haproxy_line *line)
{
	uint32_t last = last_shown(line);
	char *shown = NULL;
	size_t size;
	FILE *to;

	if (last == line->count)
		return line->text;
	to = open_memstream(&shown, &size);
	if (!to)
		return line->words[0];
	for (uint32_t i = 0; i <= last; i++)
		fprintf(to, "%s ", line->words[i]);
	fputs(HAPROXY_CONCEALED, to);
	if (fclose(to) == 0)
		haproxy_keep(haproxy, shown);
	free(shown);
	return haproxy->strings[haproxy->string_count - 1];
}
