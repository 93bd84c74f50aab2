/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When to shed load, and of what: under a flood the host's own answers are half of all packets, and tell
 * nothing that its listing of listeners does not tell. Those that the flood makes are left out
 * above a rate, and seen again once it has fallen to a quarter. The source sheds nothing where others
 * may answer for the host.
 *
 * Theory of operation
 * -------------------
 * What is asked for is always seen, what it is answered is not: so openings are counted by their port. A
 * table of slots, found by a hash that nobody can guess, keeps of each the port that has the majority
 * (Boyer and Moore's vote): one port's flood is counted whole, and floods of ports at random cancel
 * out. A served port with many is flooded: its SYN/ACKs are left out, while those of other ports go
 * on telling how connections begin. Openings that no served port explains are refused, or
 * dropped: when they are many, refusals are left out. Rates are taken on packets, not by a timer.
 */
#ifndef MIMAMORI_SENSOR_PACKET_SHED_H
#define MIMAMORI_SENSOR_PACKET_SHED_H

#include "sensor/filter.h"
#include "sensor/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define PACKET_SHED_SLOTS 256 /* 2 kB: a few ports are flooded at a time, or thousands at random */

struct packet_shed_slot {
	uint16_t port;
	uint32_t votes; /* openings of the port, less those of others in its slot */
};

struct packet_shed {
	uint32_t per_second; /* shed above this many packets a second; 0: never */
	bool on; /* anything of the following is left out */
	bool refusals;
	unsigned int n_ports; /* the served ports that are flooded, ascending */
	uint16_t port[FILTER_MAX_TCP_PORTS];
	uint64_t times; /* how often it began */
	uint32_t salt; /* odd */
	/* Of the window that is being counted: */
	uint64_t since_ns, packets, openings;
	struct packet_shed_slot slot[PACKET_SHED_SLOTS];
};

/* salt: of the hash. Touches all memory. */
void packet_shed_init(struct packet_shed *s, uint32_t per_second, uint32_t salt, uint64_t now_ns);

static inline struct packet_shed_slot *packet_shed_slot(struct packet_shed *s, uint16_t port)
{
	return &s->slot[port * s->salt >> 24];
}

/* Counts a packet that came in: openings only, which are TCP without ACK and RST. */
static inline void packet_shed_see(struct packet_shed *s, const struct packet *p)
{
	struct packet_shed_slot *slot;

	if (p->proto != PACKET_TCP || (p->tcp_flags & (TCP_ACK | TCP_RST)))
		return;
	s->openings++;
	slot = packet_shed_slot(s, p->dport);
	if (slot->port == p->dport)
		slot->votes++;
	else if (slot->votes)
		slot->votes--;
	else
		*slot = (struct packet_shed_slot){ p->dport, 1 };
}

/* Counts a batch that was read at now_ns. True when it is time to choose: the window is
 * over, and the rate is high or was. */
bool packet_shed_count(struct packet_shed *s, uint64_t now_ns, uint64_t packets);

/* Chooses by the window, which ends at now_ns, what to leave out in the next one. served: the TCP ports
 * that this host serves, ascending. True when the choice has changed. */
bool packet_shed_choose(struct packet_shed *s, uint64_t now_ns, const uint16_t *served,
			unsigned int n_served);

#endif
