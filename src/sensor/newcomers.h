/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doorkeeper of the trie: peers with a single contact in vain wait here.
 *
 * Theory of operation
 * -------------------
 * A spoofed flood is a stream of peers that come once. Each would cost the trie a leaf, a branch and a
 * fold; here it costs one entry of 32 bytes in a table that fits a processor's first cache. A
 * newcomer moves on into the trie with its second contact, or with the first one of a neighbour:
 * sets are formed by neighbourhood (/24 in IPv4, /64 in IPv6), so that addresses which work together
 * meet here. The oldest of a full set gives way, and its one contact is added to the prefix of the
 * trie that holds it: nothing is lost but resolution.
 *
 * The idea of a doorkeeper is from Einziger, Friedman, Manes: "TinyLFU", 2017.
 */
#ifndef MIMAMORI_SENSOR_NEWCOMERS_H
#define MIMAMORI_SENSOR_NEWCOMERS_H

#include "sensor/evidence.h"
#include "sensor/probe.h"

#include <stdbool.h>
#include <stdint.h>

#define NEWCOMERS_WAYS 4
#define NEWCOMER_MAX_REPEATS 63

struct newcomer {
	struct addr peer; /* ::, which no peer has: free */
	uint64_t t_ns;
	uint16_t port;
	uint8_t where; /* evidence_where() */
	uint8_t host; /* number of its evidence_host_bit() */
	uint8_t kind, tools; /* as in struct probe */
	uint8_t weight;
	uint8_t ambient : 1, refused : 1;
	uint8_t repeats : 6; /* of the contact, saturating */
};

struct newcomers;

/* capacity is rounded up to a power of two times NEWCOMERS_WAYS. Owned; NULL with errno. All memory
 * is taken and touched at once. */
struct newcomers *newcomers_new(unsigned int capacity, uint64_t seed);
void newcomers_free(struct newcomers *ns);

/* The entry of this peer, or NULL. Borrowed. */
struct newcomer *newcomers_find(struct newcomers *ns, struct addr peer);

/* What a peer's set holds for it. All borrowed. */
struct newcomers_view {
	struct newcomer *self; /* its own entry, or NULL: then the two others are told */
	struct newcomer *neighbour; /* another of the same neighbourhood, or NULL */
	struct newcomer *place; /* free, or the oldest of the set, which has to be seen off first */
};

struct newcomers_view newcomers_look(struct newcomers *ns, struct addr peer);

static inline bool newcomer_used(const struct newcomer *n)
{
	return n->peer.hi || n->peer.lo;
}

static inline void newcomer_clear(struct newcomer *n)
{
	n->peer = (struct addr){ 0, 0 };
}

#endif
