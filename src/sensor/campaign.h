/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Campaigns: unrelated peers that ask for the same few ports.
 *
 * Theory of operation
 * -------------------
 * A scan can be spread over peers that share no prefix, each of which stays below what makes a scan of
 * its own. What they share is the work: the same list of ports. So a peer whose third contact in vain
 * makes it suspect is held against the port sets of the latest suspects; the third peer with
 * the very same CAMPAIGN_PORTS ports is a campaign, unless two of them are neighbours (those are
 * a group's matter, group.h). Peers who come later join it with two ports of the set.
 *
 * The clients of a service that is gone ask for its ports, too. Ordinary packets to ports that
 * clients use anyway (web, mail, names, messages) therefore make no campaign.
 *
 * Not seen: peers with one or two probes each before a campaign is known. A flood from forged
 * addresses looks the same, and there is no telling how many peers it stands for.
 */
#ifndef MIMAMORI_SENSOR_CAMPAIGN_H
#define MIMAMORI_SENSOR_CAMPAIGN_H

#include "sensor/evidence.h"
#include "sensor/finding.h"

#include <stdbool.h>
#include <stdint.h>

#define CAMPAIGNS 16
#define CAMPAIGN_PORTS 3
#define CAMPAIGN_PEERS 3

struct campaign {
	uint16_t port[CAMPAIGN_PORTS]; /* ascending */
	uint8_t peers; /* 0: free */
	struct addr peer[CAMPAIGN_PEERS]; /* of one family */
	uint64_t last_ns;
	struct finding_ref told;
};

/* Embedded, no heap; zeroed is empty. */
struct campaigns {
	struct campaign slot[CAMPAIGNS];
};

/* The distinct ports of the peer's contacts in vain, ascending, to port. How many; 0: too many. */
unsigned int campaign_ports(const struct evidence *ev, uint16_t port[CAMPAIGN_PORTS]);

/* Do clients look for all n of these ports by themselves? */
bool campaign_for_clients(const uint16_t *port, unsigned int n);

/* The told campaign of peer's family that has all n of these ports, or NULL. Borrowed. */
struct campaign *campaigns_told(struct campaigns *cs, struct findings *fs, struct addr peer,
				const uint16_t *port, unsigned int n);

/*
 * A peer has asked for just these ports. The campaign of which it is the last that was needed, or
 * NULL. ordinary: its packets were those of any program. Borrowed.
 */
struct campaign *campaigns_meet(struct campaigns *cs, struct findings *fs, struct addr peer,
				const uint16_t port[CAMPAIGN_PORTS], bool ordinary,
				uint64_t now_ns);

#endif
