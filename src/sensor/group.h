/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups: neighbours whose contacts in vain are one scan, shared between them.
 *
 * Theory of operation
 * -------------------
 * Whoever owns an IPv6 /64 has an address for each probe, and a rented IPv4 /24 has 254. So beside a
 * peer's own evidence there is that of its neighbourhood (/24, /64), in which a contact counts once,
 * whichever neighbour made it. A group begins with the second contact of a peer, or when two
 * newcomers of a neighbourhood meet at the door (newcomers.h); from then on a hash of the
 * neighbourhood finds it, in one cache line when there is none.
 *
 * Its evidence is judged as a peer's is, and then has to stand on several peers (group_stands()):
 * - three of them, or two where tools made the packets in one IPv6 /64, which is one site's;
 * - not on one alone: without the busiest, two contacts are left. Else the finding is the peer's;
 * - on work that was divided: where the neighbours ask for the same ports, as the clients of a dead
 *   service do behind a carrier's addresses, contacts asked again outnumber the distinct ones; unless
 *   these are more than anybody's dead services, so that asking for each port twice hides no scan;
 * - not on ordinary packets to the ports of mail, web and messages alone, unless these are many;
 * - not on clients, who come back for what they want. Ordinary packets, unless they come within seconds,
 *   have to be as many as a scan's that nobody has come back for in more than an hour, and one more for
 *   each that somebody did come back for; or to be more than anybody's dead services;
 * - not in haste: the first packets of hosts that scan at the same time, each for itself, come in any
 *   order. So in the second after its first contact a group needs one more of them than a scan does, by three
 *   peers that had done with theirs before the next began: who goes on after another has contributed will soon
 *   be told by itself. Then that second begins anew;
 * - beyond chance: a flood forged from random addresses puts n of them into one /24 by itself. The
 *   flood's size since the group began, counted for each shape of packet, gives the number to be
 *   expected (Poisson), and the group needs odds of 2^GROUP_CHANCE_BITS against that.
 *
 * Neighbours on the link are persons, not a group: there, one and the same link address makes a
 * group (one machine that rotates its addresses), and where link addresses are not known only
 * packets that no ordinary program sends count.
 *
 * The table is of fixed size. What gives way first: groups of the shape of a flood that is going on,
 * then those of fewest peers, then the longest silent.
 */
#ifndef MIMAMORI_SENSOR_GROUP_H
#define MIMAMORI_SENSOR_GROUP_H

#include "sensor/evidence.h"
#include "sensor/finding.h"
#include "sensor/probe.h"

#include <stdbool.h>
#include <stdint.h>

#define GROUP_V4_BITS (ADDR_V4_OFFSET + 24)
#define GROUP_V6_BITS 64
#define GROUP_MEMBERS 16 /* known by address; more are only counted */
#define GROUP_PEERS 3 /* that must have contributed */
#define GROUP_SITE_PEERS 2 /* likewise of an IPv6 /64 beyond a router, by packets that tools make */
#define GROUP_CHANCE_BITS 32

#define GROUP_ROUTED 0 /* link: the neighbours are beyond a router */
#define GROUP_LINK_UNKNOWN \
	1 /* link: on the link, whose addresses are not known, or do not matter */

/* What floods are told apart by. */
enum group_shape { GROUP_ORDINARY, GROUP_RAW, GROUP_MARKED, GROUP_OTHER, GROUP_SHAPES };

struct group {
	struct addr near; /* the neighbourhood */
	uint32_t link; /* of the one machine on the link, or GROUP_* */
	uint8_t members, shapes; /* how many of member[] are in use; bits 1 << enum group_shape */
	uint8_t made; /* contacts by packets that only tools make, saturating */
	bool proven; /* a contributor finished a handshake */
	uint16_t shared; /* contacts that were asked for again by another, saturating */
	uint16_t others; /* contacts by those beyond member[], saturating */
	uint32_t since; /* its first contact, or the latest when a peer was disowned, by 2^20 ns */
	uint64_t more; /* sketch of the peers beyond member[] */
	uint64_t member[GROUP_MEMBERS]; /* low words of the first peers' addresses */
	uint8_t by[GROUP_MEMBERS]; /* distinct contacts that each contributed first */
	uint8_t last; /* which of member[] contributed last */
	uint8_t again; /* bits: exact contacts of ev that somebody came back for: a client's */
	uint16_t asked[EVIDENCE_EXACT]; /* when each was asked for by one who had not yet, by 2^32 ns */
	uint16_t back; /* bits: which of member[] contributed again, others having done so in between */
	uint32_t base[GROUP_SHAPES]; /* newcomers when it began */
	struct finding_ref told;
	struct evidence ev;
};

struct groups;

/* Owned; NULL with errno. All memory (GROUPS of them) is taken and touched at once. */
struct groups *groups_new(uint64_t seed);
void groups_free(struct groups *gs);

/* One more peer that came for the first time: what a flood is measured by. */
void groups_newcomer(struct groups *gs, const struct probe *p, uint64_t now_ns);

/* The neighbourhood of a peer. */
struct prefix group_near(struct addr peer);

/* Do only tools make such packets? Not so of ACK and Maimon probes: broken connections leave the like. */
bool group_tool_made(const struct probe *p);

/* May there be one of peer's neighbourhood, on whatever link? Seldom wrongly. */
bool groups_around(struct groups *gs, struct addr peer);

/* The group of peer's neighbourhood, or NULL. Borrowed, until the next groups_begin(). */
struct group *groups_find(struct groups *gs, struct addr peer, uint32_t link);

/* Begins the group of peer's neighbourhood with what is known of peer. Never fails. Borrowed. */
struct group *groups_begin(struct groups *gs, struct addr peer, uint32_t link,
			   const struct evidence *ev, const struct probe *p);

/* One more first contact in vain of one of its peers, of this weight. True when nobody of the group
 * had made it before. */
bool group_add(struct groups *gs, struct group *g, const struct probe *p, uint8_t weight,
	       uint64_t now_ns);

/* One of its peers makes a contact that it has made before. */
void group_again(struct group *g, const struct probe *p, uint64_t now_ns);

/* The host answered such a contact after all: takes it back. */
void group_undo(struct group *g, const struct probe *p, uint8_t weight);

/* This peer, with so many contacts in vain, has been told of by itself: what it contributed is no longer the
 * group's. */
void group_disown(struct groups *gs, struct group *g, struct addr peer, unsigned int contacts);

/* Its finding has ended: what it does now is judged and counted anew. */
void group_restart(struct groups *gs, struct group *g, uint64_t now_ns);

/* Is its evidence that of several peers who work together? failures: as of struct scan_policy. */
bool group_stands(const struct groups *gs, const struct group *g, uint32_t failures);

/* Address of its i-th member, i < members. */
struct addr group_member(const struct group *g, unsigned int i);

/*
 * Other routed groups, of several peers and of g's shapes, in the first len bits of g's
 * neighbourhood: up to `most` of them go to out. Returns how many. Borrowed.
 */
unsigned int groups_beside(const struct groups *gs, const struct group *g, unsigned int len,
			   const struct group **out, unsigned int most);

#endif
