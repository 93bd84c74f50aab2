/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event writer: one JSON object as one line in a fixed buffer.
 *
 * Nothing is allocated. What does not fit marks the line as overflowed and event_end() then
 * fails: a half event is never written. Text is escaped (RFC 8259): quotes, backslash, control
 * characters (also those beyond ASCII, since people read events in terminals); bytes that are no
 * UTF-8 become U+FFFD, so that a line is always valid JSON.
 */
#ifndef MIMAMORI_CORE_EVENT_H
#define MIMAMORI_CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_MAX_BYTES 4096 /* of one line, its newline and NUL included */
#define EVENT_MAX_DEPTH 16

struct event {
	char line[EVENT_MAX_BYTES];
	size_t len;
	unsigned int depth;
	uint32_t nonempty; /* bit d: the object or array at depth d has a member already */
	uint32_t arrays; /* bit d: at depth d it is an array */
	bool overflow;
};

/* Opens the outermost object. */
void event_begin(struct event *ev);
/* Closes it, adds the newline and NUL. Its length with the newline, or -EOVERFLOW and no line. */
int event_end(struct event *ev);

/* key is NULL inside arrays. */
void event_object(struct event *ev, const char *key);
void event_array(struct event *ev, const char *key);
void event_close(struct event *ev); /* the innermost object or array */

void event_text(struct event *ev, const char *key, const char *text);
void event_textn(struct event *ev, const char *key, const char *text, size_t len);
void event_u64(struct event *ev, const char *key, uint64_t value);
void event_i64(struct event *ev, const char *key, int64_t value);
void event_bool(struct event *ev, const char *key, bool value);
/* At most `decimals` (0..6) digits after the point, trailing zeros dropped. Not finite: null. */
void event_number(struct event *ev, const char *key, double value, unsigned int decimals);

#endif
