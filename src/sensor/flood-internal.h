/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by detect-flood.c, which counts and learns, and flood-judge.c, which says what a flood is.
 */
#ifndef MIMAMORI_SENSOR_FLOOD_INTERNAL_H
#define MIMAMORI_SENSOR_FLOOD_INTERNAL_H

#include "core/clock.h"
#include "sensor/detect-flood.h"
#include "sensor/flood-case.h"

#define FLOOD_WINDOWS_PER_S (NS_PER_S / FLOOD_WINDOW_NS)
#define FLOOD_NO_SLICE FLOOD_SLICE
#define FLOOD_UNIT_BITS 16 /* of what is learnt */

struct floods {
	struct floods_front front; /* first: see floods_lane() */
	struct flood_case cases[FLOOD_CASES];
	struct flood_prefixes *prefixes;
	uint64_t quiet_ns, seed, window_ns; /* window_ns: when this one began */
	uint32_t least[FLOOD_LANES]; /* configured, packets a window, 0: not looked for */
	uint32_t made;
	uint64_t random;
	flood_emit_fn *emit;
	void *arg;
	struct flood_stats stats;
};

/* Marsaglia: "Xorshift RNGs", 2003. So that no rhythm of the flood falls in with the sample's. */
static inline uint32_t floods_random_below(struct floods *fs, uint64_t n)
{
	fs->random ^= fs->random << 13;
	fs->random ^= fs->random >> 7;
	fs->random ^= fs->random << 17;
	return (uint32_t)((fs->random >> 32) * n >> 32);
}

/* What nothing explains. */
static inline uint64_t floods_unexplained(const struct lane *l)
{
	return l->count > l->credit ? l->count - l->credit : 0;
}

/* Packets of the latest second, this window's part included. */
static inline uint64_t floods_lately(const struct lane *l)
{
	uint64_t n = l->count;

	for (unsigned int i = 0; i < FLOOD_WINDOWS - 1; i++)
		n += l->recent[i].packets;
	return n;
}

/* A lane's excess beyond this is not kept. */
uint64_t floods_most_excess(const struct lane *l);

/* A place for the suspicion of a lane; NULL: there is none (counted). Borrowed. */
struct flood_case *floods_suspect(struct floods *fs, struct lane *l, uint64_t now_ns);

/* Opens the lane's case if it is a flood's. */
void floods_judge(struct floods *fs, struct lane *l, uint64_t excess, uint64_t now_ns);

/* A window of a lane that is suspected, or open, has ended. True: what it held was ordinary after all, and teaches. */
bool floods_roll_case(struct floods *fs, struct lane *l, uint64_t x, uint64_t end_ns);

/* The suspicion is over. */
void floods_release(struct flood_case *c);

void floods_close(struct floods *fs, struct flood_case *c);

#endif
