/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a suspected or open flood looks like: from a sample of its packets.
 *
 * Theory of operation
 * -------------------
 * Who is hit and where is a majority vote (Boyer, Moore: "MJRTY", 1991). How many sources there are is
 * counted in a sketch until FLOOD_SAMPLES packets have been looked at, and extrapolated. Which prefixes
 * they have is kept in a small radix trie that all cases share, with a counter for each case in its
 * nodes: leaves that do not come again fold into their parent (Cho, Kaizaki, Kato: "Aguri", 2001), so that
 * what is left in a node is the prefix's own. A prefix is named when it has a tenth of all, less what
 * named prefixes within it have.
 *
 * Are the addresses forged? Yes, if some are of networks that nobody can send from; or if nearly all come
 * once, finish no handshake, and have come the same way (TTL). No, if a good part of them has finished
 * handshakes, or has reset what this host answered: some one is at home there. Reflectors are, too. Else nothing is said.
 */
#ifndef MIMAMORI_SENSOR_FLOOD_CASE_H
#define MIMAMORI_SENSOR_FLOOD_CASE_H

#include "core/sketch.h"
#include "core/trie.h"
#include "sensor/detect-flood.h"

#define FLOOD_LEAVES 84
#define FLOOD_AGGREGATES 24
#define FLOOD_SAMPLES 4096 /* in the sketch of sources */
#define FLOOD_SCANNERS 64 /* sources that may share one fast scan: its decoys, too */
#define FLOOD_SCAN_TRIES 3 /* of each port; more on average are no scan's */

struct flood_vote {
	uint64_t value;
	uint32_t votes;
};

struct flood_case {
	bool used, open;
	bool scanned; /* an earlier sample looked like a scan's */
	uint8_t index; /* of its counters in the trie */
	struct lane *lane;
	uint64_t opened_ns;
	uint64_t hot_ns; /* end of the latest window that was hot: over what is allowed, and not by itself */
	uint64_t over_ns; /* end of the latest window over what is allowed */
	uint64_t report_at; /* packets */
	uint64_t peak, peak_bytes; /* of a second */
	uint64_t peak_window; /* packets of the busiest window */
	uint64_t handshakes; /* finished */
	uint64_t resets; /* of this host's SYN/ACKs, by those who had not sent the SYN, or not by their kernel */
	uint64_t answered; /* datagrams by this host */
	struct flood_vote now; /* the victim of this window */
	uint32_t now_samples;
	struct flood f;

	uint32_t slice_looks; /* packets of the ports in the slice, since it is suspected */
	uint64_t slice_packets; /* for how many those stand, bulk for itself */
	uint32_t thinned; /* so many packets, not bulk, one stands for at the most */
	uint32_t samples, first_ports; /* packets looked at; those in port_bits */
	uint32_t first_flows; /* those that could be in flow_bits: of peers that nobody has answered */
	uint32_t sketched; /* of them in the sketch of sources */
	uint32_t ordinary; /* SYNs with all the options that a client's kernel gives them */
	uint32_t bogons; /* sources that nobody can have */
	uint32_t answers; /* datagrams that answer what nobody here asked */
	uint32_t ways; /* packets, whose way was seen, not that of this host's answers to them */
	struct flood_vote port, peer_port, self, ttl;
	uint64_t ttls[4]; /* bitmap of those seen */
	/* Hashes of the ports, and of peers with theirs, of the first samples. */
	uint64_t port_bits[4], flow_bits[8];
	struct sketch peers;
	struct sketch slice; /* peer, address and port of the slice */
};

struct flood_prefixes;

/* Owned; NULL with errno. */
struct flood_prefixes *flood_prefixes_new(uint64_t seed);
void flood_prefixes_free(struct flood_prefixes *fp);
size_t flood_prefixes_bytes(void);

/* Begins anew, but for index. */
void flood_case_begin(struct flood_case *c, struct flood_prefixes *fp, struct lane *l,
		      uint64_t now_ns);

/* Forgets the sample, not the slice: what it told was a scan. */
void flood_case_forget(struct flood_case *c, struct flood_prefixes *fp);

/* Takes a packet into the sample. turned: see floods_look(). */
void flood_case_sample(struct flood_case *c, struct flood_prefixes *fp, const struct packet *p,
		       bool turned);

/* Takes the way a packet came into the sample, nothing else. */
void flood_case_way(struct flood_case *c, const struct packet *p);

/* A packet of the slice, sampled or not. */
void flood_case_slice(struct flood_case *c, const struct packet *p, bool turned);

/* Is what it has seen rather a scan: few peers, whose packets go to many ports, few to each? */
bool flood_case_scans(const struct flood_case *c);

/* Are its peers and ports many, as those of forged addresses are, or few? SYNs count as of few that are
 * ordinary clients': of a service that is away for a moment all of them ask at once. */
bool flood_case_many(const struct flood_case *c);

/* Fragments so small that no datagram was too large for any ordinary link. */
bool flood_case_crumbs(const struct flood_case *c);

/* Datagrams to a service which answers (nearly) none of them, and neither as large as media have them nor to a port where
 * media could be. */
bool flood_case_deaf(const struct flood_case *c);

/* Fills in what the sample tells. */
void flood_case_describe(struct flood_case *c, struct flood_prefixes *fp);

#endif
