/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port knocking: configured sequences of closed ports that open something for those who know them.
 *
 * A contact in vain that is the next step of a sequence, for the peer that made it, is not counted.
 * Whoever takes them in another order begins anew, so a scanner is spared a contact or two. UDP
 * steps may be missed, since the filter does not let all UDP through. The table of those under way
 * is small: of a flood that hits a first port, the longest silent gives way.
 */
#ifndef MIMAMORI_SENSOR_KNOCK_H
#define MIMAMORI_SENSOR_KNOCK_H

#include "core/conf.h"
#include "sensor/probe.h"

#include <stdbool.h>
#include <stdint.h>

#define KNOCK_PEERS 8 /* under way at a time */
#define KNOCK_TIME_NS 30000000000ULL /* for a whole sequence: knockd's default is 25 s */

struct knock {
	struct addr peer, self;
	uint64_t began_ns; /* clock time of its first step; 0: free */
	uint8_t sequence, next; /* which, and the step that is due */
};

struct knocks {
	struct conf_sequences sequences;
	uint64_t ports; /* a bit for each port that occurs, by its low six bits */
	struct knock under_way[KNOCK_PEERS];
};

void knocks_init(struct knocks *ks, const struct conf_sequences *sequences);

/* Is this contact in vain a step of a sequence? now_ns: clock time. */
bool knocks_take(struct knocks *ks, const struct probe *p, uint64_t now_ns);

#endif
