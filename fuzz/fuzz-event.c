/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of the event writer with hostile text: the line is valid JSON, or there is none.
 */
#include "core/cursor.h"
#include "core/event.h"

#include "json.h"

#include <assert.h>
#include <string.h>

#define MAX_LEVELS 40 /* beyond what the writer takes */
#define MAX_TEXT 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event ev;

/* A caller that follows the rules: keys in objects only, each level closed once. */
struct caller {
	struct cursor c;
	unsigned int level;
	bool array[MAX_LEVELS];
	char key[MAX_TEXT + 1], text[MAX_TEXT + 1];
};

static uint64_t number(struct cursor *c)
{
	uint64_t value = 0;
	uint8_t b;

	for (int i = 0; i < 8 && cursor_u8(c, &b); i++)
		value = value << 8 | b;
	return value;
}

/* Text up to its length byte or a NUL. Returns how many bytes there are, NULs included. */
static size_t text(struct cursor *c, char out[MAX_TEXT + 1])
{
	const uint8_t *p;
	uint8_t len = 0;

	cursor_u8(c, &len);
	if (len > MAX_TEXT)
		len = MAX_TEXT;
	if (len > cursor_left(c))
		len = (uint8_t)cursor_left(c);
	p = cursor_take(c, len);
	memcpy(out, p, len);
	out[len] = '\0';
	return len;
}

static void step(struct caller *k, uint8_t what)
{
	const char *key = NULL;
	uint64_t bits;
	double real;
	size_t len;

	if (what % 9 == 2) {
		if (k->level > 0) {
			event_close(&ev);
			k->level--;
		}
		return;
	}
	if (!k->array[k->level]) {
		text(&k->c, k->key);
		key = k->key;
	}
	switch (what % 9) {
	case 0:
	case 1:
		if (k->level + 1 == MAX_LEVELS)
			return;
		k->array[++k->level] = what % 9;
		if (what % 9)
			event_array(&ev, key);
		else
			event_object(&ev, key);
		break;
	case 3:
		text(&k->c, k->text);
		event_text(&ev, key, k->text);
		break;
	case 4:
	case 5:
		len = text(&k->c, k->text);
		event_textn(&ev, key, k->text, len);
		break;
	case 6:
		event_u64(&ev, key, number(&k->c));
		break;
	case 7:
		event_i64(&ev, key, (int64_t)number(&k->c));
		break;
	case 8:
		if (what & 0x80) {
			event_bool(&ev, key, what & 0x40);
			break;
		}
		bits = number(&k->c);
		memcpy(&real, &bits, sizeof(real));
		event_number(&ev, key, real, what & 7);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct caller k = { .c = cursor_over(data, size) };
	uint8_t what;
	int len;

	event_begin(&ev);
	while (cursor_u8(&k.c, &what))
		step(&k, what);
	for (; k.level > 0; k.level--)
		event_close(&ev);
	len = event_end(&ev);
	if (len < 0)
		return 0;
	assert(len < EVENT_MAX_BYTES && strlen(ev.line) == (size_t)len);
	assert(json_is_event_line(ev.line, (size_t)len));
	return 0;
}
