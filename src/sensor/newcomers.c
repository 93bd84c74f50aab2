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

struct newcomers {
	uint64_t seed;
	uint32_t set_mask;
	uint32_t pace; /* how many equals may still give way to equals */
	uint64_t paced; /* up to when that was counted */
	_Alignas(32) uint32_t away[AWAY_SETS][AWAY_WAYS];
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
	uint64_t host = host_bits(peer);

	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++) {
		uint64_t differ = set[i].peer.lo ^ peer.lo;

		if (set[i].peer.hi != peer.hi || (differ & ~host) || !newcomer_used(&set[i]))
			continue;
		if (!differ) {
			view.self = &set[i];
			return view;
		}
		/* The low half of a mapped address tells no IPv6 neighbours of ::/64 from IPv4. */
		if (addr_is_v4(set[i].peer) == addr_is_v4(peer))
			view.neighbour = &set[i];
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

struct newcomer *newcomers_place(struct newcomers *ns, struct newcomer *set,
				 const struct crowd *crowd, const struct probe *p, uint64_t now_ns)
{
	unsigned int own = crowd_weigh(crowd, p->trait, p->port), weight, aged, most = 0;
	unsigned int bits[NEWCOMERS_WAYS];
	uint32_t tag = addr_hash(p->peer, ~ns->seed);
	struct newcomer *heaviest;

	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++) {
		if (!newcomer_used(&set[i]) || age_of(&set[i], now_ns) > STAY)
			return &set[i];
		bits[i] = crowd_weigh(crowd, set[i].trait, set[i].port);
		most = bits[i] > most ? bits[i] : most;
	}
	/* The usual case in a flood, of which this is one: nobody here is heavier, whatever his age. */
	if (most <= own + CROWD_MARGIN && own >= CROWD_HEAVY && !comes_again(ns, tag)) {
		turn_away(ns, tag);
		return NULL;
	}
	heaviest = heaviest_of(set, bits, now_ns, &weight, &aged);
	if (weight > own + CROWD_MARGIN || comes_again(ns, tag))
		return heaviest;
	if (own < CROWD_HEAVY && own <= aged + CROWD_MARGIN && within_pace(ns, now_ns))
		return heaviest;
	turn_away(ns, tag);
	return NULL;
}
