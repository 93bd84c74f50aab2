/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who speaks with whom: of two addresses and ports, which way packets have gone lately.
 *
 * Where no listing of sockets says what was asked for (captures, forwarded traffic), an answer does: what
 * goes both ways is wanted. A set-associative table of four bytes an entry, no times: an entry lasts until
 * two newer ones have fallen into its set.
 */
#ifndef MIMAMORI_SENSOR_PAIRS_H
#define MIMAMORI_SENSOR_PAIRS_H

#include "sensor/packet.h"

#include <stdint.h>

enum pair_state {
	PAIR_NEW, /* nothing has gone either way */
	PAIR_ONE_WAY, /* only this way */
	PAIR_ANSWERS, /* only the other way until now */
	PAIR_BOTH,
};

struct pairs;

/* So many, a power of two from 16 on. Owned; NULL with errno. */
struct pairs *pairs_new(uint32_t capacity, uint64_t seed);
void pairs_free(struct pairs *ps);

/* What had gone before this packet of TCP or UDP, which is remembered. */
enum pair_state pairs_see(struct pairs *ps, const struct packet *p);

#endif
