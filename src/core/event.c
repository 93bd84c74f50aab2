/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/event.h"

#include "core/utf8.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of "%.6f" of the largest double: 309 digits, point, decimals, sign, NUL. */
#define NUMBER_STRLEN 320

static void put(struct event *ev, const char *bytes, size_t len)
{
	/* One byte stays free for the NUL. */
	if (ev->overflow || len >= sizeof(ev->line) - ev->len) {
		ev->overflow = true;
		return;
	}
	memcpy(ev->line + ev->len, bytes, len);
	ev->len += len;
}

static void put_char(struct event *ev, char c)
{
	put(ev, &c, 1);
}

/* All of utf8_is_control() lies in the basic plane: no surrogate pair is needed (RFC 8259 §7). */
static void put_escaped(struct event *ev, int32_t code)
{
	char text[8];

	snprintf(text, sizeof(text), "\\u%04x", (unsigned int)code & 0xffff);
	put(ev, text, 6);
}

static void put_string(struct event *ev, const char *text, size_t len)
{
	struct cursor c = cursor_over(text, len);

	put_char(ev, '"');
	while (cursor_left(&c) && !ev->overflow) {
		const char *from = (const char *)c.pos;
		int32_t code = utf8_next(&c);

		switch (code) {
		case -1:
			put(ev, "\xef\xbf\xbd", 3);
			break;
		case '"':
			put(ev, "\\\"", 2);
			break;
		case '\\':
			put(ev, "\\\\", 2);
			break;
		case '\n':
			put(ev, "\\n", 2);
			break;
		case '\r':
			put(ev, "\\r", 2);
			break;
		case '\t':
			put(ev, "\\t", 2);
			break;
		default:
			if (utf8_is_control(code))
				put_escaped(ev, code);
			else
				put(ev, from, (size_t)((const char *)c.pos - from));
		}
	}
	put_char(ev, '"');
}

/* The comma and key in front of a value. */
static void lead(struct event *ev, const char *key)
{
	uint32_t bit = 1u << ev->depth;

	if (ev->overflow)
		return;
	assert(ev->depth > 0);
	assert(!key == !!(ev->arrays & bit));
	if (ev->nonempty & bit)
		put_char(ev, ',');
	ev->nonempty |= bit;
	if (key) {
		put_string(ev, key, strlen(key));
		put_char(ev, ':');
	}
}

static void open_level(struct event *ev, bool array)
{
	uint32_t bit;

	if (ev->depth + 1 >= EVENT_MAX_DEPTH)
		ev->overflow = true;
	if (ev->overflow)
		return;
	bit = 1u << ++ev->depth;
	ev->nonempty &= ~bit;
	if (array)
		ev->arrays |= bit;
	else
		ev->arrays &= ~bit;
	put_char(ev, array ? '[' : '{');
}

void event_begin(struct event *ev)
{
	ev->len = 0;
	ev->depth = 0;
	ev->nonempty = 0;
	ev->arrays = 0;
	ev->overflow = false;
	open_level(ev, false);
}

int event_end(struct event *ev)
{
	assert(ev->overflow || ev->depth == 1);
	put(ev, "}\n", 2);
	if (ev->overflow)
		ev->len = 0;
	ev->line[ev->len] = '\0';
	ev->depth = 0;
	return ev->overflow ? -EOVERFLOW : (int)ev->len;
}

void event_object(struct event *ev, const char *key)
{
	lead(ev, key);
	open_level(ev, false);
}

void event_array(struct event *ev, const char *key)
{
	lead(ev, key);
	open_level(ev, true);
}

void event_close(struct event *ev)
{
	/* After an overflow levels are no longer opened, so there is nothing to close either. */
	if (ev->overflow)
		return;
	assert(ev->depth > 1);
	put_char(ev, ev->arrays & 1u << ev->depth ? ']' : '}');
	ev->depth--;
}

void event_text(struct event *ev, const char *key, const char *text)
{
	event_textn(ev, key, text, strlen(text));
}

void event_textn(struct event *ev, const char *key, const char *text, size_t len)
{
	lead(ev, key);
	put_string(ev, text, len);
}

void event_u64(struct event *ev, const char *key, uint64_t value)
{
	char text[24];

	lead(ev, key);
	put(ev, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, value));
}

void event_i64(struct event *ev, const char *key, int64_t value)
{
	char text[24];

	lead(ev, key);
	put(ev, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, value));
}

void event_bool(struct event *ev, const char *key, bool value)
{
	lead(ev, key);
	put(ev, value ? "true" : "false", value ? 4 : 5);
}

void event_number(struct event *ev, const char *key, double value, unsigned int decimals)
{
	char text[NUMBER_STRLEN];
	int len;

	lead(ev, key);
	if (!isfinite(value)) {
		put(ev, "null", 4);
		return;
	}
	if (decimals > 6)
		decimals = 6;
	len = snprintf(text, sizeof(text), "%.*f", (int)decimals, value);
	if (decimals) {
		while (text[len - 1] == '0')
			len--;
		if (text[len - 1] == '.')
			len--;
	}
	/* What rounds to zero from below is plain zero. */
	if (len == 2 && text[0] == '-' && text[1] == '0')
		put(ev, "0", 1);
	else
		put(ev, text, (size_t)len);
}
