/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/newcomers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBOURS_V4 (ADDR_V4_OFFSET + 24)
#define NEIGHBOURS_V6 64
#define MAX_CAPACITY 65536

_Static_assert(sizeof(struct newcomer) == 32, "two to a cache line");
_Static_assert(PROBE_KINDS <= 32, "a kind has five bits");

/* Hashes of peers turned away, the latest first: half a cache line to a set. */
#define AWAY_SETS 256
#define AWAY_WAYS 8

#define AGE_SHIFT 38 /* 275 s: a day is eight bits of it */
#define STAY (NEWCOMERS_STAY_NS >> NEWCOMER_TIME_SHIFT)

/* What was found when a set's entries were last weighed: nobody was heavier than `most`. */
struct bound {
	uint32_t raised; /* the crowd's, then */
	uint16_t set;
	uint8_t most; /* UINT8_MAX: nothing is known */
	uint8_t second; /* of the clock, roughly: ages are looked at once in it */
};

#define BOUNDS 256

struct newcomers {
	uint64_t seed;
	uint32_t set_mask;
	uint32_t pace; /* how many equals may still give way to equals */
	uint64_t paced; /* up to when that was counted */
	_Alignas(32) uint32_t away[AWAY_SETS][AWAY_WAYS];
	struct bound bound[BOUNDS];
	_Alignas(64) struct newcomer entry[]; /* NEWCOMERS_WAYS to a set */
};

struct newcomers *newcomers_new(unsigned int capacity, uint64_t seed)
{
	struct newcomers *ns;
	uint32_t sets = 1;
	size_t bytes;

	if (capacity == 0 || capacity > MAX_CAPACITY) {
		errno = EINVAL;
		return NULL;
	}
	while (sets * NEWCOMERS_WAYS < capacity)
		sets *= 2;
	bytes = sizeof(*ns) + sets * NEWCOMERS_WAYS * sizeof(struct newcomer);
	ns = aligned_alloc(64, bytes);
	if (!ns)
		return NULL;
	memset(ns, 0, bytes);
	ns->seed = seed;
	ns->set_mask = sets - 1;
	ns->pace = NEWCOMERS_BURST;
	memset(ns->bound, UINT8_MAX, sizeof(ns->bound));
	return ns;
}

void newcomers_free(struct newcomers *ns)
{
	free(ns);
}

/* The bits of an address that its neighbours do not share: in the low word, of either family. */
static uint64_t host_bits(struct addr peer)
{
	return addr_is_v4(peer) ? (1ULL << (ADDR_BITS - NEIGHBOURS_V4)) - 1 : UINT64_MAX;
}

_Static_assert(NEIGHBOURS_V6 == 64, "its host bits are the low word");

static struct newcomer *set_of(struct newcomers *ns, struct addr peer)
{
	struct addr near = { peer.hi, peer.lo & ~host_bits(peer) };

	return &ns->entry[(addr_hash(near, ns->seed) & ns->set_mask) * NEWCOMERS_WAYS];
}

struct newcomer *newcomers_find(struct newcomers *ns, struct addr peer)
{
	struct newcomer *set = set_of(ns, peer);

	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++)
		if (addr_eq(set[i].peer, peer))
			return &set[i];
	return NULL;
}

struct newcomers_view newcomers_look(struct newcomers *ns, struct addr peer)
{
	struct newcomer *set = set_of(ns, peer);
	struct newcomers_view view = { .set = set };
	uint64_t shared = ~host_bits(peer);
	unsigned int near = 0, used = 0;

	/* No branches in what each packet of a flood does. */
#pragma GCC unroll 4
	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++) {
		struct addr a = set[i].peer;

		near |= (unsigned int)!((a.hi ^ peer.hi) | ((a.lo ^ peer.lo) & shared)) << i;
		used |= (unsigned int)((a.hi | a.lo) != 0) << i;
	}
	if (used != (1U << NEWCOMERS_WAYS) - 1)
		view.free = &set[__builtin_ctz(~used)];
	for (near &= used; near; near &= near - 1) {
		struct newcomer *n = &set[__builtin_ctz(near)];

		if (addr_eq(n->peer, peer)) {
			view.self = n;
			return view;
		}
		/* ::/64 has all mapped addresses in it, which are no neighbours of IPv6's. */
		if (addr_is_v4(n->peer) == addr_is_v4(peer))
			view.neighbour = n;
	}
	return view;
}

/* Was this peer turned away a short while ago? If not, it is to be remembered now. */
static bool comes_again(struct newcomers *ns, uint32_t tag)
{
	const uint32_t *away = ns->away[tag % AWAY_SETS];
	unsigned int again = 0;

#pragma GCC unroll 8 /* no branch: which of them it is does not matter */
	for (unsigned int i = 0; i < AWAY_WAYS; i++)
		again |= away[i] == tag;
	return again;
}

static void turn_away(struct newcomers *ns, uint32_t tag)
{
	uint32_t *away = ns->away[tag % AWAY_SETS];

	uint32_t before[AWAY_WAYS];

	memcpy(before, away, sizeof(before)); /* two moves of constant size: no call */
	memcpy(&away[1], before, sizeof(before) - sizeof(before[0]));
	away[0] = tag;
}

static bool within_pace(struct newcomers *ns, uint64_t now_ns)
{
	uint64_t now = now_ns >> NEWCOMERS_PACE_SHIFT;

	if (now != ns->paced) {
		ns->pace = now - ns->paced < NEWCOMERS_BURST - ns->pace ?
				   ns->pace + (uint32_t)(now - ns->paced) :
				   NEWCOMERS_BURST;
		ns->paced = now;
	}
	if (!ns->pace)
		return false;
	ns->pace--;
	return true;
}

/* Clock steps of NEWCOMER_TIME_SHIFT since its contact. */
static uint64_t age_of(const struct newcomer *n, uint64_t now_ns)
{
	return ((now_ns >> NEWCOMER_TIME_SHIFT) - n->time) & ((1ULL << 40) - 1);
}

/* Whom of a full set age and weight together make go first. *weight: his, without his age. */
static struct newcomer *heaviest_of(struct newcomer *set, const unsigned int bits[NEWCOMERS_WAYS],
				    uint64_t now_ns, unsigned int *weight, unsigned int *aged)
{
	unsigned int most = 0, at = 0;
	uint64_t oldest = 0;

	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++) {
		uint64_t age = age_of(&set[i], now_ns);
		unsigned int sum =
			bits[i] + 31 -
			(unsigned int)__builtin_clz(
				(uint32_t)(age >> (AGE_SHIFT - NEWCOMER_TIME_SHIFT)) + 1);

		if (i == 0 || sum > most || (sum == most && age > oldest)) {
			at = i;
			most = sum;
			oldest = age;
		}
	}
	*weight = bits[at];
	*aged = most;
	return &set[at];
}

static struct bound *bound_of(struct newcomers *ns, const struct newcomer *set)
{
	return &ns->bound[(size_t)(set - ns->entry) / NEWCOMERS_WAYS % BOUNDS];
}

/* Whom to see off to make room for a contact of weight own; NULL: it is turned away itself. */
__attribute__((noinline)) /* seldom asked in a flood: its registers are not saved for each packet */
static struct newcomer *
outweighed(struct newcomers *ns, struct newcomer *set, const struct crowd *crowd, unsigned int own,
	   uint32_t tag, uint64_t now_ns)
{
	unsigned int bits[NEWCOMERS_WAYS], weight, aged, most = 0;
	struct newcomer *heaviest;

	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++) {
		if (age_of(&set[i], now_ns) > STAY)
			return &set[i];
		bits[i] = crowd_weigh(crowd, set[i].trait, set[i].port);
		most = bits[i] > most ? bits[i] : most;
	}
	heaviest = heaviest_of(set, bits, now_ns, &weight, &aged);
	if (weight > own + CROWD_MARGIN || comes_again(ns, tag))
		return heaviest;
	if (own < CROWD_HEAVY && own <= aged + CROWD_MARGIN && within_pace(ns, now_ns))
		return heaviest;
	*bound_of(ns, set) = (struct bound){
		.raised = crowd->raised,
		.set = (uint16_t)((set - ns->entry) / NEWCOMERS_WAYS),
		.most = (uint8_t)most,
		.second = (uint8_t)(now_ns >> NEWCOMERS_PACE_SHIFT),
	};
	return NULL;
}

/*
 * Is it known already that nobody in the set is heavier? Weights grow by no more than the crowd's
 * logarithms have since, and in a flood they seldom do.
 */
static bool no_heavier(struct newcomers *ns, const struct newcomer *set, const struct crowd *crowd,
		       unsigned int own, uint64_t now_ns)
{
	const struct bound *b = bound_of(ns, set);

	return own >= CROWD_HEAVY && b->set == (set - ns->entry) / NEWCOMERS_WAYS &&
	       b->second == (uint8_t)(now_ns >> NEWCOMERS_PACE_SHIFT) &&
	       b->most + (crowd->raised - b->raised) <= own + CROWD_MARGIN;
}

struct newcomer *newcomers_place(struct newcomers *ns, const struct newcomers_view *view,
				 const struct crowd *crowd, const struct probe *p, uint64_t now_ns)
{
	unsigned int own = crowd_weigh(crowd, p->trait, p->port);
	uint32_t tag = addr_hash(p->peer, ~ns->seed);
	struct newcomer *place = view->free;

	if (!place && (!no_heavier(ns, view->set, crowd, own, now_ns) || comes_again(ns, tag)))
		place = outweighed(ns, view->set, crowd, own, tag, now_ns);
	if (place)
		bound_of(ns, view->set)->most = UINT8_MAX;
	else
		turn_away(ns, tag);
	return place;
}
