/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pieces of text under a bounds-checked cursor, for the parsers of log lines. All of them return
 * false, and move nothing, when the text is not what they look for.
 */
#ifndef MIMAMORI_SENSOR_AUTH_TEXT_H
#define MIMAMORI_SENSOR_AUTH_TEXT_H

#include "core/cursor.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The text begins with `literal`: goes behind it. */
static inline bool text_skip(struct cursor *c, const char *literal)
{
	size_t len = strlen(literal);

	if (cursor_left(c) < len || memcmp(c->pos, literal, len) != 0)
		return false;
	c->pos += len;
	return true;
}

/* The text ends with `literal`: cuts it off. */
static inline bool text_cut(struct cursor *c, const char *literal)
{
	size_t len = strlen(literal);

	if (cursor_left(c) < len || memcmp(c->end - len, literal, len) != 0)
		return false;
	c->end -= len;
	return true;
}

static inline bool text_is(const struct cursor *c, const char *literal)
{
	size_t len = strlen(literal);

	return cursor_left(c) == len && memcmp(c->pos, literal, len) == 0;
}

/* Goes behind the first `literal`; *before is what stood before it. */
static inline bool text_split(struct cursor *c, const char *literal, struct cursor *before)
{
	struct cursor at = *c;

	while (cursor_left(&at)) {
		struct cursor found = at;

		if (text_skip(&found, literal)) {
			*before = (struct cursor){ c->pos, at.pos };
			*c = found;
			return true;
		}
		at.pos++;
	}
	return false;
}

/* Cuts the text before the last `literal`; *after is what stood behind it. */
static inline bool text_split_last(struct cursor *c, const char *literal, struct cursor *after)
{
	struct cursor at = *c;

	while (cursor_left(&at)) {
		struct cursor found = at;

		if (text_cut(&found, literal)) {
			*after = (struct cursor){ at.end, c->end };
			*c = found;
			return true;
		}
		at.end--;
	}
	return false;
}

static inline bool text_has(struct cursor c, const char *literal)
{
	struct cursor before;

	return text_split(&c, literal, &before);
}

static inline bool text_is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* A number in decimal digits, at most `max`. */
static inline bool text_number(struct cursor *c, uint32_t max, uint32_t *out)
{
	const uint8_t *p = c->pos;
	uint64_t n = 0;

	for (; p < c->end && text_is_digit(*p); p++) {
		n = n * 10 + (*p - '0');
		if (n > max)
			return false;
	}
	if (p == c->pos)
		return false;
	c->pos = p;
	*out = (uint32_t)n;
	return true;
}

#endif
