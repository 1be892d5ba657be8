/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/text.h"

#include <errno.h>
#include <string.h>

struct text {
	const unsigned char *at;
	const unsigned char *end;
	struct config_place place; /* of the character at @at */
	bool indent;		   /* only blanks so far in this line */
};

/**
 * Decode the character at @at, strictly: no overlong forms, surrogates or values above U+10FFFF.
 * Return: its bytes, or 0 if it is bad.
 * Source: RFC 3629, section 4.
 */
static size_t text_decode(const unsigned char *at, const unsigned char *end, uint32_t *character)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t bytes = at[0] < 0x80   ? 1
		       : at[0] < 0xc2 ? 0
		       : at[0] < 0xe0 ? 2
		       : at[0] < 0xf0 ? 3
		       : at[0] < 0xf5 ? 4
				      : 0;
	uint32_t value;

	if (bytes == 0 || (size_t)(end - at) < bytes)
		return 0;
	value = bytes == 1 ? at[0] : at[0] & (0x7fu >> bytes);
	for (size_t i = 1; i < bytes; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < least[bytes] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*character = value;
	return bytes;
}

/* Control characters, and separators that only some programs treat as line ends. */
static bool text_is_control(uint32_t character)
{
	if (character == '\t' || character == '\n' || character == '\r')
		return false;
	return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x2028 ||
	       character == 0x2029 || character == 0xfeff || character == 0xfffe ||
	       character == 0xffff;
}

static void text_advance(struct text *text, uint32_t character, size_t bytes)
{
	bool crlf = character == '\r' && text->at + 1 < text->end && text->at[1] == '\n';

	text->at += bytes;
	if (character == '\n' || (character == '\r' && !crlf)) {
		text->place.line++;
		text->place.column = 1;
		text->indent = true;
		return;
	}
	text->place.column++;
	if (character != ' ')
		text->indent = false;
}

static int text_refuse_marks(const void *data, size_t size, struct config_place start,
			     struct config_errors *errors)
{
	if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		config_error_add(
			errors, start, NULL, NULL,
			"the file begins with a byte order mark; expected UTF-8 without one");
		return -EINVAL;
	}
	if (size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0)) {
		config_error_add(errors, start, NULL, NULL, "the file is UTF-16; expected UTF-8");
		return -EINVAL;
	}
	return 0;
}

int config_text_check(const void *data, size_t size, enum config_file file,
		      struct config_errors *errors)
{
	struct text text = { data, (const unsigned char *)data + size, { 1, 1, file }, true };

	if (text_refuse_marks(data, size, text.place, errors))
		return -EINVAL;
	while (text.at < text.end) {
		uint32_t character = 0;
		size_t bytes = text_decode(text.at, text.end, &character);

		if (bytes == 0) {
			config_error_add(errors, text.place, NULL, NULL,
					 "byte 0x%02x is not valid UTF-8", *text.at);
			return -EINVAL;
		}
		if (text_is_control(character)) {
			config_error_add(errors, text.place, NULL, NULL,
					 "control character U+%04X; expected text", character);
			return -EINVAL;
		}
		if (character == '\t' && text.indent) {
			config_error_add(errors, text.place, NULL, NULL,
					 "a tab in the indentation; YAML indents with spaces");
			return -EINVAL;
		}
		text_advance(&text, character, bytes);
	}
	return 0;
}
