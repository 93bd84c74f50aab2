/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UTF-8 (RFC 3629), read from bytes that may be anything.
 */
#ifndef MIMAMORI_CORE_UTF8_H
#define MIMAMORI_CORE_UTF8_H

#include "core/cursor.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The next code point, or -1 for bytes that are no UTF-8 or when none are left. Of an ill-formed
 * sequence the "maximal subpart" is consumed (Unicode 15, §3.9, table 3-7), so that one U+FFFD
 * each gives the same text that other programs make of these bytes.
 */
static inline int32_t utf8_next(struct cursor *c)
{
	uint8_t b, low = 0x80, high = 0xbf;
	unsigned int more;
	int32_t code;

	if (!cursor_u8(c, &b))
		return -1;
	if (b < 0x80)
		return b;
	if (b < 0xc2 || b > 0xf4)
		return -1;
	more = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
	/* Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte. */
	if (b == 0xe0)
		low = 0xa0;
	else if (b == 0xed)
		high = 0x9f;
	else if (b == 0xf0)
		low = 0x90;
	else if (b == 0xf4)
		high = 0x8f;
	code = b & (0x3f >> more);
	for (; more; more--) {
		struct cursor ahead = *c;

		if (!cursor_u8(&ahead, &b) || b < low || b > high)
			return -1;
		*c = ahead;
		code = code << 6 | (b & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	return code;
}

/*
 * Would this code point do something to a terminal or a log instead of being seen: C0 and C1
 * control characters, line separators, and the marks that turn the direction of text.
 */
static inline bool utf8_is_control(int32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c ||
	       (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

#endif
