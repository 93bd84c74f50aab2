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
 * meet here.
 *
 * In a full set one gives way, and its one contact is added to the prefix of the trie that holds it.
 * Who is turned away at once is but counted: that prefix would know nothing but the flood's size.
 * Were it always the oldest, 100,000 forged addresses a second would leave a scanner 5 ms for its
 * second contact. So the heaviest gives way (crowd.h): the one whose packets are most like what
 * everybody sends just now, the arriving one included. A flood so displaces no one but its own, and
 * a peer that differs from it in one respect stays for hours. Age counts by its logarithm, eight
 * bits in a day: against a flood it is nothing; among equals the oldest gives way. After a day a
 * contact is over.
 *
 * Two rules guard the edges. Among equals only one a second gives way, after a burst
 * of 32: the first packets of a flood, before its weight shows, empty no table. And who was
 * turned away is remembered for a while by a hash of 32 bits: when it comes again, it gets in whatever its
 * weight. That finds a fast scanner whose packets look just as the flood's do: 20 ms at
 * 100,000 a second, one second at 2,000. A slower one that is alike in all traits cannot be found:
 * nothing that is bounded can remember a hundred million peers of which one will come again.
 *
 * The idea of a doorkeeper is from Einziger, Friedman, Manes: "TinyLFU", 2017.
 */
#ifndef MIMAMORI_SENSOR_NEWCOMERS_H
#define MIMAMORI_SENSOR_NEWCOMERS_H

#include "sensor/crowd.h"
#include "sensor/evidence.h"
#include "sensor/probe.h"

#include <stdbool.h>
#include <stdint.h>

#define NEWCOMERS_WAYS 4
#define NEWCOMERS_STAY_NS (24 * 3600ULL * 1000000000ULL)
#define NEWCOMERS_BURST 32 /* equals that give way to equals at once, */
#define NEWCOMERS_PACE_SHIFT 30 /* and one each so many nanoseconds, as a power of two: 1.07 s */
#define NEWCOMER_MAX_REPEATS 15
#define NEWCOMER_TIME_SHIFT 12 /* 4 us: 40 bits of it pass in 52 days */

struct newcomer {
	struct addr peer; /* ::, which no peer has: free */
	uint64_t time : 40; /* of the contact, in 2^NEWCOMER_TIME_SHIFT ns; see newcomer_ns() */
	uint64_t weight : 6; /* of evidence, in sixteenths of a bit */
	uint64_t host : 6; /* number of its evidence_host_bit() */
	uint64_t kind : 5; /* enum probe_kind */
	uint64_t repeats : 4; /* of the contact, saturating */
	uint64_t ambient : 1, refused : 1, aborted : 1;
	uint16_t port;
	uint8_t where; /* evidence_where() */
	uint8_t tools; /* as in struct probe */
	uint8_t trait[CROWD_TRAITS];
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
	struct newcomer *self; /* its own entry, or NULL: then the neighbour is told */
	struct newcomer *neighbour; /* another of the same neighbourhood, or NULL */
	struct newcomer *set; /* NEWCOMERS_WAYS of them */
	struct newcomer *free; /* one of them that is, or NULL */
};

struct newcomers_view newcomers_look(struct newcomers *ns, struct addr peer);

/*
 * Where in its set this peer's contact may wait: a free entry, or one in use, which has to be seen off
 * first. NULL: it is turned away itself. view: of this peer, just taken. Borrowed.
 */
struct newcomer *newcomers_place(struct newcomers *ns, const struct newcomers_view *view,
				 const struct crowd *crowd, const struct probe *p, uint64_t now_ns);

/* When its contact was, to 4 us. */
static inline uint64_t newcomer_ns(const struct newcomer *n, uint64_t now_ns)
{
	uint64_t now = now_ns >> NEWCOMER_TIME_SHIFT;

	return now_ns - (((now - n->time) & ((1ULL << 40) - 1)) << NEWCOMER_TIME_SHIFT);
}

static inline bool newcomer_used(const struct newcomer *n)
{
	return n->peer.hi || n->peer.lo;
}

static inline void newcomer_clear(struct newcomer *n)
{
	n->peer = (struct addr){ 0, 0 };
}

#endif
