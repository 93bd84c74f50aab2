/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bounds-checked cursor: the only way hostile bytes are read.
 *
 * Every reader returns false, and moves nothing, when fewer bytes are left than it needs.
 */
#ifndef MIMAMORI_CORE_CURSOR_H
#define MIMAMORI_CORE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *pos, *end;
};

static inline struct cursor cursor_over(const void *bytes, size_t len)
{
	return (struct cursor){ bytes, (const uint8_t *)bytes + len };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->pos);
}

/* Borrowed bytes, len of them, or NULL. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t len)
{
	const uint8_t *p = c->pos;

	if (cursor_left(c) < len)
		return NULL;
	c->pos += len;
	return p;
}

static inline bool cursor_skip(struct cursor *c, size_t len)
{
	return cursor_take(c, len) != NULL;
}

static inline bool cursor_u8(struct cursor *c, uint8_t *out)
{
	const uint8_t *p = cursor_take(c, 1);

	if (!p)
		return false;
	*out = p[0];
	return true;
}

static inline bool cursor_be16(struct cursor *c, uint16_t *out)
{
	const uint8_t *p = cursor_take(c, 2);

	if (!p)
		return false;
	*out = (uint16_t)(p[0] << 8 | p[1]);
	return true;
}

static inline bool cursor_be32(struct cursor *c, uint32_t *out)
{
	const uint8_t *p = cursor_take(c, 4);

	if (!p)
		return false;
	*out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return true;
}

static inline bool cursor_le32(struct cursor *c, uint32_t *out)
{
	const uint8_t *p = cursor_take(c, 4);

	if (!p)
		return false;
	*out = (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
	return true;
}

static inline bool cursor_le64(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = cursor_take(c, 8);

	if (!p)
		return false;
	*out = 0;
	for (int i = 7; i >= 0; i--)
		*out = *out << 8 | p[i];
	return true;
}

/* Shortens the cursor to at most len bytes (a length field smaller than what was captured). */
static inline void cursor_limit(struct cursor *c, size_t len)
{
	if (cursor_left(c) > len)
		c->end = c->pos + len;
}

#endif
