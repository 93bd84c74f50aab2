/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this line one JSON object in UTF-8? After the grammars of RFC 8259 and RFC 3629 §4, and
 * independent of the code that writes lines.
 */
#ifndef MIMAMORI_FUZZ_JSON_H
#define MIMAMORI_FUZZ_JSON_H

#include "core/cursor.h"

#include <stdbool.h>
#include <string.h>

#define JSON_MAX_DEPTH 32

static bool json_value(struct cursor *c, unsigned int depth);

static bool json_is(struct cursor *c, char wanted)
{
	if (!cursor_left(c) || *c->pos != (uint8_t)wanted)
		return false;
	return cursor_skip(c, 1);
}

static bool json_between(struct cursor *c, uint8_t low, uint8_t high)
{
	if (!cursor_left(c) || *c->pos < low || *c->pos > high)
		return false;
	return cursor_skip(c, 1);
}

static bool json_word(struct cursor *c, const char *word)
{
	while (*word) {
		if (!json_is(c, *word++))
			return false;
	}
	return true;
}

/* RFC 3629 §4: UTF8-2, UTF8-3, UTF8-4 */
static bool json_utf8(struct cursor *c)
{
	if (json_between(c, 0xc2, 0xdf))
		return json_between(c, 0x80, 0xbf);
	if (json_between(c, 0xe0, 0xe0))
		return json_between(c, 0xa0, 0xbf) && json_between(c, 0x80, 0xbf);
	if (json_between(c, 0xed, 0xed))
		return json_between(c, 0x80, 0x9f) && json_between(c, 0x80, 0xbf);
	if (json_between(c, 0xe1, 0xef))
		return json_between(c, 0x80, 0xbf) && json_between(c, 0x80, 0xbf);
	if (json_between(c, 0xf0, 0xf0)) {
		if (!json_between(c, 0x90, 0xbf))
			return false;
	} else if (json_between(c, 0xf4, 0xf4)) {
		if (!json_between(c, 0x80, 0x8f))
			return false;
	} else if (!json_between(c, 0xf1, 0xf3) || !json_between(c, 0x80, 0xbf)) {
		return false;
	}
	return json_between(c, 0x80, 0xbf) && json_between(c, 0x80, 0xbf);
}

static bool json_escape(struct cursor *c)
{
	uint8_t b;

	if (!cursor_u8(c, &b) || !b)
		return false;
	if (b != 'u')
		return strchr("\"\\/bfnrt", b) != NULL;
	for (int i = 0; i < 4; i++) {
		if (!json_between(c, '0', '9') && !json_between(c, 'a', 'f') &&
		    !json_between(c, 'A', 'F'))
			return false;
	}
	return true;
}

static bool json_string(struct cursor *c)
{
	if (!json_is(c, '"'))
		return false;
	while (!json_is(c, '"')) {
		if (json_is(c, '\\')) {
			if (!json_escape(c))
				return false;
		} else if (!json_between(c, 0x20, 0x7f) && !json_utf8(c)) {
			return false;
		}
	}
	return true;
}

static bool json_digits(struct cursor *c)
{
	bool any = false;

	while (json_between(c, '0', '9'))
		any = true;
	return any;
}

static bool json_number(struct cursor *c)
{
	json_is(c, '-');
	if (!json_is(c, '0') && !json_digits(c))
		return false;
	if (json_is(c, '.') && !json_digits(c))
		return false;
	if (json_is(c, 'e') || json_is(c, 'E')) {
		if (!json_is(c, '+'))
			json_is(c, '-');
		return json_digits(c);
	}
	return true;
}

static bool json_members(struct cursor *c, bool object, unsigned int depth)
{
	char end = object ? '}' : ']';

	if (depth > JSON_MAX_DEPTH)
		return false;
	if (json_is(c, end))
		return true;
	do {
		if (object && (!json_string(c) || !json_is(c, ':')))
			return false;
		if (!json_value(c, depth))
			return false;
	} while (json_is(c, ','));
	return json_is(c, end);
}

static bool json_value(struct cursor *c, unsigned int depth)
{
	if (!cursor_left(c))
		return false;
	switch (*c->pos) {
	case '{':
	case '[':
		return json_members(c, *c->pos++ == '{', depth + 1);
	case '"':
		return json_string(c);
	case 't':
		return json_word(c, "true");
	case 'f':
		return json_word(c, "false");
	case 'n':
		return json_word(c, "null");
	}
	return json_number(c);
}

/* The line, its newline included, is an object without white space, and nothing else. */
static bool json_is_event_line(const char *line, size_t len)
{
	struct cursor c = cursor_over(line, len);

	return json_is(&c, '{') && json_members(&c, true, 1) && json_is(&c, '\n') &&
	       !cursor_left(&c);
}

#endif
