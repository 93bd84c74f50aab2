/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoys: one scanner that sends each probe several times, from forged addresses and from its own.
 *
 * Theory of operation
 * -------------------
 * The copies of a probe (Nmap -D) follow each other within microseconds and differ in nothing but the
 * source address: same target, ports, TCP sequence number, link address. A small set-associative
 * table holds the latest probes in vain by a hash of what the copies share; a second address that
 * meets an entry shortly after is one of a group with the first. Two strangers do so by accident once
 * in 2^32 sequence numbers. UDP has none: there the time is shorter, the link address must not differ,
 * and what ordinary programs send from agreed ports (DNS, NTP, IKE; mDNS, whose two ports are equal)
 * or may send as an answer to an ephemeral port never begins a group.
 *
 * The first copy of a burst is seen before it can be told: it counts against its address, and is
 * moved to the group with the second one. A group remembers the marks (source port and sequence
 * number) of its scanner, so that this happens once, not with every port; with UDP it remembers who
 * its addresses are. What one of its addresses does otherwise is judged as its own. New marks
 * are the group's that knows one of the addresses: decoys that change with each probe hide nobody.
 *
 * Mirai's sequence number is the target's address, the same from every bot: it ties nobody. masscan's
 * and zmap's depend on the source address.
 *
 * A group is found out, not proven: engine-decoys.c judges it, and says which address is real.
 */
#ifndef MIMAMORI_SENSOR_DECOYS_H
#define MIMAMORI_SENSOR_DECOYS_H

#include "sensor/finding.h"

#include <stdbool.h>
#include <stdint.h>

#define DECOYS_SLOTS 256 /* latest probes: 2.5 ms of a flood of 100,000/s */
#define DECOYS_GROUPS \
	8 /* scanners with decoys at a time; more of one link share one, else the weakest gives way (counted) */
#define DECOYS_MEMBERS 32 /* addresses of a group known exactly; Nmap takes up to 128 */
#define DECOYS_MARKS 4 /* latest source ports and sequence numbers of a group's scanner */
#define DECOYS_FINDINGS 4 /* kinds of scans that a group has findings of */
#define DECOYS_TCP_WINDOW_NS 100000000ULL /* between two copies */
#define DECOYS_WINDOW_NS 20000000ULL /* likewise, where no sequence number ties them */

struct decoys_group {
	uint16_t id; /* 0: free */
	uint8_t members, marks, findings;
	bool link_differs; /* copies came from more than one link address */
	uint8_t real; /* 1 + the member that is real; 0: unknown */
	bool real_shook; /* it finished a handshake, or answered from the probes' own link address */
	bool link_routed; /* somebody from beyond the link answered from the probes' link address */
	bool strangers; /* addresses beyond the members reacted */
	bool told; /* a scan: when its findings have ended, so has the group */
	uint32_t link; /* of the probes, 0: unknown */
	struct addr self; /* tried last */
	/* One bit a member: it reset our SYN/ACK, at a second port as well; it finished a handshake, a
	 * newcomer until then; it did either from the probes' own link address; or from another, of which
	 * a neighbour has no second. */
	uint32_t reset, reset_twice, shook, same_link, other_link;
	uint16_t reset_port[DECOYS_MEMBERS];
	uint64_t last_ns; /* latest copy */
	uint64_t decide_ns; /* when who is real can be told; 0: nothing to tell it from */
	struct finding_ref finding[DECOYS_FINDINGS];
	struct evidence evidence;
	struct addr member[DECOYS_MEMBERS];
};

struct decoys;

struct decoys_match {
	struct decoys_group *group; /* NULL: of none. Borrowed */
	bool moved; /* this is the second copy: */
	struct addr first; /* and this address's contact is the group's, too */
};

/* Owned; NULL with errno. All memory is taken and touched at once. */
struct decoys *decoys_new(uint64_t seed);
void decoys_free(struct decoys *d);

/* Looks whether a probe in vain, which came at t_ns (clock time), is one copy of several. */
struct decoys_match decoys_look(struct decoys *d, const struct probe *p, uint64_t t_ns);

/* The group of this id, or the n-th of those in use; NULL: it has ended, or there are fewer. Borrowed. */
struct decoys_group *decoys_group(struct decoys *d, uint16_t id);
struct decoys_group *decoys_nth(struct decoys *d, unsigned int n);

/* The group whose scanner uses this source port and TCP sequence number, or NULL. Borrowed. */
struct decoys_group *decoys_marked(struct decoys *d, uint16_t port, uint32_t seq);

/* Which member the address is, or -1. */
int decoys_member(const struct decoys_group *g, struct addr peer);

/* Likewise, and makes it one in the place of the last. -1: that one may not go. */
int decoys_join(struct decoys_group *g, struct addr peer);

void decoys_drop(struct decoys *d, struct decoys_group *g);

/* Groups that gave way while they were worth something. */
uint64_t decoys_crowded(const struct decoys *d);

#endif
