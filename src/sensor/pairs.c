/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/pairs.h"

#include <errno.h>
#include <stdlib.h>

#define WAYS 2 /* entries of a set */
#define DIRECTIONS \
	3u /* an entry's lowest bits: seen upward, seen downward; the rest is the pair's hash */

struct pairs {
	uint32_t sets; /* a power of two */
	uint64_t seed;
	uint32_t entry[][WAYS]; /* 0: free; the newer first */
};

struct pairs *pairs_new(uint32_t capacity, uint64_t seed)
{
	uint32_t sets = capacity / WAYS;
	struct pairs *ps;

	if (capacity < 16 || (capacity & (capacity - 1))) {
		errno = EINVAL;
		return NULL;
	}
	ps = calloc(1, sizeof(*ps) + sets * sizeof(ps->entry[0]));
	if (ps) {
		ps->sets = sets;
		ps->seed = seed;
	}
	return ps;
}

void pairs_free(struct pairs *ps)
{
	free(ps);
}

/* The same for both ways; *up: from the lower to the higher. */
static uint32_t pair_hash(const struct pairs *ps, const struct packet *p, bool *up)
{
	struct addr both = { p->src.hi ^ p->dst.hi, p->src.lo ^ p->dst.lo };
	uint64_t ports = (uint64_t)(p->sport ^ p->dport) << 32 |
			 (uint64_t)((uint32_t)p->sport + p->dport) << 8 | p->proto;

	if (both.hi)
		*up = p->src.hi < p->dst.hi;
	else if (both.lo)
		*up = p->src.lo < p->dst.lo;
	else
		*up = p->sport < p->dport;
	return addr_hash(both, ps->seed ^ ports);
}

enum pair_state pairs_see(struct pairs *ps, const struct packet *p)
{
	bool up;
	uint32_t hash = pair_hash(ps, p, &up), way = up ? 1 : 2, seen;
	uint32_t *set = ps->entry[(hash >> 2) % ps->sets];

	if ((set[0] ^ hash) > DIRECTIONS) {
		uint32_t older = set[1];

		set[1] = set[0];
		set[0] = (older ^ hash) > DIRECTIONS || !(older & DIRECTIONS) ? hash & ~DIRECTIONS :
										older;
	}
	seen = set[0] & DIRECTIONS;
	set[0] |= way;
	if (!seen)
		return PAIR_NEW;
	if (seen == DIRECTIONS)
		return PAIR_BOTH;
	return seen == way ? PAIR_ONE_WAY : PAIR_ANSWERS;
}
