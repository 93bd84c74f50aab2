/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A probe: one packet or connection attempt, reduced to peer, target, kind and outcome.
 */
#ifndef MIMAMORI_SENSOR_PROBE_H
#define MIMAMORI_SENSOR_PROBE_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* By what kind of packet it was tried; in the order of the signature ids (mimamori-events(7)). */
enum probe_kind {
	PROBE_SYN, /* a SYN no ordinary TCP sends: no options, or MSS alone */
	PROBE_CONNECT, /* an ordinary SYN: connect(2) */
	PROBE_FIN,
	PROBE_NULL,
	PROBE_XMAS, /* FIN, PSH, URG */
	PROBE_ACK, /* ACK or window scan: it cannot be told which */
	PROBE_MAIMON, /* FIN, ACK out of any connection */
	PROBE_UDP,
	PROBE_ECHO, /* ICMP or ICMPv6 echo request */
	PROBE_ARP,
	PROBE_CUSTOM, /* other flags that no TCP sends */
	PROBE_SCTP_INIT, /* RFC 9260: asks for an association */
	PROBE_SCTP_COOKIE, /* a COOKIE ECHO out of any association */
	PROBE_IP_PROTO, /* a datagram of a protocol nobody here speaks; its number is the port */
	PROBE_ICMP_QUERY, /* ICMP timestamp, address mask or information request */
	PROBE_NEIGHBOUR, /* ICMPv6 neighbour solicitation */
	PROBE_VERSION, /* a served port, asked nothing, or what no client of it asks: service detection */
	PROBE_OS, /* packets made to tell operating systems apart */
	PROBE_KINDS,
};

enum probe_outcome {
	PROBE_UNKNOWN, /* no answer yet */
	PROBE_CLOSED, /* nothing listens, says the host's own listing; no answer seen yet */
	PROBE_OPEN,
	PROBE_REFUSED, /* RST or ICMP unreachable seen */
	PROBE_UNANSWERED, /* waited for in vain */
	PROBE_ABORTED, /* it was served, and the peer broke off before it had asked for anything */
};

/* PROBE_VERSION by what the peer did; of PROBE_OS a hash tells its packets apart. */
enum probe_variant {
	PROBE_LEFT, /* finished the handshake, asked nothing, and left */
	/* One of these, and the question's number beside it: */
	PROBE_ASKED = 0x40, /* what no client of that port asks */
	PROBE_ASKED_ODDLY = 0x80, /* what clients ask elsewhere; of that port nothing is known */
	PROBE_ASKED_LATE =
		0xc0, /* a program's question, but only after it had waited for a greeting */
};

struct probe {
	struct addr peer, self;
	uint16_t peer_port, port; /* host order; 0 where the kind has none */
	uint8_t kind; /* enum probe_kind */
	uint8_t outcome; /* enum probe_outcome */
	uint8_t tools; /* FINGERPRINT_* bits of the packet */
	uint32_t seq; /* TCP sequence number, 0 without TCP */
	uint32_t link; /* hash of the sender's link address; 0: none, or unknown */
	/* Of one kind: contacts of their own. enum probe_variant, the ICMP type of a query; else 0. */
	uint8_t variant;
	uint8_t trait[4]; /* crowd_traits(): in what it may be like those of a flood */
	uint8_t answer_unseen; /* its answer is not looked at just now: no silence can be told from one */
};

/* Port, kind and variant: what makes contacts with one address different ones. */
static inline uint64_t probe_key(const struct probe *p)
{
	return (uint64_t)p->variant << 24 | (uint64_t)p->port << 8 | p->kind;
}

/* What many monitors and port checks do as well: it counts only beside other things. */
static inline bool probe_is_leave(const struct probe *p)
{
	return p->kind == PROBE_VERSION && p->variant == PROBE_LEFT;
}

#endif
