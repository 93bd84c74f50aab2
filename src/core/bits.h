/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bits of a word, counted in place: the compiler's own way, where the processor has no instruction for
 * it or may have none, is a call of its library, which lies at the far end of the program.
 */
#ifndef MIMAMORI_CORE_BITS_H
#define MIMAMORI_CORE_BITS_H

#include <stdint.h>

/* How many are set. (Warren: "Hacker's Delight", 5-1) */
static inline unsigned int bits_count(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + (x >> 2 & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (unsigned int)(x * 0x0101010101010101ULL >> 56);
}

#endif
