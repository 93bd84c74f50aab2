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

static struct addr neighbourhood(struct addr peer)
{
	return addr_mask(peer, addr_is_v4(peer) ? NEIGHBOURS_V4 : NEIGHBOURS_V6);
}

static struct newcomer *set_of(struct newcomers *ns, struct addr peer)
{
	uint32_t set = addr_hash(neighbourhood(peer), ns->seed) & ns->set_mask;

	return &ns->entry[set * NEWCOMERS_WAYS];
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
	struct addr near = neighbourhood(peer);

	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++) {
		if (addr_eq(set[i].peer, peer)) {
			view.self = &set[i];
			return view;
		}
		if (newcomer_used(&set[i]) && addr_eq(neighbourhood(set[i].peer), near))
			view.neighbour = &set[i];
	}
	return view;
}

/* Was this peer turned away a short while ago? If not, it is to be remembered now. */
static bool comes_again(struct newcomers *ns, uint32_t tag)
{
	const uint32_t *away = ns->away[tag % AWAY_SETS];
	bool again = false;

#pragma GCC unroll 8 /* no branch: which of them it is does not matter */
	for (unsigned int i = 0; i < AWAY_WAYS; i++)
		again |= away[i] == tag;
	return again;
}

static void turn_away(struct newcomers *ns, uint32_t tag)
{
	uint32_t *away = ns->away[tag % AWAY_SETS];

	memmove(&away[1], &away[0], (AWAY_WAYS - 1) * sizeof(away[0]));
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

struct newcomer *newcomers_place(struct newcomers *ns, struct newcomer *set,
				 const struct crowd *crowd, const struct probe *p, uint64_t now_ns)
{
	unsigned int own = crowd_weigh(crowd, p->trait, p->port), most = 0, weight = 0;
	struct newcomer *heaviest = NULL;
	uint64_t oldest_ns = 0;
	uint32_t tag;

	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++) {
		unsigned int bits, aged;
		uint64_t age_ns;

		if (!newcomer_used(&set[i]))
			return &set[i];
		age_ns = now_ns - newcomer_ns(&set[i], now_ns);
		if (age_ns > NEWCOMERS_STAY_NS)
			return &set[i];
		bits = crowd_weigh(crowd, set[i].trait, set[i].port);
		aged = bits + 31 - (unsigned int)__builtin_clz((uint32_t)(age_ns >> AGE_SHIFT) + 1);
		if (!heaviest || aged > most || (aged == most && age_ns > oldest_ns)) {
			heaviest = &set[i];
			most = aged;
			weight = bits;
			oldest_ns = age_ns;
		}
	}
	if (weight > own + CROWD_MARGIN)
		return heaviest;
	tag = addr_hash(p->peer, ~ns->seed);
	if (comes_again(ns, tag))
		return heaviest;
	if (own < CROWD_HEAVY && own <= most + CROWD_MARGIN && within_pace(ns, now_ns))
		return heaviest;
	turn_away(ns, tag);
	return NULL;
}
