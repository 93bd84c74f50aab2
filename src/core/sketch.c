/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sketch.h"

#include "core/approx.h"
#include "core/bits.h"

#define LEVELS 3
#define SHARE_BITS 2 /* a level passes one thing in four on to the next */
#define FULL_LOAD 3.0 /* things per bit beyond which a bitmap tells too little */

static const struct {
	uint16_t first, bits;
} level[LEVELS] = { { 0, 2048 }, { 2048, 1024 }, { 3072, 1024 } };

static unsigned int bit_of(uint32_t hash)
{
	unsigned int l = 0;

	while (l < LEVELS - 1 && (hash & ((1 << SHARE_BITS) - 1)) == 0) {
		hash >>= SHARE_BITS;
		l++;
	}
	return level[l].first + (hash >> SHARE_BITS) % level[l].bits;
}

bool sketch_has(const struct sketch *s, uint32_t hash)
{
	unsigned int bit = bit_of(hash);

	return s->word[bit / 64] >> bit % 64 & 1;
}

bool sketch_add(struct sketch *s, uint32_t hash)
{
	unsigned int bit = bit_of(hash);
	uint64_t mask = 1ULL << bit % 64;
	bool fresh = !(s->word[bit / 64] & mask);

	s->word[bit / 64] |= mask;
	return fresh;
}

static double linear(const uint64_t *words, size_t n)
{
	unsigned int bits = (unsigned int)n * 64, zero = bits;

	for (size_t i = 0; i < n; i++)
		zero -= bits_count(words[i]);
	return bits * approx_ln(bits / (zero ? zero : 0.5));
}

unsigned int sketch_linear(const uint64_t *words, size_t n)
{
	return (unsigned int)(linear(words, n) + 0.5);
}

unsigned int sketch_count(const struct sketch *s)
{
	double sum = 0;

	/* From the last level down, until one is too full to be trusted. */
	for (unsigned int l = LEVELS; l-- > 0;) {
		double things = linear(&s->word[level[l].first / 64], level[l].bits / 64);

		if (l < LEVELS - 1 && things > FULL_LOAD * level[l].bits)
			return (unsigned int)(sum * (1u << SHARE_BITS * (l + 1)) + 0.5);
		sum += things;
	}
	return (unsigned int)(sum + 0.5);
}
