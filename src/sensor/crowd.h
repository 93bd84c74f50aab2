/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The crowd: how many peers send packets like this one just now.
 *
 * Theory of operation
 * -------------------
 * Forging a source address is free, so a flood may have as many peers as it has packets, and no table of
 * fixed size can hold them until one of them comes again. But its packets come from one program, and
 * are alike; a scanner's differ from them in something. So a probe is reduced to five traits, each a
 * byte: its shape (kind, TCP options, family), its window (without TCP, its length), the path
 * it came (TTL and link address), the network it claims to come from (/16, or /48 in IPv6), and its port. For
 * each trait a counter by value says how many probes in vain had it lately; the weight of a probe is the
 * sum of the logarithms. Traits that a flood draws at random add the same to everyone, one that it has fixed
 * adds twenty bits to the flood alone. Wherever room is short (newcomers.h, the trie, findings) the heaviest
 * gives way, not the oldest.
 *
 * The sum of logarithms is, up to a constant, how likely the crowd is to send this very probe, taking
 * traits as independent ("naive Bayes"). A joint hash would be sharper against a flood of one shape, and
 * blind to one with a single trait at random.
 *
 * Counters halve on an absolute grid of 34 s, computed when touched: no timer is needed. What a finding
 * speaks of already is not counted, so that a loud scanner makes no crowd that a quiet one drowns in.
 */
#ifndef MIMAMORI_SENSOR_CROWD_H
#define MIMAMORI_SENSOR_CROWD_H

#include "core/addr.h"

#include <stdint.h>

struct packet;

#define CROWD_TRAITS 4 /* in the probe; the fifth is its port */

/* Differences of weight below this are chance: two counters may be rounded differently, no more. */
#define CROWD_MARGIN 6
/* Eight bits a trait: some hundred packets alike within a minute. */
#define CROWD_HEAVY 40

struct crowd {
	uint64_t step; /* of the grid, for which the counters hold */
	/* How often a logarithm has grown by one: no weight can have grown by more since. */
	uint32_t raised;
	uint32_t count[CROWD_TRAITS + 1][256];
	uint8_t bits[CROWD_TRAITS + 1][256]; /* logarithms of the counters, rounded down */
};

void crowd_init(struct crowd *c);

/* The traits of a probe of this peer, of enum probe_kind, that this packet is, or has answered. */
void crowd_traits(const struct packet *p, struct addr peer, uint8_t kind,
		  uint8_t trait[CROWD_TRAITS]);

/* One more probe in vain. */
void crowd_count(struct crowd *c, const uint8_t trait[CROWD_TRAITS], uint16_t port,
		 uint64_t now_ns);

static inline uint8_t crowd_port(uint16_t port)
{
	return (uint8_t)((uint32_t)port * 40503u >> 8);
}

/* Its weight, in bits: 0, nothing like it has come lately, to 160. */
static inline unsigned int crowd_weigh(const struct crowd *c, const uint8_t trait[CROWD_TRAITS],
				       uint16_t port)
{
	return c->bits[0][trait[0]] + c->bits[1][trait[1]] + c->bits[2][trait[2]] +
	       c->bits[3][trait[3]] + c->bits[CROWD_TRAITS][crowd_port(port)];
}

#endif
