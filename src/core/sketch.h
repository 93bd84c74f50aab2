/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sketch: how many distinct things were seen, in 512 bytes, from few to a hundred thousand.
 *
 * A multiresolution bitmap (Estan, Varghese, Fisk: "Bitmap Algorithms for Counting Active Flows on
 * High Speed Links", 2003): three quarters of all things fall into the first and largest of three
 * bitmaps, three of the remaining four sixteenths into the second, the rest into the third; the count is
 * taken from the first one that is not too full, and those after it. Exact to one or two up to a
 * hundred, within 2 % at a thousand, within 6 % at 65,536 (one standard deviation).
 */
#ifndef MIMAMORI_CORE_SKETCH_H
#define MIMAMORI_CORE_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SKETCH_BITS 4096

struct sketch {
	uint64_t word[SKETCH_BITS / 64];
};

/* hash: 32 well-mixed bits of the thing. False when it, or one that looks like it, was there. */
bool sketch_add(struct sketch *s, uint32_t hash);
bool sketch_has(const struct sketch *s, uint32_t hash);
unsigned int sketch_count(const struct sketch *s);

/* Linear counting (Whang, Vander-Zanden, Taylor 1990) over n words of a plain bitmap. */
unsigned int sketch_linear(const uint64_t *words, size_t n);

#endif
