/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/newcomers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBOURS_V4 (ADDR_V4_OFFSET + 24)
#define NEIGHBOURS_V6 64
#define MAX_CAPACITY 65536

_Static_assert(sizeof(struct newcomer) == 32, "two to a cache line");

struct newcomers {
	uint64_t seed;
	uint32_t set_mask;
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
	struct newcomers_view view = { .place = set };
	struct addr near = neighbourhood(peer);

	for (unsigned int i = 0; i < NEWCOMERS_WAYS; i++) {
		if (!newcomer_used(&set[i])) {
			view.place = &set[i];
			continue;
		}
		if (addr_eq(set[i].peer, peer)) {
			view.self = &set[i];
			return view;
		}
		if (addr_eq(neighbourhood(set[i].peer), near))
			view.neighbour = &set[i];
		if (newcomer_used(view.place) && set[i].t_ns < view.place->t_ns)
			view.place = &set[i];
	}
	return view;
}
